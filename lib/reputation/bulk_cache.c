/* SPDX-License-Identifier: MIT */
#include "reputation/bulk_cache.h"
#include <stdlib.h>

#define ROWS_MAX     4096 /* waiting */
#define ROWS_BATCH   500  /* rows that are written together: about 10 ms */
#define BATCH_MS     200  /* maximum age of a row before the batch is written */
#define PAUSE_FACTOR 19	  /* of its time a run gives a twentieth to writing */
#define AGAIN_MS     50	  /* after another process held the lock */
#define END_WAIT_MS  2000

struct bulk_cache {
	const struct session *session;
	size_t count;
	int64_t due_ms; /* 0: nothing waits */
	int64_t not_before_ms;
	uint64_t lost;
	bool said, broken;
	struct finding_row rows[ROWS_MAX];
};

struct bulk_cache *bulk_cache_new(const struct session *session)
{
	struct bulk_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->session = session;
	return cache;
}

void bulk_cache_free(struct bulk_cache *cache)
{
	free(cache);
}

uint64_t bulk_cache_lost(const struct bulk_cache *cache)
{
	return cache->lost;
}

static void lose_all(struct bulk_cache *cache)
{
	cache->lost += cache->count;
	if (!cache->said)
		log_line(cache->session->log, LOG_NOTICE, "%s; results are correct but not cached",
			 cache->session->err->text);
	cache->said = true;
}

static int write_rows(struct bulk_cache *cache, int wait_ms)
{
	struct store *store = cache->session->store;
	int before = store_busy_timeout(store, wait_ms);
	int rc = store_begin(store, STORE_FAST);

	if (!rc) {
		rc = store_findings_put_rows(store, cache->session->conf, cache->rows,
					     cache->count);
		rc = store_end(store, rc);
	}
	store_busy_timeout(store, before);
	return rc;
}

static void write_batch(struct bulk_cache *cache, int wait_ms)
{
	int64_t begun = clock_mono_ms(), ended;
	int rc = write_rows(cache, wait_ms);

	ended = clock_mono_ms();
	cache->not_before_ms = ended + (ended - begun) * PAUSE_FACTOR;
	if (rc == IPREP_E_BUSY && !wait_ms) {
		cache->not_before_ms = ended + AGAIN_MS;
		return;
	}
	if (rc)
		lose_all(cache);
	cache->broken = rc && rc != IPREP_E_BUSY;
	cache->count = 0;
	cache->due_ms = 0;
}

void bulk_cache_tick(struct bulk_cache *cache)
{
	int64_t now;

	if (!cache->count)
		return;
	now = clock_mono_ms();
	if ((cache->count >= ROWS_BATCH || now >= cache->due_ms) && now >= cache->not_before_ms)
		write_batch(cache, 0);
}

void bulk_cache_put(struct bulk_cache *cache, const struct lookup *lookup)
{
	if (!cache->session->store || lookup->verdict.kind == V_EXEMPT)
		return;
	for (size_t i = 0; i < cache->session->conf->nsources; i++) {
		const struct finding *finding = &lookup->findings[i];

		if (finding->status != FINDING_OK || !finding->expires_at ||
		    !(lookup->task.asked & SOURCE_BIT(i)))
			continue;
		if (cache->count >= (finding->listed ? ROWS_MAX : ROWS_BATCH) || cache->broken) {
			cache->lost++;
			continue;
		}
		if (!cache->count)
			cache->due_ms = clock_mono_ms() + BATCH_MS;
		cache->rows[cache->count++] = (struct finding_row){ .key = lookup->key,
								    .source = (int)i,
								    .finding = *finding };
	}
	bulk_cache_tick(cache);
}

void bulk_cache_end(struct bulk_cache *cache)
{
	if (cache->count)
		write_batch(cache, END_WAIT_MS);
}

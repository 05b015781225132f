/* SPDX-License-Identifier: MIT */
#include "reputation/bulk_cache.h"
#include <stdlib.h>

#define ROWS_MAX     4096 /* waiting */
#define ROWS_BATCH   500  /* written as soon as there are so many: some 10 ms */
#define BATCH_MS     200  /* or so old */
#define PAUSE_FACTOR 19	  /* of its time a run gives a twentieth to writing */
#define AGAIN_MS     50	  /* after somebody else held the lock */
#define END_WAIT_MS  2000

struct bulk_cache {
	const struct session *session;
	size_t n;
	int64_t due_ms; /* 0: nothing waits */
	int64_t not_before_ms;
	uint64_t lost;
	bool said, broken;
	struct finding_row rows[ROWS_MAX];
};

struct bulk_cache *bulk_cache_new(const struct session *session)
{
	struct bulk_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->session = session;
	return c;
}

void bulk_cache_free(struct bulk_cache *c)
{
	free(c);
}

uint64_t bulk_cache_lost(const struct bulk_cache *c)
{
	return c->lost;
}

static void lose_all(struct bulk_cache *c)
{
	c->lost += c->n;
	if (!c->said)
		log_line(c->session->log, LOG_NOTICE, "%s; answers are right but not cached",
			 store_err(c->session->store)->text);
	c->said = true;
}

static int write_rows(struct bulk_cache *c, int wait_ms)
{
	struct store *s = c->session->store;
	int before = store_busy_timeout(s, wait_ms);
	int r = store_begin(s, STORE_FAST);

	if (!r)
		r = store_end(s, store_findings_put_rows(s, c->session->conf, c->rows, c->n));
	store_busy_timeout(s, before);
	return r;
}

static void flush(struct bulk_cache *c, int wait_ms)
{
	int64_t begun = clock_mono_ms(), ended;
	int r = write_rows(c, wait_ms);

	ended = clock_mono_ms();
	c->not_before_ms = ended + (ended - begun) * PAUSE_FACTOR;
	if (r == IPREP_E_BUSY && !wait_ms) {
		c->not_before_ms = ended + AGAIN_MS;
		return;
	}
	if (r)
		lose_all(c);
	c->broken = r && r != IPREP_E_BUSY;
	c->n = 0;
	c->due_ms = 0;
}

void bulk_cache_tick(struct bulk_cache *c)
{
	int64_t now;

	if (!c->n)
		return;
	now = clock_mono_ms();
	if ((c->n >= ROWS_BATCH || now >= c->due_ms) && now >= c->not_before_ms)
		flush(c, 0);
}

void bulk_cache_put(struct bulk_cache *c, const struct lookup *l)
{
	if (!c->session->store || l->verdict.kind == V_EXEMPT)
		return;
	for (size_t i = 0; i < c->session->conf->nsources; i++) {
		const struct finding *f = &l->findings[i];

		if (f->status != FINDING_OK || !f->expires_at || !(l->task.asked & SOURCE_BIT(i)))
			continue;
		if (c->n >= (f->listed ? ROWS_MAX : ROWS_BATCH) || c->broken) {
			c->lost++;
			continue;
		}
		if (!c->n)
			c->due_ms = clock_mono_ms() + BATCH_MS;
		c->rows[c->n++] =
			(struct finding_row){ .key = l->key, .source = (int)i, .finding = *f };
	}
	bulk_cache_tick(c);
}

void bulk_cache_end(struct bulk_cache *c)
{
	if (c->n)
		flush(c, END_WAIT_MS);
}

/* SPDX-License-Identifier: MIT */
#include "reputation/bulk_cache.h"
#include <stdlib.h>

#define ROWS_MAX     4096 /* waiting */
#define ROWS_BATCH   500  /* written as soon as there are so many: some 10 ms */
#define BATCH_MS     200  /* or so old */
#define PAUSE_FACTOR 19	  /* of its time a run gives a twentieth to writing */
#define AGAIN_MS     50	  /* after somebody else held the lock */
#define END_WAIT_MS  2000

struct listing_cache {
	const struct env *env;
	size_t n;
	int64_t due_ms; /* 0: nothing waits */
	int64_t not_before_ms;
	uint64_t lost;
	bool said, broken;
	struct finding_row rows[ROWS_MAX];
};

struct listing_cache *listing_cache_new(const struct env *env)
{
	struct listing_cache *c = calloc(1, sizeof(*c));

	if (c)
		c->env = env;
	return c;
}

void listing_cache_free(struct listing_cache *c)
{
	free(c);
}

uint64_t listing_cache_lost(const struct listing_cache *c)
{
	return c->lost;
}

static void lose_all(struct listing_cache *c)
{
	c->lost += c->n;
	if (!c->said)
		log_line(c->env->log, LOG_NOTICE, "%s; answers are right but not cached",
			 store_err(c->env->store)->text);
	c->said = true;
}

static int write_rows(struct listing_cache *c, int wait_ms)
{
	struct store *s = c->env->store;
	int before = store_patience(s, wait_ms);
	int r = store_begin(s, STORE_FAST);

	if (!r)
		r = store_end(s, store_findings_put_rows(s, c->env->conf, c->rows, c->n));
	store_patience(s, before);
	return r;
}

static void flush(struct listing_cache *c, int wait_ms)
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

void listing_cache_tick(struct listing_cache *c)
{
	int64_t now;

	if (!c->n)
		return;
	now = clock_mono_ms();
	if ((c->n >= ROWS_BATCH || now >= c->due_ms) && now >= c->not_before_ms)
		flush(c, 0);
}

void listing_cache_put(struct listing_cache *c, const struct lookup *l)
{
	if (!c->env->store || l->verdict.kind == V_EXEMPT)
		return;
	for (size_t i = 0; i < c->env->conf->nsources; i++) {
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
	listing_cache_tick(c);
}

void listing_cache_end(struct listing_cache *c)
{
	if (c->n)
		flush(c, END_WAIT_MS);
}

/* SPDX-License-Identifier: MIT */
/* counters.c - what was counted, by day, with what hooks have counted since the last worker */
#include "api/iprep_private.h"
#include "store/hook_counts.h"
#include <stdlib.h>
#include <string.h>

#define PAGE  64
#define DAY_S 86400

struct walk {
	struct iprep_ctx *ctx;
	int64_t from_day, to_day;
	int (*row)(void *user, const struct iprep_counter *counter);
	void *user;
	struct counter page[PAGE];
	/* of hooks, not in the database yet, in the order of the rows; of these `given` are out */
	struct counter rest[NHOOK_COUNTS];
	size_t nrest, given;
};

static int by_order(const void *left, const void *right)
{
	return store_counter_compare(left, right);
}

static int read_rest(struct walk *walk)
{
	int count = hook_counts_unfolded(walk->ctx->store, walk->ctx->conf->state, walk->rest);

	if (count < 0)
		return count;
	qsort(walk->rest, (size_t)count, sizeof(walk->rest[0]), by_order);
	if (count && (walk->rest[0].day < walk->from_day || walk->rest[0].day > walk->to_day))
		count = 0;
	walk->nrest = (size_t)count;
	return 0;
}

static int give_one(struct walk *walk, const struct counter *from, int64_t more)
{
	struct iprep_counter counter = { .day = from->day * DAY_S,
					 .name = from->name,
					 .label = from->label,
					 .count = from->count + more };

	if (walk->row(walk->user, &counter))
		return err_set(&walk->ctx->err, IPREP_E_IO, "the caller ended the list");
	return 0;
}

/* Those that come before the row; NULL: all. */
static int give_rest(struct walk *walk, const struct counter *before)
{
	int rc = 0;

	while (!rc && walk->given < walk->nrest &&
	       (!before || store_counter_compare(&walk->rest[walk->given], before) < 0))
		rc = give_one(walk, &walk->rest[walk->given++], 0);
	return rc;
}

static int give_page(struct walk *walk, int count)
{
	for (int i = 0; i < count; i++) {
		const struct counter *counter = &walk->page[i];
		int64_t more = 0;
		int rc = give_rest(walk, counter);

		if (rc)
			return rc;
		if (walk->given < walk->nrest &&
		    !store_counter_compare(&walk->rest[walk->given], counter))
			more = walk->rest[walk->given++].count;
		rc = give_one(walk, counter, more);
		if (rc)
			return rc;
	}
	return 0;
}

static int walk_counters(struct walk *walk)
{
	struct counter last = { 0 };
	int count, rc = read_rest(walk);

	if (rc)
		return rc;
	while ((count = store_counters_page(walk->ctx->store, walk->from_day, walk->to_day, &last,
					    walk->page, PAGE)) > 0) {
		rc = give_page(walk, count);
		if (rc)
			return rc;
		last = walk->page[count - 1];
		store_begin_call(walk->ctx->store); /* the bound is one of what lies between */
	}
	if (count)
		return count;
	return give_rest(walk, NULL);
}

int iprep_counters(struct iprep_ctx *ctx, int64_t from_at, int64_t to_at,
		   int (*row)(void *user, const struct iprep_counter *counter), void *user)
{
	struct walk *walk;
	int rc;

	if (from_at < 0 || to_at < from_at)
		return err_set(&ctx->err, IPREP_E_ARG, "counters: the time ends before it begins");
	rc = ctx_open_store(ctx, ctx_read_mode(ctx));
	if (rc)
		return rc;
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	*walk = (struct walk){ .ctx = ctx,
			       .from_day = from_at / DAY_S,
			       .to_day = to_at / DAY_S,
			       .row = row,
			       .user = user };
	if (from_at && !walk->from_day)
		walk->from_day = 1;
	rc = store_read_begin(ctx->store);
	if (!rc)
		rc = walk_counters(walk);
	store_read_end(ctx->store);
	free(walk);
	return rc;
}

/* ---- when hooks were called ---- */

struct times { /* one allocation */
	struct iprep_hook_times times;
	int64_t tiers[TIERS_MAX];
};

int iprep_hook_times(struct iprep_ctx *ctx, const struct iprep_hook_times **ret_times)
{
	struct times *times = calloc(1, sizeof(*times));
	struct hook_times found;

	if (!times)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	times->times.known = hook_counts_times(ctx->conf->state, &found);
	memcpy(times->tiers, found.is_blocked_at, sizeof(times->tiers));
	times->times.gate_at = found.last_at[HOOK_GATE];
	times->times.enqueue_at = found.last_at[HOOK_ENQUEUE];
	times->times.login_at = found.last_at[HOOK_LOGIN];
	times->times.is_blocked_at = found.last_at[HOOK_IS_BLOCKED];
	times->times.ntiers = ctx->conf->ntiers;
	times->times.tier_at = times->tiers;
	*ret_times = &times->times;
	return IPREP_OK;
}

void iprep_hook_times_free(const struct iprep_hook_times *times)
{
	free((void *)(uintptr_t)times);
}

/* SPDX-License-Identifier: MIT */
/* counters.c - what was counted, by day */
#include "api/iprep_private.h"

#define PAGE  64
#define DAY_S 86400

static int64_t day_of(int64_t at)
{
	if (at <= 0)
		return 0;
	return at / DAY_S;
}

static int give_page(struct iprep_ctx *ctx, const struct counter *page, int count,
		     int (*row)(void *user, const struct iprep_counter *counter), void *user)
{
	for (int i = 0; i < count; i++) {
		struct iprep_counter counter = { .day = page[i].day * DAY_S,
						 .name = page[i].name,
						 .label = page[i].label,
						 .count = page[i].count };

		if (row(user, &counter))
			return err_set(&ctx->err, IPREP_E_IO, "the caller ended the list");
	}
	return 0;
}

static int walk_counters(struct iprep_ctx *ctx, int64_t from_day, int64_t to_day,
			 int (*row)(void *user, const struct iprep_counter *counter), void *user)
{
	struct counter page[PAGE], last = { 0 };
	int count, rc;

	while ((count = store_counters_page(ctx->store, from_day, to_day, &last, page, PAGE)) > 0) {
		rc = give_page(ctx, page, count, row, user);
		if (rc)
			return rc;
		last = page[count - 1];
		store_begin_call(ctx->store); /* the bound is one of what lies between two pages */
	}
	return count;
}

int iprep_counters(struct iprep_ctx *ctx, int64_t from_at, int64_t to_at,
		   int (*row)(void *user, const struct iprep_counter *counter), void *user)
{
	int rc;

	if (from_at < 0 || to_at < from_at)
		return err_set(&ctx->err, IPREP_E_ARG, "counters: the time ends before it begins");
	rc = ctx_open_store(ctx, STORE_READ);
	if (!rc)
		rc = store_read_begin(ctx->store);
	if (rc)
		return rc;
	rc = walk_counters(ctx, from_at ? day_of(from_at) : 0, day_of(to_at), row, user);
	store_read_end(ctx->store);
	return rc;
}

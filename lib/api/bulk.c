/* SPDX-License-Identifier: MIT */
/* bulk.c - lookups of a list of any length */
#include "api/iprep_private.h"
#include "reputation/bulk_lookup.h"
#include "api/result.h"
#include <stdlib.h>

struct run {
	struct iprep_ctx *ctx;
	const struct iprep_list *list;
	struct session session;
};

static enum bulk_lookup_next run_next(void *user, const char **ret_text, int64_t *ret_id)
{
	const struct iprep_list *list = ((struct run *)user)->list;

	switch (list->next(list->user, ret_text, ret_id)) {
	case IPREP_NEXT_ADDRESS:
		return LISTING_LINE;
	case IPREP_NEXT_LATER:
		return LISTING_LATER;
	default:
		return LISTING_END;
	}
}

static int run_answer(void *user, int64_t id, const char *bad_text, const struct lookup *lookup)
{
	struct run *run = user;
	const struct iprep_list *list = run->list;
	struct iprep_result *res = lookup ? result_new(&run->session, lookup) : NULL;
	int rc;

	if (lookup && !res)
		return err_set(&run->ctx->err, IPREP_E_NOMEM, "out of memory");
	rc = list->answer(list->user, id, bad_text, res ? IPREP_OK : IPREP_E_ADDR, res);
	free(res);
	return rc ? err_set(&run->ctx->err, IPREP_E_IO,
			    "ended early: an answer could not be written")
		  : 0;
}

static void run_progress(void *user, const struct bulk_lookup_counts *counts)
{
	const struct iprep_list *list = ((struct run *)user)->list;
	struct iprep_progress progress = { .taken = counts->taken,
					   .answered = counts->answered,
					   .uncached = counts->uncached,
					   .in_flight = counts->in_flight,
					   .window = counts->window };

	list->progress(list->user, &progress);
}

static bool free_source_gives_points(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!conf->sources[i].costs && conf->sources[i].most > 0)
			return true;
	return false;
}

int iprep_check_list(struct iprep_ctx *ctx, const struct iprep_list *list)
{
	struct run run = { .ctx = ctx, .list = list };
	struct bulk_lookup_feed feed = {
		.user = &run,
		.next = run_next,
		.answer = run_answer,
		.progress = list->progress ? run_progress : NULL,
		.flags = (list->flags & IPREP_CACHED ? LOOKUP_CACHED : 0) |
			 (list->flags & IPREP_FRESH ? LOOKUP_FRESH : 0),
	};
	int rc = ctx_read_key(ctx);

	if (rc)
		return rc;
	if (!free_source_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points and costs nothing "
			       "is configured; enable a [dnsbl]");
	if (!(list->flags & IPREP_NO_STATE) && (rc = ctx_open_store(ctx, STORE_WORK)))
		return rc;
	run.session = ctx_env(ctx);
	if (list->flags & IPREP_NO_STATE)
		run.session.store = NULL;
	feed.timeout_ms = list->timeout_ms > 0 ? list->timeout_ms : ctx->conf->timeout_ms;
	return bulk_lookup_run(&run.session, &feed, &ctx->err);
}

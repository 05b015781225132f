/* SPDX-License-Identifier: MIT */
/* recheck_api.c - long blocks looked up again, and what was released */
#include "api/iprep_private.h"
#include "worker/recheck.h"

#define PAGE 64

int iprep_recheck(struct iprep_ctx *ctx, bool dry_run, struct iprep_recheck_stats *ret_stats)
{
	struct recheck_stats stats = { 0 };
	struct session session;
	int rc = ctx_read_key(ctx);

	if (!rc && !conf_gives_points(ctx->conf))
		rc = err_set(&ctx->err, IPREP_E_NOSOURCE,
			     "no source that gives points is configured; "
			     "nobody is released");
	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	if (dry_run) {
		rc = store_rechecks_count(ctx->store, &stats.done);
	} else {
		rc = recheck_run(&session, ctx->progress, ctx->progress_user, &stats, &ctx->err);
	}
	if (!rc)
		*ret_stats = (struct iprep_recheck_stats){ stats.done, stats.released, stats.listed,
							   stats.undecided, stats.gave_up };
	return rc;
}

int iprep_released(struct iprep_ctx *ctx,
		   int (*row)(void *user, const struct iprep_release *release), void *user)
{
	struct release page[PAGE], last = { 0 };
	int count, rc = ctx_open_store(ctx, STORE_WORK);

	if (rc)
		return rc;
	while ((count = store_released_page(ctx->store, ctx->conf->keep_released_s, &last, page,
					    PAGE)) > 0) {
		for (int i = 0; i < count; i++) {
			char key[ADDR_TEXT_MAX];
			struct iprep_release one = { .tier = page[i].tier, .at = page[i].at };

			one.address = addr_key_text(&page[i].key, ctx->conf->ipv6_prefix, key);
			if (row(user, &one))
				return err_set(&ctx->err, IPREP_E_IO,
					       "the list was not taken to its end");
		}
		last = page[count - 1];
	}
	return count;
}

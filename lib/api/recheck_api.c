/* SPDX-License-Identifier: MIT */
/* recheck_api.c - long blocks looked up again, and what was released */
#include "api/iprep_private.h"
#include "worker/recheck.h"

#define PAGE 64

int iprep_recheck(struct iprep_ctx *ctx, bool dry_run, struct iprep_recheck_stats *ret_stats)
{
	struct recheck_stats s = { 0 };
	struct session session;
	int r = ctx_read_key(ctx);

	if (!r && !conf_gives_points(ctx->conf))
		r = err_set(&ctx->err, IPREP_E_NOSOURCE,
			    "no source that gives points is configured; "
			    "nobody is released");
	if (!r)
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	session = ctx_env(ctx);
	if (dry_run) {
		r = store_rechecks_count(ctx->store, &s.done);
		if (r)
			return err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	} else {
		r = recheck_run(&session, ctx->progress, ctx->progress_user, &s, &ctx->err);
	}
	if (!r)
		*ret_stats = (struct iprep_recheck_stats){ s.done, s.released, s.listed,
							   s.undecided, s.gave_up };
	return r;
}

int iprep_released(struct iprep_ctx *ctx,
		   int (*row)(void *user, const struct iprep_release *release), void *user)
{
	struct release page[PAGE], last = { 0 };
	int n, r = ctx_open_store(ctx, STORE_WORK);

	if (r)
		return r;
	while ((n = store_released_page(ctx->store, ctx->conf->keep_released_s, &last, page,
					PAGE)) > 0) {
		for (int i = 0; i < n; i++) {
			char key[ADDR_TEXT_MAX];
			struct iprep_release one = { .tier = page[i].tier, .at = page[i].at };

			one.address = addr_key_text(&page[i].key, ctx->conf->ipv6_prefix, key);
			if (row(user, &one))
				return err_set(&ctx->err, IPREP_E_IO,
					       "the list was not taken to its end");
		}
		last = page[n - 1];
	}
	return n < 0 ? err_set(&ctx->err, n, "%s", store_err(ctx->store)->text) : 0;
}

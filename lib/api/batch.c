/* SPDX-License-Identifier: MIT */
/*
 * batch.c - hooks of a process that lives long: what changed on disk, many calls in one transaction
 *
 * A hook that ends after one call reads all files again. What takes its place must see the same: a
 * changed configuration, a database that was replaced, lists that were quarantined.
 */
#include "api/iprep_private.h"

#define SETTLE_MS 1000 /* longer than the steps of file times, and than reading the files */

/* A file may have changed again within one step of its times, or while it was read. */
static int load_again(struct iprep_ctx *ctx, const char *path, const char *name, int64_t settle_at)
{
	int rc = iprep_load_config(ctx, path);

	ctx->stamp = conf_stamp(ctx->conf, name);
	ctx->settle_at_ms = settle_at;
	ctx->stale = (struct err){ 0 };
	if (rc)
		ctx->stale = ctx->err;
	iprep_close_state(ctx);
	return rc;
}

int iprep_refresh(struct iprep_ctx *ctx, const char *path, bool *ret_changed)
{
	const char *name = path ? path : CONF_DEFAULT_PATH;
	int64_t now = clock_mono_ms();
	bool changed = conf_stamp(ctx->conf, name) != ctx->stamp;
	bool settle = ctx->settle_at_ms && now >= ctx->settle_at_ms;
	int rc = 0;

	ctx->health.loaded = false;
	if (ctx->store && store_is_moved(ctx->store))
		iprep_close_state(ctx);
	if (changed || settle)
		rc = load_again(ctx, path, name, changed ? now + SETTLE_MS : 0);
	if (rc) /* what was wrong may be mended in a file that is not known yet */
		ctx->settle_at_ms = now + SETTLE_MS;
	if (ctx->stale.code) {
		ctx->err = ctx->stale;
		return ctx->err.code;
	}
	*ret_changed = changed || settle;
	return 0;
}

void iprep_close_state(struct iprep_ctx *ctx)
{
	ctx->store = store_close(ctx->store);
}

int iprep_begin_batch(struct iprep_ctx *ctx)
{
	int rc = ctx_open_store(ctx, STORE_GATE);

	if (rc)
		return rc;
	store_batch_begin(ctx->store);
	return 0;
}

int iprep_end_batch(struct iprep_ctx *ctx)
{
	int rc;

	if (!ctx->store)
		return 0;
	store_begin_call(ctx->store);
	rc = store_batch_end(ctx->store);
	if (rc || store_is_read_only(ctx->store)) /* it may keep others out */
		iprep_close_state(ctx);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/* reset_api.c - a damaged state is set aside, and a new one begun */
#include "api/iprep_private.h"
#include "worker/worker.h"
#include "worker/lock.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct whole {
	struct iprep_reset s;
	struct store_reset r;
}; /* one allocation */

static int reset(struct iprep_ctx *ctx, unsigned flags, struct store_reset *ret)
{
	bool dry_run = flags & IPREP_RESET_DRY_RUN;
	int fd = dry_run ? (worker_runs(ctx->conf) ? IPREP_E_BUSY : 0)
			 : worker_lock(ctx->conf, &ctx->err),
	    rc;

	if (fd == IPREP_E_BUSY)
		return err_set(
			&ctx->err, fd,
			"%s: a worker is at work in it: again when it has ended, in ten minutes "
			"at most",
			ctx->conf->state);
	if (fd < 0)
		return fd;
	rc = store_reset(ctx->conf->state, flags & IPREP_RESET_SOUND, dry_run, ctx->clock, ret,
			 &ctx->err);
	if (!dry_run)
		close(fd);
	return rc;
}

int iprep_reset(struct iprep_ctx *ctx, unsigned flags, const struct iprep_reset **ret_reset)
{
	struct whole *whole = calloc(1, sizeof(*whole));
	int rc;

	if (!whole)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	ctx->store = store_close(ctx->store); /* ours is one that would be in the way */
	rc = reset(ctx, flags, &whole->r);
	if (rc) {
		free(whole);
		return rc;
	}
	whole->s = (struct iprep_reset){
		.why = whole->r.why,
		.aside = *whole->r.aside ? whole->r.aside : NULL,
		.blocks = whole->r.blocks,
		.reports = whole->r.reports,
		.lookups = whole->r.lookups,
		.pardons = whole->r.pardons,
		.logins = whole->r.logins,
		.all_read = whole->r.all_read,
		.dry_run = (flags & IPREP_RESET_DRY_RUN) != 0,
	};
	*ret_reset = &whole->s;
	return IPREP_OK;
}

void iprep_reset_free(const struct iprep_reset *reset)
{
	free((void *)(uintptr_t)reset);
}

/* SPDX-License-Identifier: MIT */
/* worker.c - the worker, and the retraction of reports */
#include "base/buf.h"
#include "api/iprep_private.h"
#include "worker/worker.h"
#include <stdio.h>
#include <stdlib.h>

int iprep_run_worker(struct iprep_ctx *ctx, int linger_s, struct iprep_worker_stats *ret_stats)
{
	struct worker_stats stats = { 0 };
	struct session session;
	int rc = ctx_read_key(ctx, KEY_TO_LOOK_UP);

	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	rc = worker_run(&session, linger_s < 0 ? ctx->conf->linger_s : linger_s, &stats);
	if (!rc && ret_stats)
		*ret_stats = (struct iprep_worker_stats){ stats.lookups, stats.reports,
							  stats.blocks, stats.lines, stats.failed };
	return rc;
}

/* A call costs one of the few of a day: none is made for what the service cannot have. */
static int needs_call(struct iprep_ctx *ctx, const struct addr *addr, bool force, bool *ret_needed)
{
	int rc = force ? 1 : store_retractable(ctx->store, addr);

	*ret_needed = rc > 0;
	if (rc <= 0)
		return rc;
	rc = ctx_read_key(ctx, KEY_TO_SHOW);
	if (rc || *ctx->secret)
		return rc;
	if (*ctx->key_error)
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "%s: nothing can be taken back without an API key", ctx->key_error);
	return err_set(&ctx->err, IPREP_E_NOSOURCE,
		       "nothing can be taken back without an API key ([abuseipdb] key_file)");
}

int iprep_retract(struct iprep_ctx *ctx, const char *address, bool force, int64_t *ret_cancelled,
		  bool *ret_queued)
{
	struct addr addr, key;
	bool needed = false;
	int rc = ctx_address(ctx, address, &addr);

	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (!rc)
		rc = needs_call(ctx, &addr, force, &needed);
	if (rc)
		return rc;
	key = addr_key(&addr, ctx->conf->ipv6_prefix);
	rc = store_retract(ctx->store, &addr, &key, needed);
	if (rc < 0)
		return rc;
	*ret_queued = needed;
	if (ret_cancelled)
		*ret_cancelled = rc;
	return IPREP_OK;
}

struct retraction_copy { /* one allocation */
	struct iprep_retraction retraction;
	char why[DETAIL_MAX];
};

int iprep_retraction_status(struct iprep_ctx *ctx, const char *address,
			    const struct iprep_retraction **ret_retraction)
{
	struct retraction found = { .state = RETRACT_WAITS };
	struct retraction_copy *copy;
	struct addr addr;
	int rc = ctx_address(ctx, address, &addr);

	if (rc)
		return rc;
	rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	rc = store_retraction_get(ctx->store, &addr, &found);
	if (rc < 0)
		return rc;
	if (!rc)
		return err_set(&ctx->err, IPREP_E_ARG, "%.100s: no retraction is known", address);
	copy = calloc(1, sizeof(*copy));
	if (!copy)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	snprintf(copy->why, sizeof(copy->why), "%s", found.why);
	copy->retraction = (struct iprep_retraction){ .state = (int)found.state,
						      .deleted = found.deleted,
						      .why = text_filled(copy->why, NULL) };
	*ret_retraction = &copy->retraction;
	return IPREP_OK;
}

void iprep_retraction_free(const struct iprep_retraction *retraction)
{
	free((void *)(uintptr_t)retraction);
}

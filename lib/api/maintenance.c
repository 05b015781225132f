/* SPDX-License-Identifier: MIT */
/* maintenance.c - purge, forget, re-check and reset */
#include "base/buf.h"
#include "api/iprep_private.h"
#include "worker/lock.h"
#include "worker/purge.h"
#include "worker/recheck.h"
#include "worker/recheck_fleet.h"
#include "worker/worker.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RELEASES     64		      /* read at a time */
#define PARDON_MAX_S (3653 * 86400LL) /* ten years, their leap days too */

static const struct iprep_run_options defaults;

int iprep_purge(struct iprep_ctx *ctx, const struct iprep_run_options *options,
		struct iprep_purge_stats *ret_stats)
{
	struct store_counts counts = { 0 };
	struct session session;
	int rc = ctx_open_store(ctx, STORE_WORK);

	if (rc)
		return rc;
	if (!options)
		options = &defaults;
	session = ctx_env(ctx);
	rc = purge_run(&session, options->dry_run, options->progress, options->user, &counts);
	if (rc)
		return rc;
	*ret_stats =
		(struct iprep_purge_stats){ counts.findings, counts.lookups,  counts.reports,
					    counts.blocks,   counts.pardons,  counts.sightings,
					    counts.logins,   counts.failures, counts.retractions,
					    counts.released, counts.lines,    counts.lifted };
	return IPREP_OK;
}

int iprep_forget(struct iprep_ctx *ctx, const char *address, int64_t pardon_s, bool dry_run,
		 const char **ret_key)
{
	struct addr addr, key;
	int rc = ctx_address(ctx, address, &addr), bits;

	if (rc)
		return rc;
	if (pardon_s < 0 || pardon_s > PARDON_MAX_S)
		return err_set(&ctx->err, IPREP_E_ARG, "pardon: longer than ten years");
	rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	key = addr_key(&addr, ctx->conf->ipv6_prefix);
	if (addr_is_v4(&addr))
		bits = 128;
	else
		bits = ctx->conf->ipv6_prefix;
	if (!dry_run)
		rc = store_forget(ctx->store, &key, bits,
				  pardon_s ? clock_now_s(&ctx->clock) + pardon_s : 0,
				  *ctx->conf->fleet_zone ? &addr : NULL);
	if (!rc && ret_key)
		*ret_key = addr_key_text(&key, ctx->conf->ipv6_prefix, ctx->forgotten);
	return rc;
}

/* ---- re-check ---- */

int iprep_recheck(struct iprep_ctx *ctx, const struct iprep_run_options *options,
		  struct iprep_recheck_stats *ret_stats)
{
	struct recheck_stats stats = { 0 };
	struct recheck_fleet_stats fleet = { 0 };
	struct session session;
	int rc = ctx_read_key(ctx, options && options->dry_run ? KEY_TO_SHOW : KEY_TO_LOOK_UP);

	if (rc)
		return rc;
	if (!conf_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points is configured; "
			       "no address is released");
	rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	if (!options)
		options = &defaults;
	session = ctx_env(ctx);
	if (options->dry_run)
		rc = store_rechecks_count(ctx->store, &stats.done);
	else
		rc = recheck_fleet(&session, &fleet);
	if (!rc && !options->dry_run)
		rc = recheck_run(&session, options->progress, options->user, &stats);
	if (rc)
		return rc;
	*ret_stats =
		(struct iprep_recheck_stats){ stats.done,      stats.released, stats.listed,
					      stats.undecided, stats.gave_up,  fleet.pardoned };
	return IPREP_OK;
}

int iprep_released(struct iprep_ctx *ctx,
		   int (*row)(void *user, const struct iprep_release *release), void *user)
{
	struct release page[RELEASES], last = { 0 };
	int count, rc = ctx_open_store(ctx, STORE_READ);

	if (rc)
		return rc;
	while ((count = store_released_page(ctx->store, ctx->conf->keep_released_s, &last, page,
					    RELEASES)) > 0) {
		for (int i = 0; i < count; i++) {
			char key[ADDR_TEXT_MAX];
			struct iprep_release one = { .tier = page[i].tier, .at = page[i].at };

			one.address = addr_key_text(&page[i].key, ctx->conf->ipv6_prefix, key);
			if (row(user, &one))
				return err_set(&ctx->err, IPREP_E_IO,
					       "output of the list was interrupted");
		}
		last = page[count - 1];
	}
	return count;
}
/* ---- reset ---- */

struct whole {
	struct iprep_reset s;
	struct store_reset r;
}; /* one allocation */

static int reset_database(struct iprep_ctx *ctx, unsigned flags, struct store_reset *ret)
{
	bool dry_run = flags & IPREP_RESET_DRY_RUN;
	int fd = 0, rc;

	if (!dry_run)
		fd = worker_lock(ctx->conf, &ctx->err);
	else if (worker_runs(ctx->conf))
		fd = IPREP_E_BUSY;
	if (fd == IPREP_E_BUSY)
		return err_set(
			&ctx->err, fd,
			"%s: in use by a worker; try again when it ends, in ten minutes at most",
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
	rc = reset_database(ctx, flags, &whole->r);
	if (rc) {
		free(whole);
		return rc;
	}
	whole->s = (struct iprep_reset){
		.why = whole->r.why,
		.aside = text_filled(whole->r.aside, NULL),
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

int iprep_parse_duration(const char *text, int64_t *ret_s)
{
	if (duration_parse(text, PARDON_MAX_S, ret_s))
		return IPREP_OK;
	return IPREP_E_ARG;
}

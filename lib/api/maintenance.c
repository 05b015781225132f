/* SPDX-License-Identifier: MIT */
/* maintenance.c - the worker, purging and forgetting */
#include "api/iprep_private.h"
#include "worker/worker.h"
#include <unistd.h>

int iprep_run_worker(struct iprep_ctx *ctx, int linger_s, struct iprep_worker_stats *ret_stats)
{
	struct worker_stats stats = { 0 };
	struct session session;
	int rc = ctx_read_key(ctx);

	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	rc = worker_run(&session, linger_s < 0 ? ctx->conf->linger_s : linger_s, &stats, &ctx->err);
	if (!rc && ret_stats)
		*ret_stats = (struct iprep_worker_stats){ stats.lookups, stats.reports,
							  stats.blocks, stats.lines, stats.failed };
	return rc;
}

#define PURGE_ROWS   200
#define PURGE_PAGES  64
#define STEP_MS	     50 /* nobody is to wait longer for a step */
#define PAUSE_MS     8	/* as hooks poll: who waits has its turn (store.c) */
#define PAUSE_MAX_MS 50
#define PROGRESS_MS  200
#define CHECK_MS     30000
#define PARDON_MAX_S (3653 * 86400LL) /* ten years, their leap days too */

static int64_t sum(const struct store_counts *counts)
{
	return counts->findings + counts->lookups + counts->reports + counts->blocks +
	       counts->pardons + counts->sightings + counts->logins + counts->failures +
	       counts->retractions + counts->released;
}

/* Steps of a size that this disk does soon, but not so small that they never end. */
struct batch {
	int max, size;
};

static void rest(struct iprep_ctx *ctx, struct batch *pace)
{
	int64_t pause_ms = store_held_ms(ctx->store);

	if (pause_ms > STEP_MS)
		pace->size -= pace->size > pace->max / 4 ? pace->size / 4 : 0;
	else
		pace->size += (pace->max - pace->size + 1) / 2;
	pause_ms = pause_ms < PAUSE_MS	     ? PAUSE_MS
		   : pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS
					     : pause_ms;
	store_checkpoint(ctx->store);
	usleep((useconds_t)pause_ms * 1000);
}

static int purge_rows(struct iprep_ctx *ctx, struct store_counts *counts)
{
	struct batch pace = { PURGE_ROWS, PURGE_ROWS };
	struct store_counts all = { 0 };
	int64_t told_ms = 0;
	int rc = ctx->progress ? store_purge_count(ctx->store, ctx->conf, &all) : 0;

	while (!rc && (rc = store_purge_mend(ctx->store, pace.size)) > 0) {
		rest(ctx, &pace);
		rc = 0;
	}
	while (!rc && (rc = store_purge_step(ctx->store, ctx->conf, pace.size, counts)) > 0) {
		if (ctx->progress && clock_mono_ms() - told_ms >= PROGRESS_MS) {
			told_ms = clock_mono_ms();
			ctx->progress(ctx->progress_user, sum(counts), sum(&all));
		}
		rest(ctx, &pace);
		rc = 0;
	}
	return rc;
}

static int purge_pages(struct iprep_ctx *ctx)
{
	struct batch pace = { PURGE_PAGES, PURGE_PAGES };
	int rc;

	while ((rc = store_purge_trim(ctx->store, pace.size)) > 0)
		rest(ctx, &pace);
	return rc;
}

static int purge(struct iprep_ctx *ctx, struct store_counts *counts)
{
	int rc = purge_rows(ctx, counts);

	if (!rc)
		rc = purge_pages(ctx);
	return rc ? rc : store_purge_seen(ctx->store);
}

int iprep_purge(struct iprep_ctx *ctx, bool dry_run, struct iprep_purge_stats *ret_stats)
{
	struct store_counts counts = { 0 };
	int rc = ctx_open_store(ctx, STORE_WORK);

	if (rc)
		return rc;
	rc = store_check(ctx->store, CHECK_MS);
	if (!rc)
		log_line(&ctx->log, LOG_NOTICE,
			 "%s: too large to be checked within %d s: no damage in what was read",
			 ctx->conf->state, CHECK_MS / 1000);
	if (rc >= 0)
		rc = dry_run ? store_purge_count(ctx->store, ctx->conf, &counts)
			     : purge(ctx, &counts);
	if (rc)
		return rc;
	*ret_stats = (struct iprep_purge_stats){ counts.findings,    counts.lookups,
						 counts.reports,     counts.blocks,
						 counts.pardons,     counts.sightings,
						 counts.logins,	     counts.failures,
						 counts.retractions, counts.released };
	return IPREP_OK;
}

int iprep_forget(struct iprep_ctx *ctx, const char *address, int64_t pardon_s, bool dry_run,
		 char ret_key[64])
{
	struct addr addr, key;
	int rc = ctx_address(ctx, address, &addr), bits;

	if (rc)
		return rc;
	if (pardon_s < 0 || pardon_s > PARDON_MAX_S)
		return err_set(&ctx->err, IPREP_E_ARG, "pardon: %lld s is beyond ten years",
			       (long long)pardon_s);
	rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	key = addr_key(&addr, ctx->conf->ipv6_prefix);
	bits = addr_is_v4(&addr) ? 128 : ctx->conf->ipv6_prefix;
	if (!dry_run)
		rc = store_forget(ctx->store, &key, bits,
				  pardon_s ? clock_now_s(&ctx->clock) + pardon_s : 0);
	if (!rc && ret_key)
		addr_key_text(&key, ctx->conf->ipv6_prefix, ret_key);
	return rc;
}

int iprep_parse_duration(const char *text, int64_t *ret_s)
{
	return duration_parse(text, PARDON_MAX_S, ret_s) ? IPREP_OK : IPREP_E_ARG;
}

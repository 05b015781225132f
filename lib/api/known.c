/* SPDX-License-Identifier: MIT */
/* known.c - what is on disk of one address: its block, reports, logins, pardon and entry of [allow]
 */
#include "api/allowed.h"
#include "api/iprep_private.h"
#include "api/result.h"
#include "base/buf.h"
#include "reputation/feeds.h"
#include "reputation/guard.h"
#include <stdio.h>
#include <stdlib.h>

struct known { /* one allocation */
	struct iprep_known known;
	struct addr addr, key;
	char address[ADDR_TEXT_MAX], block_address[ADDR_TEXT_MAX], exempt[DETAIL_MAX];
	struct block stored;
	struct iprep_block block;
	struct result_evidence evidence;
	struct report_job last;
	struct iprep_last_report report;
	char report_why[DETAIL_MAX];
	struct retraction stored_retraction;
	struct iprep_retraction retraction;
	struct allowed_view allowed;
	char allowed_entry[FEED_NAME_MAX];
	const struct iprep_finding *feed_list[SOURCES_MAX];
	struct result_finding feeds[SOURCES_MAX];
};

static int read_block(struct iprep_ctx *ctx, struct known *whole)
{
	struct session session = ctx_env(ctx);
	struct block *block = &whole->stored;
	int rc = store_block_of(ctx->store, &whole->addr, &whole->key, block);

	if (rc <= 0)
		return rc;
	rc = store_block_seen(ctx->store, block);
	if (!rc)
		rc = result_evidence_read(ctx->store, &block->key, &whole->evidence);
	if (rc)
		return rc;
	text_put(whole->exempt, sizeof(whole->exempt),
		 text_or(guard_check_key(&session, &block->key), ""));
	whole->block = (struct iprep_block){
		.address = addr_key_text(&block->key, ctx->conf->ipv6_prefix, whole->block_address),
		.tier = block->tier,
		.score = block->score,
		.since = block->since,
		.announced_at = block->first_at ? block->announced_at : 0,
		.until = block->until,
		.jail = text_filled(block->jail, NULL),
		.sources = text_filled(block->src, NULL),
		.exempt = text_filled(whole->exempt, NULL),
		.seen = text_filled(block->seen, NULL),
		.nevidence = whole->evidence.count,
		.evidence = whole->evidence.list,
	};
	whole->known.block = &whole->block;
	return 0;
}

static int read_report(struct iprep_ctx *ctx, struct known *whole)
{
	static const char *const states[] = {
		[REPORT_QUEUED] = "queued",	  [REPORT_SENDING] = "sending",
		[REPORT_PARKED] = "parked",	  [REPORT_DONE] = "done",
		[REPORT_UNKNOWN] = "unknown",	  [REPORT_DROPPED] = "dropped",
		[REPORT_RETRACTED] = "retracted",
	};
	struct report_job *last = &whole->last;
	int rc = store_report_last(ctx->store, &whole->addr, last);

	if (rc <= 0)
		return rc;
	rc = store_report_why(ctx->store, last->id, whole->report_why);
	if (rc || last->state > REPORT_RETRACTED)
		return rc;
	whole->report = (struct iprep_last_report){
		.state = states[last->state],
		.first_at = last->first_at,
		.ended_at = last->ended_at,
		.failures = last->failures,
		.jail = text_filled(last->jail, NULL),
		.why = text_filled(whole->report_why, NULL),
	};
	whole->known.report = &whole->report;
	return 0;
}

static int read_retraction(struct iprep_ctx *ctx, struct known *whole)
{
	struct retraction *last = &whole->stored_retraction;
	int rc = store_retraction_get(ctx->store, &whole->addr, last);

	if (rc <= 0)
		return rc;
	whole->retraction = (struct iprep_retraction){ .state = (int)last->state,
						       .deleted = last->deleted,
						       .why = text_filled(last->why, NULL) };
	whole->known.retraction = &whole->retraction;
	whole->known.retracted_at = last->since;
	return 0;
}

static int read_login(struct iprep_ctx *ctx, struct known *whole)
{
	int64_t since = clock_now_s(&ctx->clock) - ctx->conf->login_window_s;
	int rc = store_login_at(ctx->store, &whole->key, &whole->known.login_at);

	whole->known.login_counts = whole->known.login_at && whole->known.login_at >= since;
	return rc;
}

static int read_waiting(struct iprep_ctx *ctx, struct known *whole)
{
	struct lookup_job waiting;
	int rc = store_lookup_get(ctx->store, &whole->key, &waiting);

	if (rc > 0)
		whole->known.lookup_since = waiting.since;
	if (rc < 0)
		return rc;
	return 0;
}

/* A feed lists it also if it is exempt, so that no source is asked. */
static int read_lists(struct iprep_ctx *ctx, struct known *whole)
{
	const struct conf *conf = ctx->conf;
	struct session session = ctx_env(ctx);
	struct finding *findings = calloc(conf->nsources + 1, sizeof(*findings));

	if (!findings)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	feeds_find(&session, &whole->addr, findings);
	for (size_t i = 0; i < conf->nsources; i++) {
		struct result_finding *feed = &whole->feeds[whole->known.nfeeds];

		if (findings[i].status != FINDING_OK || !findings[i].listed)
			continue;
		result_finding_fill(feed, &conf->sources[i], &findings[i]);
		whole->feed_list[whole->known.nfeeds++] = &feed->finding;
	}
	whole->known.feeds = whole->feed_list;
	free(findings);
	return 0;
}

static void read_allowed_entry(struct iprep_ctx *ctx, struct known *whole)
{
	int64_t now = clock_now_s(&ctx->clock);
	struct session session = ctx_env(ctx);
	const struct conf_allow *entry = conf_allowed(ctx->conf, &whole->addr, now);
	struct iprep_allowed *allowed = &whole->allowed.allowed;

	if (!entry && whole->known.has_state)
		entry = feeds_allow_entry(&session, &whole->addr);
	if (!entry)
		return;
	allowed_view_fill(&whole->allowed, entry, now);
	/* the configuration may be read again */
	text_put(whole->allowed_entry, sizeof(whole->allowed_entry), allowed->entry);
	allowed->entry = whole->allowed_entry;
	whole->known.allowed = allowed;
}

static int read_known_state(struct iprep_ctx *ctx, struct known *whole)
{
	int rc = ctx_open_store(ctx, STORE_VIEW);

	if (!rc)
		rc = read_block(ctx, whole);
	if (!rc)
		rc = read_report(ctx, whole);
	if (!rc)
		rc = read_retraction(ctx, whole);
	if (!rc)
		rc = read_login(ctx, whole);
	if (!rc)
		rc = read_waiting(ctx, whole);
	if (!rc)
		rc = store_pardon_until(ctx->store, &whole->key, &whole->known.pardoned_until);
	if (!rc)
		rc = store_released_at(ctx->store, &whole->key, &whole->known.released_at);
	if (!rc)
		rc = read_lists(ctx, whole);
	whole->known.has_state = !rc;
	return rc;
}

int iprep_known(struct iprep_ctx *ctx, const char *address, unsigned flags,
		const struct iprep_known **ret_known)
{
	struct known *whole;
	struct addr addr;
	int rc = ctx_address(ctx, address, &addr);

	if (rc)
		return rc;
	if (flags & ~(unsigned)IPREP_NO_STATE)
		return err_set(&ctx->err, IPREP_E_ARG, "unknown flags");
	whole = calloc(1, sizeof(*whole));
	if (!whole)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	whole->addr = addr;
	whole->key = addr_key(&addr, ctx->conf->ipv6_prefix);
	whole->known.address = addr_text(&addr, whole->address);
	if (!(flags & IPREP_NO_STATE))
		rc = read_known_state(ctx, whole);
	if (rc) {
		free(whole);
		return rc;
	}
	read_allowed_entry(ctx, whole);
	*ret_known = &whole->known;
	return IPREP_OK;
}

void iprep_known_free(const struct iprep_known *known)
{
	free((void *)(uintptr_t)known); /* its first member */
}

/* SPDX-License-Identifier: MIT */
/* status.c - the status of the queue */
#include "api/iprep_private.h"
#include "base/buf.h"
#include "reputation/feed_status.h"
#include "source/feed.h"
#include "store/publications.h"
#include "worker/worker.h"
#include <stdio.h>
#include <stdlib.h>

#define STUCK_MAX  100
#define NENDPOINTS 5

struct stuck {
	struct iprep_stuck stuck;
	char address[ADDR_TEXT_MAX], why[DETAIL_MAX];
};
struct whole { /* one allocation */
	struct iprep_queue queue;
	struct iprep_endpoint endpoints[NENDPOINTS];
	const struct iprep_endpoint *endpoint_list[NENDPOINTS];
	char errors[NENDPOINTS][DETAIL_MAX], key_error[512];
	struct stuck stuck[STUCK_MAX];
	const struct iprep_stuck *stuck_list[STUCK_MAX];
	const char *state; /* of those that are being read */
	char no_tcp[DETAIL_MAX];
	struct feed_status *feeds; /* malloc'd */
	const struct iprep_feed **feed_list;
	struct iprep_fleet fleet;
	char fleet_zone[CONF_TEXT_MAX], fleet_error[DETAIL_MAX];
};

static void on_stuck(void *user, const struct addr *addr, int64_t at, const char *why)
{
	struct whole *whole = user;
	struct stuck *stuck = &whole->stuck[whole->queue.nstuck];

	if (whole->queue.nstuck == STUCK_MAX)
		return;
	snprintf(stuck->why, sizeof(stuck->why), "%s", why);
	stuck->stuck = (struct iprep_stuck){ .address = addr_text(addr, stuck->address),
					     .state = whole->state,
					     .at = at,
					     .why = stuck->why };
	whole->stuck_list[whole->queue.nstuck++] = &stuck->stuck;
}

static int read_stuck(struct iprep_ctx *ctx, struct whole *whole)
{
	int rc;

	whole->state = "parked";
	rc = store_reports_each(ctx->store, REPORT_PARKED, STUCK_MAX, on_stuck, whole);
	if (rc)
		return rc;
	whole->state = "unknown";
	return store_reports_each(ctx->store, REPORT_UNKNOWN, STUCK_MAX, on_stuck, whole);
}

static int read_endpoint(struct iprep_ctx *ctx, struct whole *whole, enum task_kind kind)
{
	struct quota quota;
	int rc = store_quota_get(ctx->store, abuseipdb_endpoint(kind), ctx->auth_mark, &quota);

	if (rc)
		return rc;
	snprintf(whole->errors[kind], sizeof(whole->errors[kind]), "%s", quota.last_error);
	whole->endpoints[kind] = (struct iprep_endpoint){
		.name = abuseipdb_endpoint(kind),
		.limit = quota.limit,
		.remaining = quota.remaining < 0 ? 0 : quota.remaining,
		.stopped_until = quota.stopped_until,
		.key_refused = quota.auth_failed,
		.last_ok_at = quota.last_ok_at,
		.last_error_at = quota.last_error_at,
		.last_error = *whole->errors[kind] ? whole->errors[kind] : NULL,
	};
	whole->endpoint_list[kind] = &whole->endpoints[kind];
	whole->queue.nendpoints++;
	return 0;
}

static int read_no_tcp(struct iprep_ctx *ctx, struct whole *whole)
{
	int rc;

	if (ctx->conf->confirm_tcp == CONFIRM_NO)
		return 0;
	rc = store_tcp_failed(ctx->store, &whole->queue.no_tcp_at, whole->no_tcp);
	if (rc <= 0)
		return rc;
	whole->queue.no_tcp = whole->no_tcp;
	return 0;
}

/* Its quota is shown only if it is used. */
static bool has_blacklist(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_FEED && feed_needs_key(conf, &conf->sources[i]))
			return true;
	return false;
}

static int read_feeds(struct iprep_ctx *ctx, struct whole *whole)
{
	struct session session = ctx_env(ctx);
	size_t count = feed_status_count(ctx->conf);
	int rc;

	whole->feeds = calloc(count + 1, sizeof(*whole->feeds));
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	whole->feed_list = calloc(count + 1, sizeof(*whole->feed_list));
	if (!whole->feeds || !whole->feed_list)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	rc = feed_status_read(&session, whole->feeds);
	if (rc < 0)
		return rc;
	whole->queue.feeds = whole->feed_list;
	whole->queue.nfeeds = (size_t)rc;
	for (int i = 0; i < rc; i++)
		whole->feed_list[i] = &whole->feeds[i].feed;
	return 0;
}

static int read_fleet(struct iprep_ctx *ctx, struct whole *whole)
{
	struct publication_counts counts;
	struct fleet_state state;
	int rc;

	if (!*ctx->conf->fleet_zone)
		return 0;
	rc = store_publications_count(ctx->store, &counts);
	if (!rc)
		rc = store_fleet_get(ctx->store, &state);
	if (rc < 0)
		return rc;
	snprintf(whole->fleet_zone, sizeof(whole->fleet_zone), "%s", ctx->conf->fleet_zone);
	snprintf(whole->fleet_error, sizeof(whole->fleet_error), "%s", state.last_error);
	whole->fleet = (struct iprep_fleet){
		.zone = whole->fleet_zone,
		.to_publish = counts.wanted,
		.to_withdraw = counts.unwanted,
		.published = counts.published,
		.held = counts.held,
		.waiting_since = counts.oldest_since,
		.last_ok_at = state.last_ok_at,
		.last_error_at = state.last_error_at,
		.last_error = text_filled(whole->fleet_error, NULL),
		.server_serial = state.serial_primary,
		.resolver_serial = state.serial_resolver,
		.serials_at = state.serials_at,
		.behind_since = state.behind_since,
	};
	whole->queue.fleet = &whole->fleet;
	return 0;
}

static struct iprep_ages ages_of(const struct queue_counts *counts, int what)
{
	const int64_t *by_age = counts->by_age[what];

	return (struct iprep_ages){ by_age[0], by_age[1], by_age[2], by_age[3] };
}

static int read_status(struct iprep_ctx *ctx, struct whole *whole)
{
	struct queue_counts queue_counts;
	int rc = store_queue_counts(ctx->store, &queue_counts);

	if (rc)
		return rc;
	whole->queue.queued = ages_of(&queue_counts, WAIT_QUEUED);
	whole->queue.sending = ages_of(&queue_counts, WAIT_SENDING);
	whole->queue.lookups = ages_of(&queue_counts, WAIT_LOOKUP);
	whole->queue.retractions = ages_of(&queue_counts, WAIT_RETRACTION);
	whole->queue.parked = queue_counts.parked;
	whole->queue.unknown = queue_counts.unknown;
	whole->queue.oldest_s = queue_counts.oldest_s;
	whole->queue.worker_runs = ctx_read_mode(ctx) == STORE_VIEW ? -1 : worker_runs(ctx->conf);
	snprintf(whole->key_error, sizeof(whole->key_error), "%s", ctx->key_error);
	whole->queue.key_error = text_filled(whole->key_error, NULL);
	whole->queue.endpoints = whole->endpoint_list;
	whole->queue.stuck = whole->stuck_list;
	for (int kind = TASK_LOOKUP; kind <= TASK_RETRACT && !rc; kind++)
		rc = read_endpoint(ctx, whole, (enum task_kind)kind);
	if (!rc && has_blacklist(ctx->conf))
		rc = read_endpoint(ctx, whole, TASK_FETCH);
	if (!rc)
		rc = read_feeds(ctx, whole);
	if (!rc)
		rc = read_fleet(ctx, whole);
	if (!rc)
		rc = read_no_tcp(ctx, whole);
	if (rc)
		return rc;
	return read_stuck(ctx, whole);
}

/* A member of the group, and who only looks, does not read the key. */
static int judge_key(struct iprep_ctx *ctx, bool *ret_has_key)
{
	struct err error = { 0 };
	uid_t uid;
	gid_t gid;
	int rc = ctx_note_key_mark(ctx);

	ctx->key_error[0] = '\0';
	*ret_has_key = false;
	if (!rc)
		rc = iprep_state_owner(ctx, &uid, &gid);
	if (rc || !*ctx->conf->key_file)
		return rc;
	rc = key_file_judge(ctx->conf->key_file, uid, gid, &error);
	*ret_has_key = !rc || rc == KEY_NOT_SEEN;
	if (!*ret_has_key && rc != 1)
		snprintf(ctx->key_error, sizeof(ctx->key_error), "%.511s", error.text);
	return 0;
}

static int see_key(struct iprep_ctx *ctx, bool *ret_has_key)
{
	int rc;

	if (ctx->views || ctx_read_mode(ctx) == STORE_VIEW)
		return judge_key(ctx, ret_has_key);
	rc = ctx_read_key(ctx, KEY_TO_SHOW);
	if (ctx_is_key_error(rc)) { /* a part of the status, as one that cannot be opened */
		snprintf(ctx->key_error, sizeof(ctx->key_error), "%.511s", ctx->err.text);
		rc = 0;
	}
	*ret_has_key = *ctx->secret != '\0';
	return rc;
}

int iprep_queue_status(struct iprep_ctx *ctx, struct iprep_queue **ret_status)
{
	struct whole *whole;
	bool has_key;
	int rc = see_key(ctx, &has_key);

	if (!rc)
		rc = ctx_open_store(ctx, ctx_read_mode(ctx));
	if (rc)
		return rc;
	whole = calloc(1, sizeof(*whole));
	if (!whole)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	whole->queue.has_key = has_key;
	rc = read_status(ctx, whole);
	if (rc) {
		iprep_queue_free(&whole->queue);
		return rc;
	}
	*ret_status = &whole->queue;
	return IPREP_OK;
}

void iprep_queue_free(struct iprep_queue *status)
{
	struct whole *whole = (struct whole *)(void *)status; /* its first member */

	if (!whole)
		return;
	free(whole->feeds);
	free(whole->feed_list);
	free(whole);
}

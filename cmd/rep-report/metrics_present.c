/* SPDX-License-Identifier: MIT */
/* metrics_present.c - current values (gauges) */
#include "rep-report/metrics_text.h"
#include <string.h>

struct tiers {
	FILE *out;
	const struct iprep_settings *settings;
	uint64_t shown; /* bits of rows of the settings */
};

static void put_tier(void *user, const char *tier, int64_t count)
{
	struct tiers *tiers = user;

	metric_put_sample(tiers->out, "iprep_blocks", "tier", tier, count);
	for (size_t i = 0; i < tiers->settings->ntiers; i++)
		if (!strcmp(tiers->settings->tiers[i]->name, tier))
			tiers->shown |= (uint64_t)1 << (i & 63);
}

static int put_blocks(struct cli *cli, FILE *out)
{
	struct tiers tiers = { .out = out };
	int rc = iprep_settings(cli->ctx, &tiers.settings);

	if (rc)
		return rc;
	metric_put_head(out, "iprep_blocks", "gauge", "Current blocks.");
	rc = iprep_block_counts(cli->ctx, put_tier, &tiers);
	for (size_t i = 0; !rc && i < tiers.settings->ntiers; i++)
		if (!(tiers.shown >> (i & 63) & 1))
			put_tier(&tiers, tiers.settings->tiers[i]->name, 0);
	iprep_settings_free(tiers.settings);
	if (rc == IPREP_E_BUSY) /* too many to be counted in time: all else is written */
		return 0;
	return rc;
}

static long long waiting(const struct iprep_ages *ages)
{
	return ages->under_minute + ages->under_hour + ages->under_day + ages->older;
}

static void put_jobs(FILE *out, const struct iprep_queue *queue)
{
	metric_put_head(out, "iprep_queue_jobs", "gauge", "Jobs that wait.");
	metric_put_sample(out, "iprep_queue_jobs", "kind", "lookup", waiting(&queue->lookups));
	metric_put_sample(out, "iprep_queue_jobs", "kind", "report",
			  waiting(&queue->queued) + waiting(&queue->sending));
	metric_put_sample(out, "iprep_queue_jobs", "kind", "retraction",
			  waiting(&queue->retractions));
	metric_put_head(out, "iprep_queue_oldest_seconds", "gauge",
			"Age of the oldest report or lookup that waits.");
	metric_put_sample(out, "iprep_queue_oldest_seconds", NULL, NULL, queue->oldest_s);
	metric_put_head(out, "iprep_reports_stuck", "gauge", "Reports that are not sent any more.");
	metric_put_sample(out, "iprep_reports_stuck", "state", "parked", queue->parked);
	metric_put_sample(out, "iprep_reports_stuck", "state", "unknown", queue->unknown);
}

static void put_fleet_metrics(FILE *out, const struct iprep_fleet *fleet)
{
	metric_put_head(out, "iprep_fleet_records", "gauge", "Records in the zone of the fleet.");
	metric_put_sample(out, "iprep_fleet_records", "state", "published", fleet->published);
	metric_put_sample(out, "iprep_fleet_records", "state", "to_publish", fleet->to_publish);
	metric_put_sample(out, "iprep_fleet_records", "state", "to_withdraw", fleet->to_withdraw);
	metric_put_head(out, "iprep_fleet_last_update_timestamp_seconds", "gauge",
			"When the server last accepted an update; 0: never.");
	metric_put_sample(out, "iprep_fleet_last_update_timestamp_seconds", NULL, NULL,
			  fleet->last_ok_at);
	metric_put_head(out, "iprep_fleet_behind_timestamp_seconds", "gauge",
			"Since when the resolver has had an older zone; 0: it has not.");
	metric_put_sample(out, "iprep_fleet_behind_timestamp_seconds", NULL, NULL,
			  fleet->behind_since);
}

static void put_quotas(FILE *out, const struct iprep_queue *queue)
{
	metric_put_head(out, "iprep_quota_limit", "gauge", "Calls of AbuseIPDB allowed in a day.");
	for (size_t i = 0; i < queue->nendpoints; i++)
		metric_put_sample(out, "iprep_quota_limit", "endpoint", queue->endpoints[i]->name,
				  queue->endpoints[i]->limit);
	metric_put_head(out, "iprep_quota_remaining", "gauge", "Calls of AbuseIPDB left today.");
	for (size_t i = 0; i < queue->nendpoints; i++)
		metric_put_sample(out, "iprep_quota_remaining", "endpoint",
				  queue->endpoints[i]->name, queue->endpoints[i]->remaining);
}

/* What names of [allow] resolved to would have host names as labels. */
static bool is_shown(const struct iprep_feed *feed)
{
	return !strcmp(feed->kind, "feed");
}

static void put_feed_metrics(FILE *out, const struct iprep_queue *queue)
{
	metric_put_head(out, "iprep_feed_entries", "gauge", "Entries of a feed on disk.");
	for (size_t i = 0; i < queue->nfeeds; i++)
		if (is_shown(queue->feeds[i]))
			metric_put_sample(out, "iprep_feed_entries", "feed", queue->feeds[i]->name,
					  queue->feeds[i]->entries);
	metric_put_head(out, "iprep_feed_last_success_timestamp_seconds", "gauge",
			"Time of the last accepted download of a feed; 0 if never.");
	for (size_t i = 0; i < queue->nfeeds; i++)
		if (is_shown(queue->feeds[i]))
			metric_put_sample(out, "iprep_feed_last_success_timestamp_seconds", "feed",
					  queue->feeds[i]->name, queue->feeds[i]->good_at);
}

int metrics_put_present(struct cli *cli, FILE *out)
{
	struct iprep_queue *queue;
	int rc = put_blocks(cli, out);

	if (rc)
		return rc;
	rc = iprep_queue_status(cli->ctx, &queue);
	if (rc)
		return rc;
	put_jobs(out, queue);
	put_quotas(out, queue);
	put_feed_metrics(out, queue);
	if (queue->fleet)
		put_fleet_metrics(out, queue->fleet);
	iprep_queue_free(queue);
	return 0;
}

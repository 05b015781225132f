/* SPDX-License-Identifier: MIT */
#include "rep-report/status.h"
#include "common/json.h"
#include "common/text.h"
#include <stdio.h>

static int64_t sum_of_ages(const struct iprep_ages *ages)
{
	return ages->under_minute + ages->under_hour + ages->under_day + ages->older;
}

static void put_ages(const char *name, const struct iprep_ages *ages)
{
	printf("%-20s %7lld %7lld %7lld %7lld %7lld\n", name, (long long)sum_of_ages(ages),
	       (long long)ages->under_minute, (long long)ages->under_hour,
	       (long long)ages->under_day, (long long)ages->older);
}

static void put_endpoint(const struct iprep_endpoint *endpoint)
{
	char ok[UTC_TEXT_MAX], bad[UTC_TEXT_MAX], state[48], until[UTC_TEXT_MAX];

	if (endpoint->key_refused)
		snprintf(state, sizeof(state), "key refused");
	else if (endpoint->stopped_until)
		snprintf(state, sizeof(state), "until %s",
			 utc_minute(endpoint->stopped_until, until));
	else
		snprintf(state, sizeof(state), "%s",
			 endpoint->remaining ? "open" : "until 00:00 UTC");
	printf("%-14s %7lld %7lld  %-26s %-20s  ", endpoint->name, (long long)endpoint->limit,
	       (long long)endpoint->remaining, state, utc_minute(endpoint->last_ok_at, ok));
	if (endpoint->last_error)
		printf("%s  %s\n", utc_minute(endpoint->last_error_at, bad), endpoint->last_error);
	else
		printf("-\n");
}

static void put_feeds(const struct iprep_queue *queue)
{
	static const char *const states[] = { "none", "ok", "too old" };
	char good[UTC_TEXT_MAX], next[UTC_TEXT_MAX];

	if (!queue->nfeeds)
		return;
	printf("\n%-20s %-5s %-8s %9s  %-20s %-20s  %s\n", "FEED", "KIND", "STATE", "ENTRIES",
	       "LAST SUCCESS", "NEXT", "LAST ERROR");
	for (size_t i = 0; i < queue->nfeeds; i++) {
		const struct iprep_feed *feed = queue->feeds[i];

		printf("%-20s %-5s %-8s %9lld  %-20s %-20s  %s\n", feed->name, feed->kind,
		       states[feed->state], (long long)feed->entries,
		       utc_minute(feed->good_at, good), utc_minute(feed->next_at, next),
		       feed->why ? feed->why : "-");
	}
}

static void put_queue_text(const struct iprep_queue *queue)
{
	char when[UTC_TEXT_MAX];

	printf("%-20s %7s %7s %7s %7s %7s\n", "WAITING", "TOTAL", "<1 min", "<1 h", "<1 day",
	       "OLDER");
	put_ages("reports", &queue->queued);
	put_ages("reports being sent", &queue->sending);
	put_ages("lookups", &queue->lookups);
	put_ages("retractions", &queue->retractions);
	printf("a worker %s; %s", queue->worker_runs ? "is running" : "is not running",
	       queue->has_key ? "there is an API key" : "there is no API key: nothing is reported");
	if (queue->key_error)
		printf(" (%s)", queue->key_error);
	printf("\n\n");
	printf("%-14s %7s %7s  %-26s %-20s  %s\n", "ENDPOINT", "LIMIT", "LEFT", "STATE",
	       "LAST SUCCESS", "LAST ERROR");
	for (size_t i = 0; i < queue->nendpoints; i++)
		put_endpoint(queue->endpoints[i]);
	put_feeds(queue);
	if (queue->no_tcp)
		printf("\nDNS over TCP: %s, at %s: no listing creates a block; allow TCP port 53 "
		       "to the resolver, use one on this host, or set [dns] confirm_tcp = no\n",
		       queue->no_tcp, utc_minute(queue->no_tcp_at, when));
	printf("\n%lld parked (refused for good), "
	       "%lld with unknown outcome (sent, never answered)\n",
	       (long long)queue->parked, (long long)queue->unknown);
	for (size_t i = 0; i < queue->nstuck; i++)
		printf("%-20s  %-8s  %-20s  %s\n", queue->stuck[i]->address, queue->stuck[i]->state,
		       utc_minute(queue->stuck[i]->at, when), queue->stuck[i]->why);
}

/* ---- JSON ---- */

static void put_ages_json(struct json *json, const char *name, const struct iprep_ages *ages)
{
	json_put_object(json, name);
	json_put_int(json, "minute", ages->under_minute);
	json_put_int(json, "hour", ages->under_hour);
	json_put_int(json, "day", ages->under_day);
	json_put_int(json, "older", ages->older);
	json_close_object(json);
}

static void put_endpoint_json(struct json *json, const struct iprep_endpoint *endpoint)
{
	json_put_object(json, NULL);
	json_put_text(json, "name", endpoint->name);
	json_put_int(json, "limit", endpoint->limit);
	json_put_int(json, "remaining", endpoint->remaining);
	json_put_time(json, "stopped_until", endpoint->stopped_until);
	json_put_bool(json, "key_refused", endpoint->key_refused);
	json_put_time(json, "last_ok_at", endpoint->last_ok_at);
	json_put_time(json, "last_error_at", endpoint->last_error_at);
	json_put_text(json, "last_error", endpoint->last_error);
	json_close_object(json);
}

static void put_feed_json(struct json *json, const struct iprep_feed *feed)
{
	static const char *const states[] = { "none", "ok", "old" };

	json_put_object(json, NULL);
	json_put_text(json, "name", feed->name);
	json_put_text(json, "kind", feed->kind);
	json_put_text(json, "state", states[feed->state]);
	json_put_int(json, "entries", feed->entries);
	json_put_time(json, "good_at", feed->good_at);
	json_put_time(json, "tried_at", feed->tried_at);
	json_put_time(json, "next_at", feed->next_at);
	json_put_text(json, "why", feed->why);
	json_close_object(json);
}

static void put_stuck_json(struct json *json, const struct iprep_stuck *stuck)
{
	json_put_object(json, NULL);
	json_put_text(json, "address", stuck->address);
	json_put_text(json, "state", stuck->state);
	json_put_int(json, "at", stuck->at);
	json_put_text(json, "why", stuck->why);
	json_close_object(json);
}

static void put_queue_json(const struct iprep_queue *queue)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_object(&json, "waiting");
	json_put_int(&json, "report", sum_of_ages(&queue->queued) + sum_of_ages(&queue->sending));
	json_put_int(&json, "lookup", sum_of_ages(&queue->lookups));
	json_put_int(&json, "retraction", sum_of_ages(&queue->retractions));
	json_close_object(&json);
	json_put_int(&json, "sending", sum_of_ages(&queue->sending));
	json_put_int(&json, "parked", queue->parked);
	json_put_int(&json, "unknown", queue->unknown);
	json_put_int(&json, "oldest_s", queue->oldest_s);
	json_put_object(&json, "age");
	put_ages_json(&json, "queued", &queue->queued);
	put_ages_json(&json, "sending", &queue->sending);
	put_ages_json(&json, "lookup", &queue->lookups);
	put_ages_json(&json, "retraction", &queue->retractions);
	json_close_object(&json);
	json_put_bool(&json, "worker", queue->worker_runs);
	json_put_bool(&json, "key", queue->has_key);
	json_put_text(&json, "no_tcp", queue->no_tcp);
	json_put_time(&json, "no_tcp_at", queue->no_tcp_at);
	if (queue->key_error)
		json_put_text(&json, "key_error", queue->key_error);
	json_put_array(&json, "endpoints");
	for (size_t i = 0; i < queue->nendpoints; i++)
		put_endpoint_json(&json, queue->endpoints[i]);
	json_close_array(&json);
	json_put_array(&json, "feeds");
	for (size_t i = 0; i < queue->nfeeds; i++)
		put_feed_json(&json, queue->feeds[i]);
	json_close_array(&json);
	json_put_array(&json, "stuck");
	for (size_t i = 0; i < queue->nstuck; i++)
		put_stuck_json(&json, queue->stuck[i]);
	json_close_array(&json);
	json_end(&json);
}

int report_status(struct cli *cli)
{
	struct iprep_queue *queue;
	int rc = iprep_queue_status(cli->ctx, &queue), status = EX_OK;

	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_queue_json(queue);
	else
		put_queue_text(queue);
	if (queue->key_error)
		status = EX_NOPERM;
	iprep_queue_free(queue);
	return status;
}

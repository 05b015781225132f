/* SPDX-License-Identifier: MIT */
#include "rep-report/status.h"
#include "common/json.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

static int64_t sum_of_ages(const struct iprep_ages *ages)
{
	return ages->under_minute + ages->under_hour + ages->under_day + ages->older;
}

static void put_ages(struct table *table, const char *name, const struct iprep_ages *ages)
{
	table_put(table, PLAIN, name);
	table_printf(table, "%lld", (long long)sum_of_ages(ages));
	table_printf(table, "%lld", (long long)ages->under_minute);
	table_printf(table, "%lld", (long long)ages->under_hour);
	table_printf(table, "%lld", (long long)ages->under_day);
	table_printf(table, "%lld", (long long)ages->older);
	table_end_row(table);
}

static void put_waiting(const struct terminal *terminal, const struct iprep_queue *queue)
{
	static const struct column columns[] = {
		{ "WAITING", 20, false, false }, { "TOTAL", 7, true, true },
		{ "<1 min", 7, true, true },	 { "<1 h", 7, true, true },
		{ "<1 day", 7, true, true },	 { "OLDER", 7, true, true },
	};
	struct table table;

	table_begin(&table, terminal, 0, columns, 6);
	table_heads(&table);
	put_ages(&table, "reports", &queue->queued);
	put_ages(&table, "reports being sent", &queue->sending);
	put_ages(&table, "lookups", &queue->lookups);
	put_ages(&table, "retractions", &queue->retractions);
}

static void put_endpoint(struct table *table, const struct iprep_endpoint *endpoint)
{
	enum colour colour = GOOD;
	char when[UTC_TEXT_MAX], state[48] = "open";

	if (endpoint->key_refused) {
		snprintf(state, sizeof(state), "key refused");
		colour = BAD;
	} else if (endpoint->stopped_until || !endpoint->remaining) {
		snprintf(state, sizeof(state), "until %s",
			 endpoint->stopped_until ? utc_minute(endpoint->stopped_until, when)
						 : "00:00 UTC");
		colour = DOUBTFUL;
	}
	table_put(table, PLAIN, endpoint->name);
	table_printf(table, "%lld", (long long)endpoint->limit);
	table_printf(table, "%lld", (long long)endpoint->remaining);
	table_put(table, colour, state);
	table_put(table, PLAIN, utc_minute(endpoint->last_ok_at, when));
	if (endpoint->last_error) {
		table_put(table, PLAIN, utc_minute(endpoint->last_error_at, when));
		table_add(table, PLAIN, "  ");
		table_add(table, PLAIN, endpoint->last_error);
	} else {
		table_put(table, PLAIN, "-");
	}
	table_end_row(table);
}

static void put_endpoints(const struct terminal *terminal, const struct iprep_queue *queue)
{
	/* a state is short unless the endpoint is stopped */
	const struct column columns[] = {
		{ "ENDPOINT", 14, false, false },
		{ "LIMIT", 7, true, true },
		{ "LEFT", 7, true, true },
		{ "STATE", terminal_width(terminal, stdout) < 60 ? 11 : 26, false, false },
		{ "LAST SUCCESS", 20, false, true },
		{ "LAST ERROR", 0, false, false },
	};
	struct table table;

	table_begin(&table, terminal, 0, columns, 6);
	table_heads(&table);
	for (size_t i = 0; i < queue->nendpoints; i++)
		put_endpoint(&table, queue->endpoints[i]);
}

static int longest_name(const struct iprep_queue *queue)
{
	size_t width = 20;

	for (size_t i = 0; i < queue->nfeeds; i++)
		if (strlen(queue->feeds[i]->name) > width)
			width = strlen(queue->feeds[i]->name);
	return (int)width;
}

static const char *const feed_states[] = { "none", "ok", "too old" };

static void put_feed(struct table *table, const struct iprep_feed *feed)
{
	static const enum colour colours[] = { DOUBTFUL, GOOD, BAD };
	char when[UTC_TEXT_MAX];

	table_put(table, PLAIN, feed->name);
	table_put(table, PLAIN, feed->kind);
	table_put(table, colours[feed->state], feed_states[feed->state]);
	table_printf(table, "%lld", (long long)feed->entries);
	table_put(table, PLAIN, utc_minute(feed->good_at, when));
	table_put(table, PLAIN, utc_minute(feed->next_at, when));
	table_put(table, PLAIN, text_or(feed->why, "-"));
	table_end_row(table);
}

static void put_feeds(const struct terminal *terminal, const struct iprep_queue *queue)
{
	const struct column columns[] = {
		{ "FEED", longest_name(queue), false, false },
		{ "KIND", 5, false, true },
		{ "STATE", 8, false, true },
		{ "ENTRIES", 9, true, true },
		{ "LAST SUCCESS", 20, false, false },
		{ "NEXT", 20, false, true },
		{ "LAST ERROR", 0, false, false },
	};
	struct table table;

	if (!queue->nfeeds)
		return;
	putchar('\n');
	table_begin(&table, terminal, 0, columns, 7);
	table_heads(&table);
	for (size_t i = 0; i < queue->nfeeds; i++)
		put_feed(&table, queue->feeds[i]);
}

static void put_stuck(const struct terminal *terminal, const struct iprep_queue *queue)
{
	static const struct column columns[] = {
		{ "ADDRESS", 20, false, false },
		{ "STATE", 8, false, false },
		{ "SINCE", 20, false, false },
		{ "WHY", 0, false, false },
	};
	char when[UTC_TEXT_MAX];
	struct table table;

	table_begin(&table, terminal, 0, columns, 4);
	for (size_t i = 0; i < queue->nstuck; i++) {
		if (!i)
			table_heads(&table);
		table_put(&table, PLAIN, queue->stuck[i]->address);
		table_put(&table, BAD, queue->stuck[i]->state);
		table_put(&table, PLAIN, utc_minute(queue->stuck[i]->at, when));
		table_put(&table, PLAIN, queue->stuck[i]->why);
		table_end_row(&table);
	}
}

static const char *worker_text(int runs)
{
	if (runs < 0)
		return "a worker may be running: only the owner of the state can see it";
	return runs ? "a worker is running" : "no worker is running";
}

static void put_fleet(const struct terminal *terminal, const struct iprep_fleet *fleet)
{
	struct paragraph paragraph;
	char when[UTC_TEXT_MAX];

	paragraph_begin(&paragraph, terminal, stdout, 0);
	paragraph_printf(
		&paragraph,
		"fleet %s: %lld to publish, %lld to withdraw, %lld held back, %lld published",
		fleet->zone, (long long)fleet->to_publish, (long long)fleet->to_withdraw,
		(long long)fleet->held, (long long)fleet->published);
	if (fleet->last_error_at > fleet->last_ok_at)
		paragraph_printf(&paragraph, "; the last update failed at %s: %s",
				 utc_minute(fleet->last_error_at, when),
				 text_or(fleet->last_error, "no reason is known"));
	else if (fleet->last_ok_at)
		paragraph_printf(&paragraph, "; the last update was at %s",
				 utc_minute(fleet->last_ok_at, when));
	if (fleet->server_serial >= 0 && fleet->resolver_serial >= 0)
		paragraph_printf(&paragraph, "; serial %lld at the server, %lld at the resolver",
				 (long long)fleet->server_serial,
				 (long long)fleet->resolver_serial);
	else if (fleet->server_serial >= 0)
		paragraph_printf(&paragraph, "; serial %lld at the server, none at the resolver",
				 (long long)fleet->server_serial);
	paragraph_end(&paragraph);
	putchar('\n');
}

static void put_queue_text(const struct terminal *terminal, const struct iprep_queue *queue)
{
	struct paragraph paragraph;
	char when[UTC_TEXT_MAX];

	put_waiting(terminal, queue);
	paragraph_begin(&paragraph, terminal, stdout, 0);
	paragraph_printf(&paragraph, "%s; %s", worker_text(queue->worker_runs),
			 queue->has_key ? "there is an API key"
					: "there is no API key: nothing is reported");
	if (queue->key_error)
		paragraph_printf(&paragraph, " (%s)", queue->key_error);
	paragraph_end(&paragraph);
	putchar('\n');
	put_endpoints(terminal, queue);
	put_feeds(terminal, queue);
	putchar('\n');
	if (queue->fleet)
		put_fleet(terminal, queue->fleet);
	if (queue->no_tcp) {
		paragraph_printf(&paragraph,
				 "DNS over TCP: %s, at %s: listings create no blocks; allow TCP "
				 "port 53 to the resolver, use one on this host, or set [dns] "
				 "confirm_tcp = no",
				 queue->no_tcp, utc_minute(queue->no_tcp_at, when));
		paragraph_end(&paragraph);
		putchar('\n');
	}
	paragraph_printf(&paragraph,
			 "%lld parked (refused for good), %lld with unknown outcome (sent, never "
			 "answered)",
			 (long long)queue->parked, (long long)queue->unknown);
	paragraph_end(&paragraph);
	put_stuck(terminal, queue);
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

void status_put_endpoint_json(struct json *json, const struct iprep_endpoint *endpoint)
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
	json_put_object(json, NULL);
	json_put_text(json, "name", feed->name);
	json_put_text(json, "kind", feed->kind);
	json_put_text(json, "state", feed_states[feed->state]);
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

static void put_fleet_json(struct json *json, const struct iprep_fleet *fleet)
{
	json_put_object(json, "fleet");
	json_put_text(json, "zone", fleet->zone);
	json_put_int(json, "to_publish", fleet->to_publish);
	json_put_int(json, "to_withdraw", fleet->to_withdraw);
	json_put_int(json, "held", fleet->held);
	json_put_int(json, "published", fleet->published);
	json_put_time(json, "waiting_since", fleet->waiting_since);
	json_put_time(json, "last_ok_at", fleet->last_ok_at);
	json_put_time(json, "last_error_at", fleet->last_error_at);
	json_put_text(json, "last_error", fleet->last_error);
	json_put_int(json, "server_serial", fleet->server_serial);
	json_put_int(json, "resolver_serial", fleet->resolver_serial);
	json_put_time(json, "serials_at", fleet->serials_at);
	json_put_time(json, "behind_since", fleet->behind_since);
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
	if (queue->worker_runs < 0)
		json_put_null(&json, "worker");
	else
		json_put_bool(&json, "worker", queue->worker_runs);
	json_put_bool(&json, "key", queue->has_key);
	json_put_text(&json, "no_tcp", queue->no_tcp);
	json_put_time(&json, "no_tcp_at", queue->no_tcp_at);
	if (queue->key_error)
		json_put_text(&json, "key_error", queue->key_error);
	json_put_array(&json, "endpoints");
	for (size_t i = 0; i < queue->nendpoints; i++)
		status_put_endpoint_json(&json, queue->endpoints[i]);
	json_close_array(&json);
	json_put_array(&json, "feeds");
	for (size_t i = 0; i < queue->nfeeds; i++)
		put_feed_json(&json, queue->feeds[i]);
	json_close_array(&json);
	if (queue->fleet)
		put_fleet_json(&json, queue->fleet);
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
		put_queue_text(&cli->terminal, queue);
	if (queue->key_error)
		status = EX_NOPERM;
	iprep_queue_free(queue);
	return status;
}

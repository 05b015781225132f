/* SPDX-License-Identifier: MIT */
#include "rep-report/status.h"
#include <stdio.h>
#include <time.h>

static const char *time_of(int64_t at, char dst[24])
{
	time_t when = (time_t)at;
	struct tm tm;

	if (!at || !gmtime_r(&when, &tm) || !strftime(dst, 24, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(dst, 24, "-");
	return dst;
}

static void put_ages(const char *name, const int64_t ages[4])
{
	printf("%-20s %7lld %7lld %7lld %7lld %7lld\n", name,
	       (long long)(ages[0] + ages[1] + ages[2] + ages[3]), (long long)ages[0],
	       (long long)ages[1], (long long)ages[2], (long long)ages[3]);
}

static void put_endpoint(const struct iprep_endpoint *endpoint)
{
	char ok[24], bad[24], state[48], until[24];

	if (endpoint->key_refused)
		snprintf(state, sizeof(state), "key refused");
	else if (endpoint->stopped_until)
		snprintf(state, sizeof(state), "until %s", time_of(endpoint->stopped_until, until));
	else
		snprintf(state, sizeof(state), "%s",
			 endpoint->remaining ? "open" : "until 00:00 UTC");
	printf("%-14s %7lld %7lld  %-26s %-20s  ", endpoint->name, (long long)endpoint->limit,
	       (long long)endpoint->remaining, state, time_of(endpoint->last_ok_at, ok));
	if (endpoint->last_error)
		printf("%s  %s\n", time_of(endpoint->last_error_at, bad), endpoint->last_error);
	else
		printf("-\n");
}

static void put_text(const struct iprep_queue *queue)
{
	char when[24];

	printf("%-20s %7s %7s %7s %7s %7s\n", "WAITING", "TOTAL", "<1 min", "<1 h", "<1 day",
	       "OLDER");
	put_ages("reports", queue->queued);
	put_ages("reports under way", queue->sending);
	put_ages("lookups", queue->lookups);
	put_ages("retractions", queue->retractions);
	printf("a worker %s; %s\n\n", queue->worker_runs ? "is running" : "is not running",
	       queue->has_key ? "there is an API key" : "there is no API key: nothing is reported");
	printf("%-14s %7s %7s  %-26s %-20s  %s\n", "ENDPOINT", "LIMIT", "LEFT", "STATE",
	       "LAST SUCCESS", "LAST ERROR");
	for (size_t i = 0; i < queue->nendpoints; i++)
		put_endpoint(queue->endpoints[i]);
	printf("\n%lld parked (refused for good), %lld with unknown outcome (sent, never answered)\n",
	       (long long)queue->parked, (long long)queue->unknown);
	for (size_t i = 0; i < queue->nstuck; i++)
		printf("%-20s  %-8s  %-20s  %s\n", queue->stuck[i]->address, queue->stuck[i]->state,
		       time_of(queue->stuck[i]->at, when), queue->stuck[i]->why);
}

int report_status(struct cli *cli)
{
	struct iprep_queue *queue;
	char *line;
	int rc = iprep_queue_status(cli->ctx, &queue);

	if (rc)
		return cli_fail(cli, rc);
	if (!cli->json) {
		put_text(queue);
	} else {
		rc = iprep_queue_json(queue, &line);
		if (!rc) {
			puts(line);
			iprep_text_free(line);
		}
	}
	iprep_queue_free(queue);
	if (!rc)
		return EX_OK;
	cli_error(cli, "%s", iprep_strerror(rc));
	return EX_OSERR;
}

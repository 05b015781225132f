/* SPDX-License-Identifier: MIT */
#include "rep-report/status.h"
#include <stdio.h>
#include <time.h>

static const char *time_of(int64_t at, char dst[24])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!at || !gmtime_r(&t, &tm) || !strftime(dst, 24, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(dst, 24, "-");
	return dst;
}

static void put_ages(const char *name, const int64_t ages[4])
{
	printf("%-20s %7lld %7lld %7lld %7lld %7lld\n", name,
	       (long long)(ages[0] + ages[1] + ages[2] + ages[3]), (long long)ages[0],
	       (long long)ages[1], (long long)ages[2], (long long)ages[3]);
}

static void put_endpoint(const struct iprep_endpoint *e)
{
	char ok[24], bad[24], state[48], until[24];

	if (e->key_refused)
		snprintf(state, sizeof(state), "key refused");
	else if (e->stopped_until)
		snprintf(state, sizeof(state), "until %s", time_of(e->stopped_until, until));
	else
		snprintf(state, sizeof(state), "%s", e->remaining ? "open" : "until 00:00 UTC");
	printf("%-14s %7lld %7lld  %-26s %-20s  ", e->name, (long long)e->limit,
	       (long long)e->remaining, state, time_of(e->last_ok_at, ok));
	if (e->last_error)
		printf("%s  %s\n", time_of(e->last_error_at, bad), e->last_error);
	else
		printf("-\n");
}

static void put_text(const struct iprep_queue *q)
{
	char when[24];

	printf("%-20s %7s %7s %7s %7s %7s\n", "WAITING", "TOTAL", "<1 min", "<1 h", "<1 day",
	       "OLDER");
	put_ages("reports", q->queued);
	put_ages("reports under way", q->sending);
	put_ages("lookups", q->lookups);
	put_ages("retractions", q->retractions);
	printf("a worker %s; %s\n\n", q->worker_runs ? "is running" : "is not running",
	       q->has_key ? "there is an API key" : "there is no API key: nothing is reported");
	printf("%-14s %7s %7s  %-26s %-20s  %s\n", "ENDPOINT", "LIMIT", "LEFT", "STATE",
	       "LAST SUCCESS", "LAST ERROR");
	for (size_t i = 0; i < q->nendpoints; i++)
		put_endpoint(q->endpoints[i]);
	printf("\n%lld parked (refused for good), %lld with unknown outcome (sent, never answered)\n",
	       (long long)q->parked, (long long)q->unknown);
	for (size_t i = 0; i < q->nstuck; i++)
		printf("%-20s  %-8s  %-20s  %s\n", q->stuck[i]->address, q->stuck[i]->state,
		       time_of(q->stuck[i]->at, when), q->stuck[i]->why);
}

int report_status(struct cli *cli)
{
	struct iprep_queue *q;
	char *line;
	int r = iprep_queue_status(cli->ctx, &q);

	if (r)
		return cli_fail(cli, r);
	if (!cli->json) {
		put_text(q);
	} else {
		r = iprep_queue_json(q, &line);
		if (!r) {
			puts(line);
			iprep_text_free(line);
		}
	}
	iprep_queue_free(q);
	if (!r)
		return EX_OK;
	cli_error(cli, "%s", iprep_strerror(r));
	return EX_OSERR;
}

/* SPDX-License-Identifier: MIT */
#include "check_self_test.h"
#include <stdio.h>
#include <time.h>

static const char *const states[] = { "good", "quarantined", "silent", "refused", "no key", "off" };

static const char *clock_of(int64_t at, char dst[16])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!at || !gmtime_r(&t, &tm) || !strftime(dst, 16, "%H:%M:%S", &tm))
		snprintf(dst, 16, "-");
	return dst;
}

static void put_text(const struct iprep_source *s)
{
	char latency[16] = "-", when[16];

	if (s->latency_ms >= 0)
		snprintf(latency, sizeof(latency), "%d ms", s->latency_ms);
	printf("%-16s %-11s %8s  %-8s  %s\n", s->name, states[s->state], latency,
	       clock_of(s->probed_at, when), s->why);
}

/* A string of printable ASCII, which all texts of a source are. */
static void put_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void put_json(const struct iprep_source *s)
{
	printf("{\"source\":\"%s\",\"state\":\"%s\",\"latency_ms\":", s->name, states[s->state]);
	if (s->latency_ms >= 0)
		printf("%d", s->latency_ms);
	else
		printf("null");
	printf(",\"probed_at\":%lld,\"why\":", (long long)s->probed_at);
	put_string(s->why);
	puts("}");
}

static void on_row(void *user, const struct iprep_source *s)
{
	const struct cli *cli = user;

	if (cli->json)
		put_json(s);
	else if (!cli->quiet)
		put_text(s);
}

int check_self_test(struct cli *cli, int timeout_ms)
{
	bool passed = false;
	int r = cli_end_root(cli);

	if (r)
		return r;
	r = iprep_load_config(cli->ctx, cli->config);   /* a worker reads it without root */
	if (!r)
		r = iprep_ready(cli->ctx);
	if (r)
		return cli_fail(cli, r);
	if (!cli->json && !cli->quiet)
		printf("configuration, state and verdict log are usable\n\n%-16s %-11s %8s  %-8s  %s\n",
		       "SOURCE", "STATE", "LATENCY", "PROBED", "WHY");
	r = iprep_self_test(cli->ctx, 0, timeout_ms, on_row, cli, &passed);
	if (r)
		return cli_fail(cli, r);
	if (passed)
		return EX_OK;
	cli_error(cli, "self-test failed: a source is not usable, or none gives points");
	return EX_UNAVAILABLE;
}

/* SPDX-License-Identifier: MIT */
#include "rep-check/text.h"
#include "rep-check/result_json.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* "16", or "0..13" if a source has not answered; "-" if no source was queried. */
static void put_score(const struct iprep_result *result)
{
	if (result->verdict == IPREP_EXEMPT)
		printf("  -");
	else if (result->low == result->high)
		printf("  %d", result->low);
	else
		printf("  %d..%d", result->low, result->high);
}

static void put_sources(const struct iprep_result *result)
{
	const char *comma = "";

	printf("  ");
	for (size_t i = 0; i < result->nfindings; i++) {
		if (result->findings[i]->points <= 0)
			continue;
		printf("%s%s", comma, result->findings[i]->source);
		comma = ",";
	}
	printf("%s", *comma ? "" : "-");
}

/* The age of a cached answer. Mail and files get the time, which stays true. */
static void put_age(int64_t answered_at)
{
	char when[UTC_TEXT_MAX];
	long long number = (long long)time(NULL) - (long long)answered_at;

	if (!answered_at || number < 5)
		return;
	if (!isatty(STDOUT_FILENO)) {
		printf("  (%s)", utc_minute(answered_at, when));
		return;
	}
	if (number < 120)
		printf("  (%lld s ago)", number);
	else if (number < 2 * 3600)
		printf("  (%lld min ago)", number / 60);
	else
		printf("  (%lld h ago)", number / 3600);
}

void check_put_finding(const struct iprep_finding *finding, int width)
{
	char points[16] = "?";

	if (!finding->unanswered)
		snprintf(points, sizeof(points), finding->points ? "%+d" : "%d", finding->points);
	printf("    %-*s %4s", width, finding->source, points);
	for (size_t i = 0; i < finding->nanswers; i++)
		printf("%s%s", i ? "," : "  ", finding->answers[i]);
	if (finding->detail)
		printf("  %s", finding->detail);
	if (finding->status == IPREP_S_QUARANTINED)
		printf("  (quarantined)");
	put_age(finding->answered_at);
	putchar('\n');
}

static void put_result_text(const struct iprep_result *result)
{
	char when[UTC_TEXT_MAX];
	int width = 0;

	printf("%s  %s", result->address, iprep_verdict_name(result->verdict));
	put_score(result);
	printf("  %s", text_or(result->tier, "-"));
	if (result->exempt)
		printf("  %s", result->exempt);
	else
		put_sources(result);
	putchar('\n');
	for (size_t i = 0; i < result->nfindings; i++)
		if ((int)strlen(result->findings[i]->source) > width)
			width = (int)strlen(result->findings[i]->source);
	for (size_t i = 0; i < result->nfindings; i++)
		check_put_finding(result->findings[i], width);
	if (result->login_at)
		printf("    logged in %s: no block below the highest tier\n",
		       utc_minute(result->login_at, when));
	if (result->block_tier)
		printf("    blocked as %s until %s%s%s\n", result->block_tier,
		       utc_minute(result->blocked_until, when),
		       result->block_jail ? ", seen by " : "", text_or(result->block_jail, ""));
	if (result->block_seen)
		printf("    seen: %s\n", result->block_seen);
}

void check_put(const struct cli *cli, const struct iprep_result *result)
{
	if (cli->quiet)
		return;
	if (cli->json)
		check_put_result_json(result);
	else
		put_result_text(result);
}

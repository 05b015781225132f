/* SPDX-License-Identifier: MIT */
#include "rep-check/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const verdicts[] = { "unknown", "clean", "confirmed", "exempt" };

/* "16", or "0..13" while somebody has not answered; "-" where nobody was asked. */
static void put_score(const struct iprep_result *r)
{
	if (r->verdict == IPREP_EXEMPT)
		printf("  -");
	else if (r->low == r->high)
		printf("  %d", r->low);
	else
		printf("  %d..%d", r->low, r->high);
}

static void put_sources(const struct iprep_result *r)
{
	const char *comma = "";

	printf("  ");
	for (size_t i = 0; i < r->nfindings; i++) {
		if (r->findings[i]->points <= 0)
			continue;
		printf("%s%s", comma, r->findings[i]->source);
		comma = ",";
	}
	printf("%s", *comma ? "" : "-");
}

/* What was not asked just now says how old it is. */
static void put_age(int64_t answered_at)
{
	long long s = (long long)time(NULL) - (long long)answered_at;

	if (!answered_at || s < 5)
		return;
	if (s < 120)
		printf("  (%lld s ago)", s);
	else if (s < 2 * 3600)
		printf("  (%lld min ago)", s / 60);
	else
		printf("  (%lld h ago)", s / 3600);
}

void check_put_finding(const struct iprep_finding *f, int width)
{
	char points[16] = "?";

	if (!f->unanswered)
		snprintf(points, sizeof(points), f->points ? "%+d" : "%d", f->points);
	printf("    %-*s %4s", width, f->source, points);
	for (size_t i = 0; i < f->nanswers; i++)
		printf("%s%s", i ? "," : "  ", f->answers[i]);
	if (f->detail)
		printf("  %s", f->detail);
	if (f->status == IPREP_S_QUARANTINED)
		printf("  (quarantined)");
	put_age(f->answered_at);
	putchar('\n');
}

static void put_text(const struct iprep_result *r)
{
	char when[32];
	time_t until = (time_t)r->blocked_until, login_at = (time_t)r->login_at;
	struct tm tm;
	int width = 0;

	printf("%s  %s", r->address, verdicts[r->verdict]);
	put_score(r);
	printf("  %s", r->tier ? r->tier : "-");
	if (r->exempt)
		printf("  %s", r->exempt);
	else
		put_sources(r);
	putchar('\n');
	for (size_t i = 0; i < r->nfindings; i++)
		if ((int)strlen(r->findings[i]->source) > width)
			width = (int)strlen(r->findings[i]->source);
	for (size_t i = 0; i < r->nfindings; i++)
		check_put_finding(r->findings[i], width);
	if (r->login_at && gmtime_r(&login_at, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm))
		printf("    logged in %s: no block below the highest tier\n", when);
	if (r->block_tier && gmtime_r(&until, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm))
		printf("    blocked as %s until %s%s%s\n", r->block_tier, when,
		       r->block_jail ? ", seen by " : "", r->block_jail ? r->block_jail : "");
}

void check_put(const struct cli *cli, const struct iprep_result *r)
{
	char *line;

	if (cli->quiet)
		return;
	if (!cli->json) {
		put_text(r);
	} else if (!iprep_result_json(r, &line)) {
		puts(line);
		iprep_text_free(line);
	}
}

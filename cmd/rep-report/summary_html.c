/* SPDX-License-Identifier: MIT */
/* summary_html.c - a page in one file: see html.h */
#include "rep-report/html.h"
#include "common/figure.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

void html_put_text(const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", stdout);
			break;
		case '<':
			fputs("&lt;", stdout);
			break;
		case '>':
			fputs("&gt;", stdout);
			break;
		case '"':
			fputs("&quot;", stdout);
			break;
		case '\'':
			fputs("&#39;", stdout);
			break;
		default:
			putchar(*text < ' ' || *text > '~' ? '?' : *text);
		}
	}
}

void html_put_number(int64_t number)
{
	char text[FIGURE_MAX];

	printf("<td>%s</td>", figure_text(number, text));
}

static void page_put_row_head(const char *name)
{
	printf("<tr><th scope=\"row\">");
	html_put_text(name);
	printf("</th>");
}

static void page_put_head(const struct summary *summary)
{
	char first[16], now[UTC_TEXT_MAX];

	printf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	       "style-src '%s'; base-uri 'none'; form-action 'none'\">\n"
	       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	       "<meta name=\"color-scheme\" content=\"light dark\">\n"
	       "<meta name=\"referrer\" content=\"no-referrer\">\n"
	       "<meta name=\"robots\" content=\"noindex\">\n",
	       html_style_hash);
	printf("<title>iprep on ");
	html_put_text(summary->host);
	printf(", %s to %s</title>\n", day_text(summary->first_day, first),
	       utc_minute(summary->now, now));
	printf("<style>%s</style>\n</head>\n<body>\n", html_style);
	printf("<header>\n<h1>What iprep did on ");
	html_put_text(summary->host);
	printf("</h1>\n<p>%s to %s</p>\n", first, now);
}

static void page_put_explanation(const struct summary *summary)
{
	char last[16], begin[16];

	printf("<p class=\"soft\">Days are those of UTC; today is not over.");
	if (summary->is_comparable)
		printf(" Changes compare %d whole day%s, until %s, with the %d before.",
		       summary->whole_days, cli_plural(summary->whole_days),
		       day_text(summary->today - DAY_S, last), summary->whole_days);
	if (!summary->begin_day)
		printf(" Nothing was counted yet.");
	else if (summary->begin_day > summary->first_day - summary->whole_days * (int64_t)DAY_S)
		printf(" Counters begin on %s.", day_text(summary->begin_day, begin));
	puts("</p>\n</header>\n<main>");
}

/* ---- trouble ---- */

static void page_put_troubles(const struct summary *summary)
{
	char when[UTC_TEXT_MAX];

	puts("<section aria-labelledby=\"trouble\">\n<h2 id=\"trouble\">Trouble now</h2>");
	if (!summary->ntroubles) {
		puts("<p>None.</p>\n</section>");
		return;
	}
	puts("<ul class=\"trouble\">");
	for (size_t i = 0; i < summary->ntroubles; i++) {
		const struct summary_trouble *trouble = &summary->troubles[i];

		printf("<li><strong>%s</strong>", trouble->severity > 1 ? "Critical" : "Warning");
		if (trouble->since)
			printf(" since %s", utc_minute(trouble->since, when));
		printf(": ");
		html_put_text(trouble->text);
		puts("</li>");
	}
	puts("</ul>\n</section>");
}

/* ---- at a glance ---- */

static void page_put_tile(const struct summary *summary, const char *name,
			  const struct summary_sum *sum)
{
	char number[FIGURE_MAX];

	printf("<div><dt>%s</dt>", name);
	if (!summary->whole_days) {
		printf("<dd>%s</dd><dd>today</dd></div>\n", figure_text(sum->today, number));
		return;
	}
	printf("<dd>%s</dd>", figure_text(sum->days, number));
	printf("<dd>today %s</dd>", figure_text(sum->today, number));
	if (summary->is_comparable) {
		printf("<dd>change ");
		html_put_text(change_text(sum->days, sum->before, number));
		printf("</dd>");
	}
	puts("</div>");
}

static struct summary_sum sum_of(const struct summary *summary, const char *name)
{
	struct summary_sum all = { 0 };

	for (size_t i = 0; i < summary_nfigures; i++) {
		if (strcmp(summary_figures[i].name, name) != 0)
			continue;
		all.days += summary->figures[i].days;
		all.today += summary->figures[i].today;
		all.before += summary->figures[i].before;
	}
	return all;
}

static const struct summary_sum *sum_with(const struct summary *summary, const char *name,
					  const char *label)
{
	size_t i = 0;

	while (strcmp(summary_figures[i].name, name) != 0 ||
	       strcmp(summary_figures[i].label, label) != 0)
		i++;
	return &summary->figures[i];
}

static void page_put_glance(const struct summary *summary)
{
	struct summary_sum undone = sum_of(summary, "release"), pardons = sum_of(summary, "pardon");

	undone.days += pardons.days;
	undone.today += pardons.today;
	undone.before += pardons.before;
	printf("<section aria-labelledby=\"glance\">\n<h2 id=\"glance\">At a glance");
	if (summary->whole_days)
		printf(": %d day%s", summary->whole_days, cli_plural(summary->whole_days));
	puts("</h2>\n<dl class=\"tiles\">");
	page_put_tile(summary, "Confirmed", sum_with(summary, "lookup", "confirmed"));
	page_put_tile(summary, "Blocked", &summary->blocks);
	page_put_tile(summary, "Reported", sum_with(summary, "report", "done"));
	page_put_tile(summary, "Lines counted", sum_with(summary, "line", "counted"));
	page_put_tile(summary, "Spared", sum_with(summary, "spared", "login"));
	page_put_tile(summary, "Undone", &undone);
	puts("</dl>\n</section>");
}

/* ---- blocks by day ---- */

static int64_t sum_of_days(const struct summary *summary, int first, size_t tier)
{
	int end = first + summary_days_of_row(summary);
	int64_t sum = 0;

	for (int day = first; day < end && day <= summary->whole_days; day++)
		sum += summary_by_day(summary, day, tier);
	return sum;
}

/* Many tiers have no room next to each other. */
static void page_put_tier_list(const struct summary *summary, int first)
{
	const char *comma = "";
	char number[FIGURE_MAX];

	printf("<td class=\"word\">");
	for (size_t tier = 0; tier < summary->ntiers; tier++) {
		int64_t sum = sum_of_days(summary, first, tier);

		if (!sum)
			continue;
		fputs(comma, stdout);
		html_put_text(summary->tiers[tier].name);
		printf(" %s", figure_text(sum, number));
		comma = ", ";
	}
	printf("</td>");
}

static void page_put_day_row(const struct summary *summary, int first)
{
	bool has_columns = summary->ntiers <= SUMMARY_COLUMNS;
	int64_t all = 0;
	char day[16];

	page_put_row_head(day_text(summary->first_day + (int64_t)first * DAY_S, day));
	for (size_t tier = 0; tier < summary->ntiers; tier++) {
		int64_t sum = sum_of_days(summary, first, tier);

		if (has_columns)
			html_put_number(sum);
		all += sum;
	}
	html_put_number(all);
	if (!has_columns)
		page_put_tier_list(summary, first);
	puts("</tr>");
}

static void page_put_day_heads(const struct summary *summary)
{
	printf("<thead><tr><th scope=\"col\">%s</th>",
	       summary_days_of_row(summary) > 1 ? "From" : "Day");
	for (size_t tier = 0; tier < summary->ntiers && summary->ntiers <= SUMMARY_COLUMNS;
	     tier++) {
		printf("<th scope=\"col\">");
		html_put_text(summary->tiers[tier].name);
		printf("</th>");
	}
	printf("<th scope=\"col\">All</th>");
	if (summary->ntiers > SUMMARY_COLUMNS)
		printf("<th class=\"word\" scope=\"col\">By tier</th>");
	puts("</tr></thead>");
}

static void page_put_day_table(const struct summary *summary)
{
	int step = summary_days_of_row(summary);

	puts("<details>\n<summary>Numbers of the chart</summary>\n<table>");
	printf("<caption>Blocks by tier");
	if (step > 1)
		printf(", each row %d days from its date", step);
	puts("</caption>");
	page_put_day_heads(summary);
	puts("<tbody>");
	for (int day = 0; day <= summary->whole_days; day += step)
		page_put_day_row(summary, day);
	puts("</tbody>\n</table>\n</details>");
}

static void page_put_blocks(const struct summary *summary)
{
	puts("<section aria-labelledby=\"days\">\n<h2 id=\"days\">Blocks a day</h2>");
	if (summary->blocks.days || summary->blocks.today) {
		html_put_days(summary);
		page_put_day_table(summary);
	} else {
		puts("<p>No address was blocked in this period.</p>");
	}
	puts("</section>");
}

/* ---- sources ---- */

static void page_put_source(const struct summary *summary, const struct source_count *source,
			    int64_t most)
{
	char asked[FIGURE_MAX], answered[FIGURE_MAX], latency[LATENCY_TEXT_MAX];
	char note[SOURCE_NOTE_MAX];
	int64_t bound = source_latency(source, 95);

	printf("<tr><th scope=\"row\">");
	html_put_text(source->name);
	html_put_bar(source->decisive, source->alone, most);
	printf("<small>");
	html_put_text(source_note(source, summary->sources.confirmed, summary->whole_days, note));
	printf("</small>");
	if (source->asked) {
		printf("<small>asked %s, answered ", figure_text(source->asked, asked));
		html_put_text(share_text(source->answered, source->asked, answered));
	}
	if (source->asked && bound) {
		printf(", 95 %% in ");
		html_put_text(latency_text(bound, latency));
	}
	if (source->asked)
		printf("</small>");
	printf("</th>");
	html_put_number(source->listed);
	html_put_number(source->decisive);
	html_put_number(source->alone);
	html_put_number(source->wrong);
	puts("</tr>");
}

static void page_put_sources(const struct summary *summary)
{
	int64_t most = 0;

	puts("<section aria-labelledby=\"sources\">\n<h2 id=\"sources\">What each source is "
	     "worth</h2>");
	if (!summary->sources.count) {
		puts("<p>No source is configured.</p>\n</section>");
		return;
	}
	for (size_t i = 0; i < summary->sources.count; i++)
		if (summary->sources.list[i].decisive > most)
			most = summary->sources.list[i].decisive;
	puts("<table>\n<caption>Today included. Decided: without this source the verdict would "
	     "have been lower. Alone, the dark part of a bar: no other source listed the "
	     "address. Wrong: the address was pardoned, released or logged in later.</caption>\n"
	     "<thead><tr><th scope=\"col\">Source</th><th scope=\"col\">Listed</th><th "
	     "scope=\"col\">Decided</th><th scope=\"col\">Alone</th><th scope=\"col\">Wrong</th>"
	     "</tr></thead>\n<tbody>");
	for (size_t i = 0; i < summary->sources.count; i++)
		page_put_source(summary, &summary->sources.list[i], most);
	puts("</tbody>\n</table>\n</section>");
}

/* ---- what happened ---- */

static void page_put_sum(const struct summary *summary, const char *name,
			 const struct summary_sum *sum)
{
	char change[FIGURE_MAX];

	page_put_row_head(name);
	if (summary->whole_days)
		html_put_number(sum->days);
	html_put_number(sum->today);
	if (summary->is_comparable) {
		html_put_number(sum->before);
		printf("<td>");
		html_put_text(change_text(sum->days, sum->before, change));
		printf("</td>");
	}
	puts("</tr>");
}

static void page_put_group(const struct summary *summary, const char *name)
{
	int columns = 2;

	if (summary->whole_days)
		columns++;
	if (summary->is_comparable)
		columns += 2;
	printf("<tr><th class=\"group\" scope=\"rowgroup\" colspan=\"%d\">%s</th></tr>\n", columns,
	       name);
}

static void page_put_tiers(const struct summary *summary)
{
	puts("</tbody>\n<tbody>");
	page_put_group(summary, "Blocked");
	for (size_t i = 0; i < summary->ntiers; i++)
		page_put_sum(summary, summary->tiers[i].name, &summary->tiers[i].sum);
	if (summary->ntiers != 1)
		page_put_sum(summary, "all tiers", &summary->blocks);
}

/* The name of a group is printed before its first figure that is shown. */
static void page_put_sums(const struct summary *summary)
{
	const char *group = NULL;

	for (size_t i = 0; i < summary_nfigures; i++) {
		const struct summary_figure *figure = &summary_figures[i];

		if (figure->group && !strcmp(figure->group, "Spared"))
			page_put_tiers(summary);
		if (figure->group)
			group = figure->group;
		if (!summary_shows(summary, i))
			continue;
		if (group) {
			puts(i ? "</tbody>\n<tbody>" : "<tbody>");
			page_put_group(summary, group);
		}
		group = NULL;
		page_put_sum(summary, figure->text, &summary->figures[i]);
	}
	puts("</tbody>");
}

static void page_put_figures(const struct summary *summary)
{
	puts("<section aria-labelledby=\"all\">\n<h2 id=\"all\">What happened, and what changed"
	     "</h2>\n<table>\n<caption>Numbers of all kinds</caption>");
	printf("<thead><tr><th scope=\"col\">What</th>");
	if (summary->whole_days)
		printf("<th scope=\"col\">%d day%s</th>", summary->whole_days,
		       cli_plural(summary->whole_days));
	printf("<th scope=\"col\">Today</th>");
	if (summary->is_comparable)
		printf("<th scope=\"col\">%d before</th><th scope=\"col\">Change</th>",
		       summary->whole_days);
	puts("</tr></thead>");
	page_put_sums(summary);
	puts("</table>\n</section>");
}

/* ---- jails, networks, quota ---- */

static void page_put_named(const struct summary_named *named, int64_t most)
{
	printf("<tr><th scope=\"row\">");
	html_put_text(named->name);
	html_put_bar(named->count, named->count, most);
	printf("</th>");
	html_put_number(named->count);
	puts("</tr>");
}

static void page_put_list_head(const char *id, const char *title, const char *caption,
			       const char *first)
{
	printf("<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n<table>\n<caption>%s"
	       "</caption>\n<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">Blocks</th></tr>"
	       "</thead>\n<tbody>\n",
	       id, id, title, caption, first);
}

static void page_put_jails(const struct summary *summary)
{
	int64_t rest = 0;

	if (!summary->njails)
		return;
	page_put_list_head("jails", "Jails",
			   "Blocks by the jail that saw the address, today included", "Jail");
	for (size_t i = 0; i < summary->njails; i++) {
		if (i < SUMMARY_JAILS)
			page_put_named(&summary->jails[i], summary->jails[0].count);
		else
			rest += summary->jails[i].count;
	}
	if (rest) {
		page_put_row_head("all other jails");
		html_put_number(rest);
		puts("</tr>");
	}
	puts("</tbody>\n</table>\n</section>");
}

static void page_put_networks(const struct summary *summary)
{
	char number[FIGURE_MAX];

	if (!summary->nnetworks) {
		puts("<section aria-labelledby=\"networks\">\n<h2 id=\"networks\">Noisiest "
		     "networks</h2>\n<p>No address is blocked now.</p>\n</section>");
		return;
	}
	page_put_list_head("networks", "Noisiest networks", "Of the blocks that hold now",
			   "Network");
	for (size_t i = 0; i < summary->nnetworks; i++)
		page_put_named(&summary->networks[i], summary->networks[0].count);
	printf("</tbody>\n<tfoot><tr class=\"sum\"><th scope=\"row\">all networks</th><td>%s</td>"
	       "</tr></tfoot>\n</table>\n</section>\n",
	       figure_text(summary->current, number));
}

static void page_put_quota(const struct summary *summary)
{
	char state[ENDPOINT_STATE_MAX];

	if (!summary->queue->has_key)
		return;
	puts("<section aria-labelledby=\"quota\">\n<h2 id=\"quota\">Quota of AbuseIPDB</h2>\n"
	     "<table>\n<caption>Calls of today, as far as is known</caption>\n<thead><tr><th "
	     "scope=\"col\">Endpoint</th><th scope=\"col\">Left</th><th scope=\"col\">Of a day"
	     "</th><th class=\"word\" scope=\"col\">State</th></tr></thead>\n<tbody>");
	for (size_t i = 0; i < summary->queue->nendpoints; i++) {
		const struct iprep_endpoint *endpoint = summary->queue->endpoints[i];

		page_put_row_head(endpoint->name);
		html_put_number(endpoint->remaining);
		html_put_number(endpoint->limit);
		printf("<td class=\"word\">");
		html_put_text(endpoint_state(endpoint, state));
		puts("</td></tr>");
	}
	puts("</tbody>\n</table>\n</section>");
}

void summary_put_html(const struct summary *summary)
{
	page_put_head(summary);
	page_put_explanation(summary);
	page_put_troubles(summary);
	page_put_glance(summary);
	page_put_blocks(summary);
	page_put_sources(summary);
	page_put_figures(summary);
	page_put_jails(summary);
	page_put_networks(summary);
	page_put_quota(summary);
	printf("</main>\n<footer><p>Made by iprep %s. Changes and figures: rep-report(8).</p>"
	       "</footer>\n</body>\n</html>\n",
	       iprep_version());
}

/* SPDX-License-Identifier: MIT */
#include "rep-report/summary.h"
#include "common/figure.h"
#include "common/since.h"
#include "common/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define JAILS_KEPT 1000 /* of a damaged or hostile file there may be any number */

/* clang-format off */
const struct summary_figure summary_figures[] = {
	{ "Seen", "line", "counted", "ambiguous lines that counted", true },
	{ NULL, "line", "ignored", "ambiguous lines ignored", true },
	{ NULL, "ban", "reported", "bans recorded for a report", true },
	{ NULL, "ban", "lookup", "bans recorded for a lookup only", false },
	{ NULL, "ban", "skipped", "bans not recorded", false },
	{ NULL, "login", "recorded", "successful logins", false },
	{ "Looked up", "lookup", "confirmed", "confirmed", true },
	{ NULL, "lookup", "clean", "clean", true },
	{ NULL, "lookup", "exempt", "exempt", false },
	{ NULL, "lookup", "unknown", "unknown: a source did not answer", false },
	{ "Spared", "spared", "login", "confirmed, but logged in recently", true },
	{ "Reported", "report", "done", "reports sent", true },
	{ NULL, "report", "refused", "reports refused", false },
	{ NULL, "report", "unknown", "reports without an answer", false },
	{ NULL, "report", "dropped", "reports dropped", false },
	{ NULL, "report", "retracted", "reports cancelled or taken back", false },
	{ NULL, "retraction", "done", "retractions done", false },
	{ NULL, "retraction", "refused", "retractions refused", false },
	{ "Undone", "pardon", "", "addresses pardoned", true },
	{ NULL, "unpardon", "", "pardons ended by hand", false },
	{ NULL, "release", "recheck", "released: no longer listed", true },
	{ NULL, "release", "allowed", "released: now in [allow]", false },
	{ NULL, "release", "quarantine", "released: list quarantined", false },
	{ NULL, "release", "fleet", "released: pardoned in the fleet", false },
	{ "Failed calls", "api_error", "check", "AbuseIPDB check", false },
	{ NULL, "api_error", "report", "AbuseIPDB report", false },
	{ NULL, "api_error", "bulk-report", "AbuseIPDB bulk-report", false },
	{ NULL, "api_error", "clear-address", "AbuseIPDB clear-address", false },
	{ NULL, "api_error", "blacklist", "AbuseIPDB blacklist", false },
};
const size_t summary_nfigures = sizeof(summary_figures) / sizeof(summary_figures[0]);

static const struct format {
	const char *name;
	void (*put)(const struct summary *summary);
} formats[] = {
	{ "text", summary_put_text },
	{ "json", summary_put_json },
	{ "html", summary_put_html },
};
static const char format_names[] = "text, json or html";
/* clang-format on */

static const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

int64_t summary_by_day(const struct summary *summary, int day, size_t tier)
{
	return summary->by_day[(size_t)day * SUMMARY_TIERS + tier];
}

bool summary_shows(const struct summary *summary, size_t figure)
{
	const struct summary_sum *sum = &summary->figures[figure];

	return summary_figures[figure].always || sum->days || sum->today || sum->before;
}

int summary_days_of_row(const struct summary *summary)
{
	int days = summary->whole_days + 1;

	if (days <= SUMMARY_ROWS)
		return 1;
	if (days <= SUMMARY_ROWS * 7)
		return 7;
	return (days + SUMMARY_ROWS - 1) / SUMMARY_ROWS;
}

const char *day_text(int64_t at, char dst[16])
{
	time_t when = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(dst, 16, "%Y-%m-%d", &tm))
		snprintf(dst, 16, "-");
	return dst;
}

const char *endpoint_state(const struct iprep_endpoint *endpoint, char dst[ENDPOINT_STATE_MAX])
{
	char until[UTC_TEXT_MAX];

	if (endpoint->key_refused)
		snprintf(dst, ENDPOINT_STATE_MAX, "key refused");
	else if (endpoint->stopped_until)
		snprintf(dst, ENDPOINT_STATE_MAX, "stopped until %s",
			 utc_minute(endpoint->stopped_until, until));
	else
		snprintf(dst, ENDPOINT_STATE_MAX, "%s",
			 endpoint->remaining ? "open" : "used up until 00:00 UTC");
	return dst;
}

const char *severity_text(const struct summary_trouble *trouble)
{
	return trouble->severity > 1 ? "critical" : "warning";
}

/* ---- collecting ---- */

struct collector {
	struct summary *summary;
	bool out_of_memory;
};

static int64_t day_begin(int64_t at)
{
	return at - at % DAY_S;
}

/* The part of a sum that a day belongs to. */
static int64_t *part_of(const struct summary *summary, struct summary_sum *sum, int64_t day)
{
	if (day == summary->today)
		return &sum->today;
	if (day < summary->first_day)
		return &sum->before;
	return &sum->days;
}

/* Tiers that the configuration does not have any more come after those that it has. */
static size_t tier_find(struct summary *summary, const char *name)
{
	for (size_t i = 0; i < summary->ntiers; i++)
		if (!strcmp(summary->tiers[i].name, name))
			return i;
	if (summary->ntiers == SUMMARY_TIERS)
		return SUMMARY_TIERS - 1;
	if (summary->ntiers == SUMMARY_TIERS - 1)
		name = "other";
	snprintf(summary->tiers[summary->ntiers].name, SUMMARY_NAME_MAX, "%s", name);
	return summary->ntiers++;
}

static struct summary_named *jail_find(struct summary *summary, const char *name)
{
	struct summary_named *list;

	for (size_t i = 0; i < summary->njails; i++)
		if (!strcmp(summary->jails[i].name, name))
			return &summary->jails[i];
	if (summary->njails == JAILS_KEPT)
		return &summary->jails[JAILS_KEPT - 1];
	list = reallocarray(summary->jails, summary->njails + 1, sizeof(*list));
	if (!list)
		return NULL;
	summary->jails = list;
	list += summary->njails++;
	*list = (struct summary_named){ 0 };
	snprintf(list->name, sizeof(list->name), "%s",
		 summary->njails == JAILS_KEPT ? "other" : name);
	return list;
}

/* Up to the next tab. Returns what comes after it. */
static const char *take_part(const char *label, char dst[SUMMARY_NAME_MAX])
{
	int len = (int)strcspn(label, "\t");

	snprintf(dst, SUMMARY_NAME_MAX, "%.*s", len, label);
	make_printable(dst);
	return label[len] ? label + len + 1 : label + len;
}

/* The label is TIER, JAIL and SOURCES. */
static bool add_block(struct summary *summary, const struct iprep_counter *counter)
{
	char tier_name[SUMMARY_NAME_MAX], jail_name[SUMMARY_NAME_MAX];
	struct summary_named *jail;
	size_t tier;

	take_part(take_part(counter->label, tier_name), jail_name);
	tier = tier_find(summary, tier_name);
	figure_add(part_of(summary, &summary->tiers[tier].sum, counter->day), counter->count);
	figure_add(part_of(summary, &summary->blocks, counter->day), counter->count);
	if (counter->day < summary->first_day)
		return true;
	figure_add(&summary->by_day[(counter->day - summary->first_day) / DAY_S * SUMMARY_TIERS +
				    (int64_t)tier],
		   counter->count);
	jail = jail_find(summary, *jail_name ? jail_name : "-");
	if (jail)
		figure_add(&jail->count, counter->count);
	return jail;
}

static int on_counter(void *user, const struct iprep_counter *counter)
{
	struct collector *collector = user;
	struct summary *summary = collector->summary;
	bool done = true;

	if (!strcmp(counter->name, "block"))
		done = add_block(summary, counter);
	else if (counter->day >= summary->first_day)
		done = source_counts_add(&summary->sources, counter);
	for (size_t i = 0; i < summary_nfigures; i++)
		if (!strcmp(summary_figures[i].name, counter->name) &&
		    !strcmp(summary_figures[i].label, counter->label))
			figure_add(part_of(summary, &summary->figures[i], counter->day),
				   counter->count);
	collector->out_of_memory = !done;
	return !done;
}

/* The first one only. */
static int on_first_counter(void *user, const struct iprep_counter *counter)
{
	int64_t *day = user;

	*day = counter->day;
	return 1;
}

static int on_network(void *user, const struct iprep_network *network)
{
	struct summary *summary = user;
	struct summary_named *named = &summary->networks[summary->nnetworks++];

	snprintf(named->name, sizeof(named->name), "%s", network->network);
	named->count = network->blocks;
	return 0;
}

static int out_of_memory(struct cli *cli)
{
	cli_error(cli, "out of memory");
	return EX_OSERR;
}

static int on_summary_trouble(void *user, const struct iprep_trouble *trouble)
{
	struct collector *collector = user;
	struct summary *summary = collector->summary;
	struct summary_trouble *list = reallocarray(summary->troubles, summary->ntroubles + 1,
						    sizeof(*summary->troubles));

	collector->out_of_memory = !list;
	if (!list)
		return 1;
	summary->troubles = list;
	list += summary->ntroubles++;
	*list = (struct summary_trouble){ .name = strdup(trouble->name),
					  .object = strdup(trouble->object),
					  .text = strdup(trouble->text),
					  .severity = trouble->severity,
					  .since = trouble->since };
	collector->out_of_memory = !list->name || !list->object || !list->text;
	return collector->out_of_memory;
}

static int collect_troubles(struct cli *cli, struct summary *summary)
{
	struct collector collector = { .summary = summary };
	int rc = iprep_health(cli->ctx, on_summary_trouble, &collector);

	if (collector.out_of_memory)
		return out_of_memory(cli);
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

static int by_count(const void *left, const void *right)
{
	const struct summary_named *one = left, *other = right;

	if (one->count != other->count)
		return one->count > other->count ? -1 : 1;
	return strcmp(one->name, other->name);
}

static int collect_counters(struct cli *cli, struct summary *summary)
{
	struct collector collector = { .summary = summary };
	int64_t before = summary->first_day - (int64_t)summary->whole_days * DAY_S;
	int rc;

	if (before < DAY_S) /* day 0 is what is older than the retention */
		before = DAY_S;
	rc = iprep_counters(cli->ctx, DAY_S, summary->now, on_first_counter, &summary->begin_day);
	if (rc && !summary->begin_day)
		return cli_fail(cli, rc);
	summary->is_comparable = summary->whole_days && summary->begin_day &&
				 summary->begin_day <= before;
	rc = iprep_counters(cli->ctx, before, summary->now, on_counter, &collector);
	if (collector.out_of_memory)
		return out_of_memory(cli);
	if (rc)
		return cli_fail(cli, rc);
	if (summary->njails)
		qsort(summary->jails, summary->njails, sizeof(*summary->jails), by_count);
	source_counts_sort(&summary->sources);
	return EX_OK;
}

static int collect_settings(struct cli *cli, struct summary *summary)
{
	const struct iprep_settings *settings;
	int rc = iprep_settings(cli->ctx, &settings);
	bool done;

	if (rc)
		return cli_fail(cli, rc);
	for (size_t i = 0; i < settings->ntiers; i++)
		tier_find(summary, settings->tiers[i]->name);
	done = source_counts_init(&summary->sources, settings->nsources, settings->sources);
	iprep_settings_free(settings);
	if (!done)
		return out_of_memory(cli);
	return EX_OK;
}

/* A page that was saved, or a text in a log, is of one host of several. */
static void host_name(char dst[SUMMARY_HOST_MAX])
{
	if (gethostname(dst, SUMMARY_HOST_MAX) || !*dst)
		snprintf(dst, SUMMARY_HOST_MAX, "this host");
	dst[SUMMARY_HOST_MAX - 1] = '\0';
	make_printable(dst);
}

static int collect(struct cli *cli, struct summary *summary)
{
	int rc = collect_settings(cli, summary);

	host_name(summary->host);

	if (rc)
		return rc;
	summary->figures = calloc(summary_nfigures, sizeof(*summary->figures));
	summary->by_day = calloc((size_t)(summary->whole_days + 1) * SUMMARY_TIERS,
				 sizeof(*summary->by_day));
	if (!summary->figures || !summary->by_day)
		return out_of_memory(cli);
	rc = collect_counters(cli, summary);
	if (rc)
		return rc;
	rc = iprep_networks(cli->ctx, SUMMARY_NETWORKS, on_network, summary, &summary->current);
	if (!rc)
		rc = iprep_queue_status(cli->ctx, &summary->queue);
	if (rc)
		return cli_fail(cli, rc);
	return collect_troubles(cli, summary);
}

static void release(struct summary *summary)
{
	free(summary->figures);
	free(summary->by_day);
	free(summary->jails);
	for (size_t i = 0; i < summary->ntroubles; i++) {
		free(summary->troubles[i].name);
		free(summary->troubles[i].object);
		free(summary->troubles[i].text);
	}
	free(summary->troubles);
	source_counts_free(&summary->sources);
	iprep_queue_free(summary->queue);
}

/* ---- the mode ---- */

int check_summary_options(struct cli *cli, const struct summary_options *options)
{
	int64_t at;

	if (options->format && !format_find(options->format))
		return cli_usage(cli, "--format: \"%.40s\": unknown format; expected %s",
				 options->format, format_names);
	if (options->format && cli->json && strcmp(options->format, "json") != 0)
		return cli_usage(cli, "--format %s and --json exclude each other", options->format);
	return since_check(cli, options->since, &at);
}

int report_summary(struct cli *cli, const struct summary_options *options)
{
	const char *name = cli->json ? "json" : text_or(options->format, "text");
	struct summary summary = { .terminal = &cli->terminal, .now = time(NULL) };
	int64_t since_at;
	int rc = since_period(cli, text_or(options->since, "7d"), &since_at);

	if (rc)
		return rc;
	summary.today = day_begin(summary.now);
	summary.first_day = day_begin(since_at);
	summary.whole_days = (int)((summary.today - summary.first_day) / DAY_S);
	rc = collect(cli, &summary);
	if (!rc)
		format_find(name)->put(&summary);
	release(&summary);
	return rc;
}

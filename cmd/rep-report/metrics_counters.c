/* SPDX-License-Identifier: MIT */
/*
 * metrics_counters.c - counters: the sums of all days, so that they never fall
 *
 * A new one is a row of metrics[]. A source and a jail are names of the configuration.
 */
#include "rep-report/metrics_text.h"
#include "common/figure.h"
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LABELS_MAX 2
#define PARTS_MAX  4

/* A counter of iprep_counters(), by the first parts of its label; the rest are added up. */
struct metric {
	const char *counter, *name, *help;
	const char *labels[LABELS_MAX + 1];
	const char *known[6]; /* values of the first label that are shown although they are 0 */
};

static const struct metric metrics[] = {
	{ "lookup",
	  "iprep_lookups_total",
	  "Lookups that ended, by verdict.",
	  { "verdict" },
	  { "confirmed", "clean", "exempt", "unknown" } },
	{ "block",
	  "iprep_blocks_total",
	  "Blocks that were announced, or rose to a higher tier.",
	  { "tier", "jail" },
	  { NULL } },
	{ "report",
	  "iprep_reports_total",
	  "Reports to AbuseIPDB that ended.",
	  { "outcome" },
	  { "done", "refused", "unknown", "dropped", "retracted" } },
	{ "retraction",
	  "iprep_retractions_total",
	  "Retractions at AbuseIPDB that ended.",
	  { "outcome" },
	  { "done", "refused" } },
	{ "line",
	  "iprep_gate_lines_total",
	  "Ambiguous log lines that the gate judged.",
	  { "result" },
	  { "counted", "ignored" } },
	{ "ban",
	  "iprep_bans_total",
	  "Bans of ordinary jails that were recorded.",
	  { "result" },
	  { "reported", "lookup", "skipped" } },
	{ "login",
	  "iprep_logins_total",
	  "Successful logins that were recorded.",
	  { NULL },
	  { "" } },
	{ "pardon", "iprep_pardons_total", "Pardons given.", { NULL }, { "" } },
	{ "unpardon", "iprep_unpardons_total", "Pardons ended by hand.", { NULL }, { "" } },
	{ "release",
	  "iprep_releases_total",
	  "Blocks that were released before their time.",
	  { "reason" },
	  { "recheck", "allowed", "quarantine", "fleet" } },
	{ "spared",
	  "iprep_spared_total",
	  "Confirmed addresses that were not blocked.",
	  { "reason" },
	  { "login" } },
	{ "api_error",
	  "iprep_api_errors_total",
	  "Calls of AbuseIPDB that failed.",
	  { "endpoint" },
	  { "check", "report" } },
	{ "asked",
	  "iprep_source_asked_total",
	  "Lookups in which the source was consulted.",
	  { "source" },
	  { NULL } },
	{ "answered",
	  "iprep_source_answered_total",
	  "Lookups in which the source answered.",
	  { "source" },
	  { NULL } },
	{ "error",
	  "iprep_source_errors_total",
	  "Lookups in which the source failed or refused.",
	  { "source" },
	  { NULL } },
	{ "listed",
	  "iprep_source_listed_total",
	  "Lookups in which the source gave points.",
	  { "source" },
	  { NULL } },
	{ "decisive",
	  "iprep_source_decisive_total",
	  "Verdicts that needed this source.",
	  { "source" },
	  { NULL } },
	{ "alone",
	  "iprep_source_alone_total",
	  "Verdicts for which no other source gave points.",
	  { "source" },
	  { NULL } },
	{ "wrong",
	  "iprep_source_wrong_total",
	  "Blocks based on this source whose address was later pardoned, released, or logged in.",
	  { "source" },
	  { NULL } },
};
#define NMETRICS (sizeof(metrics) / sizeof(metrics[0]))

/* ---- sums over all days ---- */

struct sum {
	char *name, *label; /* of the counter; label cut to the parts that are shown */
	int64_t count;
};

struct sums {
	void *tree;
	FILE *out;	    /* of the walk */
	const char *walked; /* name of the counter that is printed */
	const struct metric *metric;
	const char *source; /* of the histogram that is printed */
	int64_t below;	    /* its sum so far */
	int failed;
};

static int sum_compare(const void *left, const void *right)
{
	const struct sum *one = left, *other = right;
	int by_name = strcmp(one->name, other->name);

	if (by_name)
		return by_name;
	return strcmp(one->label, other->label);
}

static void sum_free(void *node)
{
	struct sum *sum = node;

	free(sum->name);
	free(sum->label);
	free(sum);
}

static const struct metric *metric_of(const char *counter)
{
	for (size_t i = 0; i < NMETRICS; i++)
		if (!strcmp(metrics[i].counter, counter))
			return &metrics[i];
	return NULL;
}

/* The first parts of a label. */
static size_t shown_len(const char *label, size_t nparts)
{
	size_t len = 0;

	while (nparts) {
		len += strcspn(label + len, "\t");
		if (!--nparts || !label[len])
			break;
		len++;
	}
	while (len &&
	       label[len - 1] == '\t') /* or a label would make the same row as a shorter one */
		len--;
	return len;
}

static size_t count_labels(const struct metric *metric)
{
	size_t count = 0;

	while (metric->labels[count])
		count++;
	return count;
}

static int sums_add(struct sums *sums, const char *name, const char *label, size_t len,
		    int64_t count)
{
	struct sum *sum = calloc(1, sizeof(*sum)), **found;

	if (!sum)
		return -1;
	sum->name = strdup(name);
	sum->label = strndup(label, len);
	found = sum->name && sum->label ? tsearch(sum, &sums->tree, sum_compare) : NULL;
	if (!found) {
		sum_free(sum);
		return -1;
	}
	figure_add(&(*found)->count, count);
	if (*found != sum)
		sum_free(sum);
	return 0;
}

static int add_counter(void *user, const struct iprep_counter *counter)
{
	const struct metric *metric = metric_of(counter->name);
	struct sums *sums = user;
	size_t nlabels = PARTS_MAX;

	if (metric)
		nlabels = count_labels(metric);
	else if (strncmp(counter->name, "latency", strlen("latency")) != 0)
		return 0;
	return sums_add(sums, counter->name, counter->label, shown_len(counter->label, nlabels),
			counter->count);
}

static int add_known(struct sums *sums)
{
	for (size_t i = 0; i < NMETRICS; i++)
		for (const char *const *known = metrics[i].known; *known; known++)
			if (sums_add(sums, metrics[i].counter, *known, strlen(*known), 0))
				return -1;
	return 0;
}

/* A source that never decided anything is what people look for: it has a row of 0. */
static int add_sources(struct sums *sums, const struct iprep_settings *settings)
{
	for (size_t i = 0; i < NMETRICS; i++) {
		if (!metrics[i].labels[0] || strcmp(metrics[i].labels[0], "source") != 0)
			continue;
		for (size_t j = 0; j < settings->nsources; j++)
			if (sums_add(sums, metrics[i].counter, settings->sources[j],
				     strlen(settings->sources[j]), 0))
				return -1;
	}
	return 0;
}

static void put_sum(FILE *out, const struct metric *metric, const struct sum *sum)
{
	const char *part = sum->label;

	fputs(metric->name, out);
	for (size_t i = 0; metric->labels[i]; i++) {
		size_t len = strcspn(part, "\t");

		fprintf(out, "%s%s=\"", i ? "," : "{", metric->labels[i]);
		metric_put_value(out, part, len);
		fputc('"', out);
		part += len + (part[len] != '\0');
	}
	fprintf(out, "%s %lld\n", metric->labels[0] ? "}" : "", (long long)sum->count);
}

static void on_sum(const void *node, VISIT visit, void *user)
{
	const struct sum *sum = *(const struct sum *const *)node;
	struct sums *sums = user;

	if ((visit == postorder || visit == leaf) && !strcmp(sum->name, sums->metric->counter))
		put_sum(sums->out, sums->metric, sum);
}

static void put_counters(struct sums *sums)
{
	for (size_t i = 0; i < NMETRICS; i++) {
		sums->metric = &metrics[i];
		metric_put_head(sums->out, metrics[i].name, "counter", metrics[i].help);
		twalk_r(sums->tree, on_sum, sums);
	}
}

/* ---- the histogram ---- */

#define LATENCY "iprep_source_latency_seconds"

static int64_t sum_of_label(const struct sums *sums, const char *name, const char *source,
			    const char *bound)
{
	char label[512], copy[16];
	struct sum wanted = { .name = copy, .label = label }, **found;

	snprintf(copy, sizeof(copy), "%s", name);
	snprintf(label, sizeof(label), "%s%s%s", source, bound ? "\t" : "", bound ? bound : "");
	found = tfind(&wanted, &sums->tree, sum_compare);
	return found ? (*found)->count : 0;
}

static void put_bucket(const struct sums *sums, const char *end, const char *bound)
{
	fprintf(sums->out, LATENCY "%s{source=\"", end);
	metric_put_value(sums->out, sums->source, strlen(sums->source));
	fprintf(sums->out, "\"%s%s%s} ", bound ? ",le=\"" : "", bound ? bound : "",
		bound ? "\"" : "");
}

/* A counter holds the answers of one bucket, a histogram those of all buckets below as well. */
static void put_histogram(struct sums *sums, const char *source)
{
	static const char *const bounds[][2] = {
		{ "10", "0.01" }, { "30", "0.03" }, { "100", "0.1" },  { "300", "0.3" },
		{ "1000", "1" },  { "3000", "3" },  { "inf", "+Inf" },
	};
	int64_t below = 0, total_ms = sum_of_label(sums, "latency_ms", source, NULL);

	sums->source = source;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		below += sum_of_label(sums, "latency", source, bounds[i][0]);
		put_bucket(sums, "_bucket", bounds[i][1]);
		fprintf(sums->out, "%lld\n", (long long)below);
	}
	put_bucket(sums, "_sum", NULL);
	fprintf(sums->out, "%lld.%03d\n", (long long)(total_ms / 1000), (int)(total_ms % 1000));
	put_bucket(sums, "_count", NULL);
	fprintf(sums->out, "%lld\n", (long long)below);
}

static void on_latency(const void *node, VISIT visit, void *user)
{
	const struct sum *sum = *(const struct sum *const *)node;

	if ((visit == postorder || visit == leaf) && !strcmp(sum->name, "latency_ms"))
		put_histogram(user, sum->label);
}

int metrics_put_counters(struct cli *cli, FILE *out)
{
	const struct iprep_settings *settings;
	struct sums sums = { .out = out };
	int rc = iprep_settings(cli->ctx, &settings);

	if (rc)
		return rc;
	rc = iprep_counters(cli->ctx, 0, INT64_MAX, add_counter, &sums);
	if (!rc && !add_known(&sums) && !add_sources(&sums, settings)) {
		put_counters(&sums);
		metric_put_head(out, LATENCY, "histogram",
				"Time that a source took to answer over the network.");
		twalk_r(sums.tree, on_latency, &sums);
	}
	tdestroy(sums.tree, sum_free);
	iprep_settings_free(settings);
	return rc;
}

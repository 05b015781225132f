/* SPDX-License-Identifier: MIT */
#include "common/source_counts.h"
#include "common/cli.h"
#include "common/figure.h"
#include "common/text.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES_KEPT 1000 /* of a damaged or hostile file there may be any number */

const int64_t latency_bounds[LATENCY_BUCKETS] = { 10, 30, 100, 300, 1000, 3000, INT64_MAX };

/* clang-format off */
static const struct {
	const char *name;
	size_t offset;
} figures[] = {
	{ "asked", offsetof(struct source_count, asked) },
	{ "answered", offsetof(struct source_count, answered) },
	{ "error", offsetof(struct source_count, error) },
	{ "listed", offsetof(struct source_count, listed) },
	{ "decisive", offsetof(struct source_count, decisive) },
	{ "alone", offsetof(struct source_count, alone) },
	{ "wrong", offsetof(struct source_count, wrong) },
};
/* clang-format on */

static struct source_count *source_find(struct source_counts *counts, const char *name)
{
	struct source_count *list;

	for (size_t i = 0; i < counts->count; i++)
		if (!strcmp(counts->list[i].name, name))
			return &counts->list[i];
	if (counts->count == SOURCES_KEPT)
		return &counts->list[counts->count - 1];
	list = reallocarray(counts->list, counts->count + 1, sizeof(*list));
	if (!list)
		return NULL;
	counts->list = list;
	list += counts->count++;
	*list = (struct source_count){ 0 };
	snprintf(list->name, sizeof(list->name), "%s",
		 counts->count == SOURCES_KEPT ? "other" : name);
	return list;
}

bool source_counts_init(struct source_counts *counts, size_t nnames, const char *const *names)
{
	*counts = (struct source_counts){ 0 };
	for (size_t i = 0; i < nnames; i++)
		if (!source_find(counts, names[i]))
			return false;
	return true;
}

/* The label is SOURCE, a tab and the bound. */
static bool add_latency(struct source_counts *counts, const struct iprep_counter *counter)
{
	const char *tab = strchr(counter->label, '\t');
	char name[SOURCE_NAME_MAX];
	struct source_count *source;
	long long bound = 0;
	size_t row = 0;

	if (!tab)
		return true;
	snprintf(name, sizeof(name), "%.*s", (int)(tab - counter->label), counter->label);
	make_printable(name);
	source = source_find(counts, name);
	if (!source)
		return false;
	if (!number_parse(tab + 1, 0, INT64_MAX, &bound))
		bound = INT64_MAX;
	while (latency_bounds[row] < bound)
		row++;
	figure_add(&source->latency[row], counter->count);
	return true;
}

bool source_counts_add(struct source_counts *counts, const struct iprep_counter *counter)
{
	char name[SOURCE_NAME_MAX];
	struct source_count *source;

	if (!strcmp(counter->name, "latency"))
		return add_latency(counts, counter);
	if (!strcmp(counter->name, "lookup") && !strcmp(counter->label, "confirmed"))
		figure_add(&counts->confirmed, counter->count);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (strcmp(figures[i].name, counter->name) != 0)
			continue;
		snprintf(name, sizeof(name), "%s", counter->label);
		make_printable(name);
		source = source_find(counts, name);
		if (!source)
			return false;
		figure_add((int64_t *)(void *)((char *)source + figures[i].offset), counter->count);
	}
	return true;
}

static int by_worth(const void *left, const void *right)
{
	const struct source_count *one = left, *other = right;

	if (one->decisive != other->decisive)
		return one->decisive > other->decisive ? -1 : 1;
	if (one->listed != other->listed)
		return one->listed > other->listed ? -1 : 1;
	return strcmp(one->name, other->name);
}

void source_counts_sort(struct source_counts *counts)
{
	if (counts->count)
		qsort(counts->list, counts->count, sizeof(*counts->list), by_worth);
}

void source_counts_free(struct source_counts *counts)
{
	free(counts->list);
	*counts = (struct source_counts){ 0 };
}

int64_t source_latency(const struct source_count *source, int percent)
{
	int64_t all = 0, below = 0;
	double wanted;

	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		all += source->latency[i];
	if (!all)
		return 0;
	wanted = (double)all * percent / 100;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		below += source->latency[i];
		if ((double)below >= wanted)
			return latency_bounds[i];
	}
	return INT64_MAX;
}

const char *latency_text(int64_t bound, char dst[LATENCY_TEXT_MAX])
{
	if (!bound)
		snprintf(dst, LATENCY_TEXT_MAX, "-");
	else if (bound == INT64_MAX)
		snprintf(dst, LATENCY_TEXT_MAX, "> %d ms",
			 (int)latency_bounds[LATENCY_BUCKETS - 2]);
	else
		snprintf(dst, LATENCY_TEXT_MAX, "<= %d ms", (int)bound);
	return dst;
}

/* "in 30 days", "today" */
static const char *period_text(int days, char dst[FIGURE_MAX])
{
	if (days)
		snprintf(dst, FIGURE_MAX, "in %d day%s", days, cli_plural(days));
	else
		snprintf(dst, FIGURE_MAX, "today");
	return dst;
}

static const char *note_of_use(const struct source_count *source, int64_t confirmed,
			       char dst[SOURCE_NOTE_MAX])
{
	char one[FIGURE_MAX], other[FIGURE_MAX];

	if (!source->alone)
		snprintf(dst, SOURCE_NOTE_MAX, "decided %s of %s confirmed verdict%s, none alone",
			 figure_text(source->decisive, one), figure_text(confirmed, other),
			 cli_plural(confirmed));
	else
		snprintf(dst, SOURCE_NOTE_MAX, "decided %s of confirmed verdicts, %s of them alone",
			 share_text(source->decisive, confirmed, one),
			 share_text(source->alone, source->decisive, other));
	return dst;
}

/* Blocks, not listings: some that it contributed to were undone. */
static void add_wrong(const struct source_count *source, char dst[SOURCE_NOTE_MAX])
{
	size_t len = strlen(dst);
	char number[FIGURE_MAX];

	if (source->wrong > source->listed / 10)
		snprintf(dst + len, SOURCE_NOTE_MAX - len, "; %s block%s undone later",
			 figure_text(source->wrong, number), cli_plural(source->wrong));
}

/* What is wrong with it comes before what it is worth. */
const char *source_note(const struct source_count *source, int64_t confirmed, int days,
			char dst[SOURCE_NOTE_MAX])
{
	char period[FIGURE_MAX], share[FIGURE_MAX];

	period_text(days, period);
	share_text(source->answered, source->asked, share);
	if (!source->asked)
		snprintf(dst, SOURCE_NOTE_MAX, "was not asked %s", period);
	else if (!source->answered)
		snprintf(dst, SOURCE_NOTE_MAX, "never answered %s", period);
	else if (source->answered < source->asked / 2)
		snprintf(dst, SOURCE_NOTE_MAX, "answers in %s of cases only", share);
	else if (!source->listed)
		snprintf(dst, SOURCE_NOTE_MAX, "listed nothing %s", period);
	else if (!source->decisive)
		snprintf(dst, SOURCE_NOTE_MAX, "decided nothing %s", period);
	else
		note_of_use(source, confirmed, dst);
	if (source->listed)
		add_wrong(source, dst);
	return dst;
}

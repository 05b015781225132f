/* SPDX-License-Identifier: MIT */
/*
 * summary.h - what iprep did in a period; collected once, then printed in one of the formats
 *
 * Counters are kept by UTC day. The period has whole days, and today, which is not over. Changes
 * compare the whole days with as many days before them. A format is a file with a function of
 * struct summary, and a row of formats[] in summary.c.
 */
#pragma once
#include "common/cli.h"
#include "common/source_counts.h"

#define SUMMARY_TIERS	 17 /* as many as a configuration can have, and "other" */
#define SUMMARY_NAME_MAX 80
#define SUMMARY_JAILS	 10 /* shown of them; the rest is summed up */
#define SUMMARY_NETWORKS 10
#define SUMMARY_COLUMNS	 3  /* tiers that have a column of their own, if there are no more */
#define SUMMARY_ROWS	 31 /* of a table by day: more days are grouped */
#define DAY_S		 86400

/* What the options say; NULL: not given. */
struct summary_options {
	const char *since, *format;
};

struct summary_sum {
	int64_t days, today, before; /* the whole days; today so far; as many days before */
};
struct summary_tier {
	char name[SUMMARY_NAME_MAX];
	struct summary_sum sum;
};
struct summary_figure {
	const char *group;	  /* "Seen"; NULL: of the figure above */
	const char *name, *label; /* of its counter */
	const char *text;	  /* "ambiguous lines that counted" */
	bool always;		  /* shown even if it is 0 */
};
struct summary_named {
	char name[SUMMARY_NAME_MAX];
	int64_t count;
};
struct summary_trouble {
	char *name, *object, *text;
	int severity; /* 2: critical */
	int64_t since;
};
#define SUMMARY_HOST_MAX 65 /* HOST_NAME_MAX of Linux */
struct summary {
	const struct terminal *terminal;
	char host[SUMMARY_HOST_MAX];
	int64_t now, first_day, today; /* seconds since 1970; of the days their 00:00 UTC */
	int whole_days;		       /* from first_day on, without today */
	int64_t begin_day;	       /* first day that has a counter; 0: none has */
	bool is_comparable;	       /* the days before have counters */
	struct summary_sum *figures;   /* as summary_figures */
	size_t ntiers;		       /* lowest first */
	struct summary_tier tiers[SUMMARY_TIERS];
	struct summary_sum blocks;   /* of all tiers */
	int64_t *by_day;	     /* blocks; summary_by_day() */
	struct summary_named *jails; /* most blocks first */
	size_t njails;
	struct source_counts sources;
	struct summary_named networks[SUMMARY_NETWORKS]; /* of current blocks, most first */
	size_t nnetworks;
	int64_t current; /* blocks that hold now */
	struct iprep_queue *queue;
	struct summary_trouble *troubles; /* worst first */
	size_t ntroubles;
};
extern const struct summary_figure summary_figures[];
extern const size_t summary_nfigures;

/* Blocks of a tier on a day; day 0 is first_day, and day whole_days is today. */
int64_t summary_by_day(const struct summary *summary, int day, size_t tier);
/* Whether the figure has something to tell. */
bool summary_shows(const struct summary *summary, size_t figure);
/* Days of a row in a table with at most SUMMARY_ROWS rows. */
int summary_days_of_row(const struct summary *summary);
/* "2026-01-31" of a time. Returns dst. */
const char *day_text(int64_t at, char dst[16]);
/* "open", "key refused", "stopped until 2026-01-31 14:00 UTC". Returns dst. */
#define ENDPOINT_STATE_MAX 64
const char *endpoint_state(const struct iprep_endpoint *endpoint, char dst[ENDPOINT_STATE_MAX]);

/* Every value is one that can be: reported before anything is opened. Returns an exit status. */
int check_summary_options(struct cli *cli, const struct summary_options *options);
/* "critical", "warning" */
const char *severity_text(const struct summary_trouble *trouble);
/* Returns an exit status. */
int report_summary(struct cli *cli, const struct summary_options *options);

/* ---- the formats ---- */

void summary_put_text(const struct summary *summary);
void summary_put_json(const struct summary *summary);
void summary_put_html(const struct summary *summary);

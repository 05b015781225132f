/* SPDX-License-Identifier: MIT */
/* source_counts.h - what each source was worth: sums over counters, and what they mean */
#pragma once
#include <iprep.h>

#define SOURCE_NAME_MAX	 64
#define LATENCY_BUCKETS	 7
#define SOURCE_NOTE_MAX	 160
#define LATENCY_TEXT_MAX 16

/* In how many lookups; see iprep_counters(). */
struct source_count {
	char name[SOURCE_NAME_MAX];
	int64_t asked, answered, error, listed, decisive, alone, wrong;
	int64_t latency[LATENCY_BUCKETS]; /* answers up to latency_bounds[i] */
};
struct source_counts {
	struct source_count *list;
	size_t count;
	int64_t confirmed; /* lookups that ended so */
};
/* Milliseconds; of the last one INT64_MAX. */
extern const int64_t latency_bounds[LATENCY_BUCKETS];

/* Names that are known before anything was counted of them. False: out of memory. */
bool source_counts_init(struct source_counts *counts, size_t nnames, const char *const *names);
/* Adds a counter; those that are of no source are left out. False: out of memory. */
bool source_counts_add(struct source_counts *counts, const struct iprep_counter *counter);
/* Most decisive first; equal ones by name. */
void source_counts_sort(struct source_counts *counts);
void source_counts_free(struct source_counts *counts);

/* The bound within which that percentage of the answers came; 0: none came. */
int64_t source_latency(const struct source_count *source, int percent);
/* "<= 100 ms", "> 3 s", "-". Returns dst. */
const char *latency_text(int64_t bound, char dst[LATENCY_TEXT_MAX]);
/* What an administrator should know of it, one sentence without a full stop; days: whole ones, 0 is
 * today. Returns dst. */
const char *source_note(const struct source_count *source, int64_t confirmed, int days,
			char dst[SOURCE_NOTE_MAX]);

/* SPDX-License-Identifier: MIT */
/*
 * points.h - postscreen's filter*points
 *
 * v4pattern = v4field "." v4field "." v4field "." v4field, v4field = octet or
 * "[" member { ";" member } "]", member = octet or octet ".." octet; outer brackets are
 * allowed around a whole field list (postconf(5), postscreen_dnsbl_sites). Entries are
 * separated by blanks; "*3" alone matches any answer. For scores (0..100) a pattern has
 * one field.
 */
#pragma once
#include "base/err.h"
#include "base/types.h"

#define PATTERN_ENTRIES_MAX 16

struct points_entry {
	bool any;
	int points;
	uint8_t octets[4][32]; /* bit sets; a score uses the first */
};
struct pattern {
	int nfields; /* 4: IPv4 answers, 1: a number 0..255 */
	size_t nentries;
	struct points_entry entries[PATTERN_ENTRIES_MAX];
};

/* nfields 4 or 1. On failure the message names the place: 127.0.0.[4..>1<] (_CONFIG). */
int points_parse(const char *text, int nfields, struct pattern *ret, struct err *error);
/* Each entry that matches one of the n values adds its points once. */
int points_points(const struct pattern *points, const uint32_t *values, size_t count);
/* The least and the most that any set of answers can add (least <= 0 <= most). */
void points_range(const struct pattern *points, int *ret_least, int *ret_most);
/* True if it has negative entries only: an allowlist. */
bool points_is_negative(const struct pattern *points);

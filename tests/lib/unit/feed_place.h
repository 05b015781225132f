/* SPDX-License-Identifier: MIT */
/*
 * feed_place.h - a compiled file of feeds of a test's own
 *
 * FIXTURE(feed_place_set_up, feed_place_tear_down) gives each case a place without one.
 */
#pragma once
#include "feed/table_private.h"
#include "place.h"

#define FIRST 0x11 /* identity of lists, unless a test has another */

extern struct feed_table *table; /* NULL: there is no file */
extern const char *path;

int feed_place_set_up(void **state);
int feed_place_tear_down(void **state);

struct prefix prefix_of(const char *text);
/* "45.1.1.1 45.2.0.0/16=3", sorted. */
struct feed_entries *entries_of(const char *text);
void reopen(void);
struct feed_list list_of(enum feed_kind kind, const char *name, int64_t good_at);
/* All lists stay. entries NULL: unchanged. */
int write_list(const struct feed_list *list, const char *entries, int64_t keep_s);
/* The list has these entries alone, downloaded now. */
void put_list(const char *name, const char *entries);
int row_of(const char *name);
struct feed_list read_list(const char *name);
/* "zen/24=3 other/32": lists by name, each with the length of its entry. */
void assert_hits(const char *address, const char *expected);
int64_t seen_at(const char *address);

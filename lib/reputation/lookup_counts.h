/* SPDX-License-Identifier: MIT */
/*
 * lookup_counts.h - counters that a lookup of the worker adds for its sources
 *
 * Both are called in the transaction that keeps the outcome. Names and labels: iprep_counters().
 */
#pragma once
#include "reputation/lookup.h"

/* After each try: how long sources took to answer over the network, and a check that failed. */
int lookup_counts_try(const struct session *session, const struct lookup *lookup);
/* After the last one: its verdict, and of each source whether it was consulted, answered, listed
 * the address, and decided. */
int lookup_counts_end(const struct session *session, const struct lookup *lookup);

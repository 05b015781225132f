/* SPDX-License-Identifier: MIT */
/*
 * allow.h - the entries of [allow]: from its keys, and from files with one entry a line
 *
 * A line is "ADDRESS|NET|NAME [until=2027-01-31] # why". Networks are sorted, so that an address is
 * found by bisection among 100,000 of them. The questions about them are in conf.h.
 */
#pragma once
#include "conf/keys.h"

#define ALLOW_ENTRIES_MAX 100000
#define ALLOW_NAMES_MAX	  900 /* hosts and SPF domains: the file of the feeds has 1000 lists */

conf_parser p_allow_addresses, p_allow_files, p_allow_spf;

/* Appends an address, a network or a host name ("spf": a domain). False, with what is wrong and
 * what was expected in *error: it is none, there are too many, or there is no memory. */
bool allow_add(struct conf *conf, const char *text, bool spf, struct err *error);
/* Reads conf->allow_files, then sorts what there is. Errors: _CONFIG names file and line; _PERM,
 * _IO, _NOMEM. */
int allow_finish(struct conf *conf, struct err *error);
void allow_free(struct conf *conf);

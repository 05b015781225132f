/* SPDX-License-Identifier: MIT */
/* sections.h - the [tier X] and [dnsbl X] of both files, until they are complete; for conf only */
#pragma once
#include "conf/keys.h"

#define SECTIONS_MAX (SOURCES_MAX + TIERS_MAX)
#define KEYS_MAX     64 /* rows of conf_keys */

struct section {
	bool is_tier;
	struct conf_tier tier;
	struct conf_source list;
	bool given[KEYS_MAX];	      /* in any file */
	bool given_in_file[KEYS_MAX]; /* in the one that is being read */
	char file[CONF_TEXT_MAX];     /* where it begins */
	int line;
};
struct sections {
	size_t count;
	struct section items[SECTIONS_MAX];
};

const char *section_name(const struct section *section);
/* NULL: there is none of that kind and name. */
struct section *sections_find(struct sections *sections, bool is_tier, const char *name);
/* Appends one. NULL, with *ret_why a sentence's beginning: the name is bad, or there is no room. */
struct section *sections_add(struct sections *sections, bool is_tier, const char *name,
			     const char **ret_why);
/* Into conf->tiers and conf->sources, when all files are read. Errors: _CONFIG names a section that
 * lacks a key, or is one too many; _NOMEM. */
int sections_finish(const struct sections *sections, struct conf *conf, struct err *error);

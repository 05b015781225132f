/* SPDX-License-Identifier: MIT */
/* sections.h - the [tier X], [dnsbl X], [feed X] of both files, until they are complete; for conf
 * only */
#pragma once
#include "conf/keys.h"

#define SECTIONS_MAX (SOURCES_MAX + TIERS_MAX)
#define KEYS_MAX     64 /* rows of conf_keys */

enum section_kind { SECTION_TIER, SECTION_DNSBL, SECTION_FEED };
struct section {
	enum section_kind kind;
	struct conf_tier tier;
	struct conf_source list;      /* of a DNS list or a feed */
	bool given[KEYS_MAX];	      /* in any file */
	bool given_in_file[KEYS_MAX]; /* in the one that is being read */
	char file[CONF_TEXT_MAX];     /* where it begins */
	int line;
};
struct sections {
	size_t count;
	struct section items[SECTIONS_MAX];
};

/* The kind of "tier known", whose name *ret_name then is; -1: it is a plain section. */
int section_kind_of(const char *section, const char **ret_name);
const char *section_kind_name(enum section_kind kind); /* "tier" */
const char *section_name(const struct section *section);
/* NULL: there is none of that kind and name. */
struct section *sections_find(struct sections *sections, enum section_kind kind, const char *name);
/* Appends one. NULL, with *ret_why a sentence's beginning: the name is bad or that of a list of
 * another kind, or there is no room. */
struct section *sections_add(struct sections *sections, enum section_kind kind, const char *name,
			     const char **ret_why);
/* Into conf->tiers and conf->sources, when all files are read. Errors: _CONFIG names a section that
 * lacks a key, or is one too many; _NOMEM. */
int sections_finish(const struct sections *sections, struct conf *conf, struct err *error);

/* SPDX-License-Identifier: MIT */
/* keys.h - every key as a row: section, name, default, bounds, place; for conf only */
#pragma once
#include "conf/conf.h"

struct conf_key;
typedef bool conf_parser(const struct conf_key *key, const char *text, void *dst,
			 struct err *error);
struct conf_key {
	struct conf_key_info {
		const char *section, *name, *default_text;
	} info; /* section "tier", "dnsbl", "feed": [tier X], [dnsbl X], [feed X] */
	conf_parser *parse;
	int64_t min, max;
	size_t offset; /* in struct conf, conf_tier or conf_source */
	bool required; /* in each section of that kind */
};
/* What the parsers share. False, always: what is wrong is in *error. */
bool key_error(struct err *error, const char *what);
bool key_copy(char dst[CONF_TEXT_MAX], const char *text, struct err *error);
conf_parser p_url, p_feed_url, p_proxy; /* in urls.c */

extern const struct conf_key conf_keys[];
extern const size_t conf_nkeys;

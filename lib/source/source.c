/* SPDX-License-Identifier: MIT */
/* source.c - the kinds of sources: a new one is a file and a row here */
#include "source/source.h"

static const struct source_kind *const source_kinds[] = { &source_dnsbl, &source_feed,
							  &source_abuseipdb };

const struct source_kind *source_kind_of(enum source_type type)
{
	for (size_t i = 0; i < sizeof(source_kinds) / sizeof(source_kinds[0]); i++)
		if (source_kinds[i]->type == type)
			return source_kinds[i];
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * export.h - blocks as files that other programs load as they are: one row a format
 *
 * Only generated text goes into them: addresses printed from 16 bytes, names of tiers from the
 * configuration, numbers. Each is complete, even without blocks, and replaces the previous one.
 * A truncated input of nft or ipset has no effect.
 */
#pragma once
#include <iprep.h>

struct network { /* IPv6 */
	unsigned char address[16];
	int bits; /* 0: none */
};
struct export
{
	const struct iprep_settings *settings;
	int64_t now;
	int section;	     /* the family that is being written: 0, 4, 6 */
	bool has_element;    /* in it */
	struct network last; /* nft: of the last IPv6 element */
};
struct export_format {
	const char *name;
	void (*begin)(struct export *export);
	void (*block)(struct export *export, const struct iprep_block *row);
	void (*end)(struct export *export); /* may be NULL */
};

/* NULL: there is none of that name. */
const struct export_format *export_format(const char *name);
extern const char export_names[]; /* for messages */

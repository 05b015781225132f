/* SPDX-License-Identifier: MIT */
/*
 * format.h - feeds as their publishers write them, read piece by piece
 *
 * plain: an address or network a line; comments with '#' and ';'; the first field of CSV, which may
 * be quoted. ipsum: ADDRESS, blanks, the number of lists that have it. drop-json: a JSON object a
 * line, with "cidr" (Spamhaus DROP). abuseipdb: what /blacklist answers, as text or as JSON (the
 * first byte that is no blank decides). Foreign bytes: each line and number has a limit.
 *
 * A line is an entry as a whole or not at all: a range "A-B", a line of a hosts file, two addresses
 * with a blank between them and a port are none. Host bits of a network are cleared, as ipset(8)
 * and nft(8) do with the same lists. A mapped text is the IPv4 address or network.
 */
#pragma once
#include "base/addr.h"
#include "conf/conf.h"

#define FEED_LINE_MAX	512  /* bytes; a longer line is not an entry */
#define FEED_OBJECT_MAX 4096 /* bytes of one JSON object; likewise */
#define FEED_NUMBER_MAX 255  /* points have patterns of octets */

struct feed_counts {
	size_t entries;	   /* lines or objects with an address or network */
	size_t bad;	   /* those that have none, and are neither comments nor empty */
	size_t bad_line;   /* number of the first bad one, from 1; 0: none */
	char bad_text[48]; /* its beginning, masked and redacted */
	size_t bytes;
	bool is_html;	      /* it begins with '<': a page, not a list */
	bool is_cut;	      /* the end of the JSON document is missing */
	int64_t generated_at; /* what the feed says of itself, Unix seconds; 0: nothing */
};

struct feed_reader;
/*
 * entry() is called for each entry in the order of the feed. number: the feed's own (ipsum: lists;
 * abuseipdb JSON: confidence), capped at FEED_NUMBER_MAX; 1 where it has none. NULL: no memory.
 */
struct feed_reader *feed_reader_new(enum feed_format format,
				    void (*entry)(void *user, const struct prefix *net, int number),
				    void *user);
/* Any piece of it, cut anywhere. Uses a fixed amount of memory. */
void feed_reader_bytes(struct feed_reader *reader, const char *bytes, size_t len);
/* The last line may lack its end. Fills in *ret; the reader takes no more bytes. */
void feed_reader_end(struct feed_reader *reader, struct feed_counts *ret);
struct feed_reader *feed_reader_free(struct feed_reader *reader);

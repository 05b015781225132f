/* SPDX-License-Identifier: MIT */
/*
 * feed.h - one download of a feed, from its URL or from the file that another program writes
 *
 * A download is a task for the engine, that of a file a call: it needs no network.
 *
 * Whether it is accepted is decided elsewhere: feed/accept.h.
 */
#pragma once
#include "feed/format.h"
#include "feed/table.h"
#include "source/source.h"

#define FEED_BYTES_MAX (64 << 20) /* decoded; 10^6 addresses have 15 MB */
#define FEED_TIME_MS   60000	  /* of a download; its task may have more */

struct feed_download { /* belongs to the job; the task lends it to the source */
	/* Of the last accepted download, as they came; empty: ask for the whole. */
	char etag[VALIDATOR_MAX], modified[VALIDATOR_MAX];
	bool has_key; /* the API key goes with it, and it counts against the quota */
	/* What came; the two validators are those of this download then. */
	bool unchanged; /* reported by the server or the file: no entries */
	bool is_full;	/* more entries than can be kept */
	struct feed_counts counts;
	struct feed_entries *entries;
	struct feed_reader *reader; /* while it is read */
};

/* The size of [feed] file; 0: it cannot be told. */
size_t feed_file_size(const struct conf_source *source);
/* Reads it, which takes a while; false: why not. What came is in download, as from a server. */
bool feed_file_read(const struct conf_source *source, struct feed_download *download,
		    char ret_why[DETAIL_MAX]);
/* The key is sent to [abuseipdb] url alone, whatever else a feed of that format names. */
bool feed_needs_key(const struct conf *conf, const struct conf_source *source);
/* Frees what it holds. */
void feed_download_done(struct feed_download *download);

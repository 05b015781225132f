/* SPDX-License-Identifier: MIT */
/*
 * source.h - one kind of source: one file, one row in source_kinds[]
 *
 * A source knows its protocol and nothing of scores, tiers, jobs or the database. ask() and
 * send() never block; each calls ask->done(ask) exactly once, immediately or later.
 */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "net/net.h"

struct health;
struct ask { /* one question to one source; the engine's */
	const struct conf *conf;
	const struct conf_source *source;
	const struct net_ops *ops;
	struct net *net;
	struct clock clock;
	const struct log *log;
	const char *secret;	       /* the API key, or NULL */
	int64_t asked_ms, deadline_ms; /* monotonic */
	struct task *task;
	struct health *health;	       /* of this list; NULL: all lists are believed */
	struct ask *next_held;	       /* dnsbl_health.c's: waits for a probe */
	int row;		       /* of source in conf->sources */
	struct finding answer;	       /* filled in by the source before done() */
	void *priv;		       /* the source's, for one question; it frees it */
	void (*done)(struct ask *ask); /* the answer is complete; ask is gone afterwards */
	void *owner;		       /* done()'s */
};
struct source_kind {
	enum source_type type;
	/* TASK_LOOKUP: fill in ask->answer (and task->quota, if the answer has it). NULL: feeds,
	 * which are on disk, and not asked. */
	void (*ask)(struct ask *a);
	/* All other kinds: send task->body; fill in outcome, why, retry_after_s, quota, count and
	 * refused rows, and ask->answer with the score that came with it (partial; FINDING_NONE if
	 * none). NULL: takes none. */
	void (*send)(struct ask *a);
};
const struct source_kind *source_kind_of(enum source_type type); /* in source.c */
extern const struct source_kind source_dnsbl, source_feed, source_abuseipdb;

/* The zone to ask, with its key: never shown. */
static inline const char *source_zone(const struct conf_source *source)
{
	return source->asked_zone ? source->asked_zone : source->zone;
}

#define REPORT_COMMENT_MAX 1024	   /* bytes, abuseipdb.com/bulk-report */
#define BULK_ROWS_MAX	   9999	   /* and the headings: 10,000 lines */
#define BULK_BYTES_MAX	   1999999 /* "2 MB", taken as two million */

/* "report", "bulk-report": quotas are kept by these names. */
const char *abuseipdb_endpoint(enum task_kind kind);
/*
 * The body of a report, application/x-www-form-urlencoded: ip, categories (numbers), comment (cut
 * to 1024 bytes on a UTF-8 boundary), timestamp (ISO 8601 with zone; 0: none, the service takes it
 * as of now). malloc'd; NULL: no memory.
 */
char *abuseipdb_report_body(const struct addr *addr, const char *categories, const char *comment,
			    int64_t seen_at);
/* The same as a file of many: headings, then rows. False: this row no longer fits, and buf is
 * unchanged. */
void abuseipdb_bulk_head(struct buf *buf);
bool abuseipdb_bulk_row(struct buf *buf, const struct addr *addr, const char *categories,
			const char *comment, int64_t seen_at);

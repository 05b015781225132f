/* SPDX-License-Identifier: MIT */
/*
 * health.h - is anything wrong that an administrator must know of? From disk alone, changing
 * nothing
 *
 * A check is one file, or a function of a file of its kind, and a row in health.c. It runs for root
 * and the owner of the state as for a member of its group, who cannot read everything: what cannot
 * be seen is no trouble.
 */
#pragma once
#include "reputation/session.h"

#define HOUR_S 3600
#define DAY_S  86400

enum { TROUBLE_WARNING = 1, TROUBLE_CRITICAL = 2 };

struct health_check;
struct checkup {
	const struct session *session; /* its store: NULL, if the database cannot be read */
	const char *no_store;	       /* why; NULL: it can */
	int64_t now;
	uid_t uid; /* the owner of the state */
	gid_t gid;
	bool is_owner; /* this process runs as that user */
	const struct health_check *check;
	int (*row)(void *user, const struct iprep_trouble *trouble);
	void *user;
};

struct health_check {
	const char *name;
	int severity;
	bool needs_store;
	/* Calls trouble() for each trouble that it sees. Returns 0, or an error. */
	int (*look)(const struct checkup *checkup);
};

/*
 * One trouble of the check that is running. object: which list, file, tier; part of its identity,
 * so it holds no number that changes. since: Unix seconds, 0: not known. The text begins with the
 * object. Returns 0, or _IO: the caller wants no more.
 */
int trouble(const struct checkup *checkup, const char *object, int64_t since, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A time on disk; 0, as for one that is not known, if the clock was ahead when it was written. */
int64_t time_if_past(const struct checkup *checkup, int64_t at);

/* Runs all checks. Errors: _IO, _BUSY, _NOMEM. */
int health_look(struct checkup *checkup);
/* Names of the checks; NULL after the last. */
const char *health_name(size_t index);

/* ---- the checks ---- */

int check_list_quarantined(const struct checkup *checkup);
int check_list_silent(const struct checkup *checkup);
int check_key_missing(const struct checkup *checkup);
int check_key_unreadable(const struct checkup *checkup);
int check_key_refused(const struct checkup *checkup);
int check_queue_old(const struct checkup *checkup);
int check_worker_missing(const struct checkup *checkup);
int check_blocks_held(const struct checkup *checkup);
int check_feed_stale(const struct checkup *checkup);
int check_feed_refused(const struct checkup *checkup);
int check_fleet_behind(const struct checkup *checkup);
int check_hooks_silent(const struct checkup *checkup);
int check_tier_unread(const struct checkup *checkup);
int check_tcp_missing(const struct checkup *checkup);
int check_disk(const struct checkup *checkup);
int check_database(const struct checkup *checkup);

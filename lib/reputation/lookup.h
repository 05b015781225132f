/* SPDX-License-Identifier: MIT */
/*
 * lookup.h - one address: guard, pardon, block, cache, feeds, free sources, AbuseIPDB
 *
 * A lookup is a task for the engine. It writes findings and quotas, never a block: that is
 * the worker's, for asking is not accusing.
 */
#pragma once
#include "reputation/engine.h"
#include "reputation/session.h"
#include "reputation/verdict.h"

enum lookup_flags {
	LOOKUP_CACHED = 1,
	LOOKUP_FRESH = 2,
	LOOKUP_FREE = 4,	 /* one of a long list: nothing that costs is asked */
	LOOKUP_LOW_PRIORITY = 8, /* not urgent: never the last 30 % of the day's checks */
};
struct lookup {
	struct task task; /* task.owner is the lookup */
	struct addr key;
	enum origin origin;
	unsigned flags;
	source_set may_ask;
	source_set asked_again;	 /* lists whose listing had no recent probe */
	int64_t login_at;	 /* last successful login within [login] window; 0: none */
	int left_out;		 /* points that a source could give that LOOKUP_FREE leaves out */
	bool paying;		 /* a call that costs is on its way */
	struct finding report;	 /* the score in a report's answer; while paying */
	int64_t ask_again_at;	 /* the check is stopped until then; 0: it is not */
	char exempt[DETAIL_MAX]; /* why nothing is asked; empty: not exempt */
	bool blocked;
	struct block block;
	struct verdict verdict;
	struct finding findings[]; /* one for each source */
};

/* Guard, pardon, block and cache; task.ask is what is to be asked first. Errors: _STORE, _BUSY,
 * _NOMEM; _OS if the addresses of this host cannot be read. */
int lookup_new(const struct session *session, const struct addr *addr, enum origin origin,
	       unsigned flags, struct lookup **ret);
struct lookup *lookup_free(struct lookup *lookup);
/* The feed's settled(): keeps quota, weighs again, returns further sources to query. */
source_set lookup_settled(const struct session *session, struct lookup *lookup);
/* Read the time of the last login again: it may have been a moment ago. */
int lookup_note_login(const struct session *session, struct lookup *lookup);
/* Settled, and about to release a block: lists whose "not listed" could be forged, to be asked
 * again over TCP, as listings that make a block are. */
source_set lookup_unproven_denials(const struct session *session, struct lookup *lookup);
/* Keep, for rep-report --status, whether a resolver has replied over TCP since the last call. */
void lookup_note_tcp(const struct session *session, struct task *task);

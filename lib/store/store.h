/* SPDX-License-Identifier: MIT */
/*
 * store.h - what iprep remembers; the only door to SQLite
 *
 * One file in WAL mode. A key is 16 bytes: addr_key(). No call waits for another process's
 * lock longer than the bound of its mode. A function returns 0 (or a count, a found/not found,
 * where said) or a negative IPREP_E_*; the caller's error object then has the sentence.
 * Everything between store_begin() and store_end() is one transaction; writing functions
 * called outside of one are a transaction each.
 */
#pragma once
#include "base/clock.h"
#include "conf/conf.h"
#include "base/log.h"
#include "base/types.h"

struct store;
enum store_mode {
	STORE_HOOK,   /* waits 2 s at most; never checkpoints a WAL under 4 MB */
	STORE_RECORD, /* STORE_HOOK, but 4.5 s: what it brings must not be lost */
	STORE_GATE,   /* STORE_HOOK; on a full or read-only disk reads what is there */
	STORE_READ,   /* STORE_GATE, for people who only read */
	STORE_VIEW,   /* also as a member of the directory's group: makes, migrates, repairs nothing
		       */
	STORE_WORK,   /* worker, purge, shell: waits 10 s; ends with a checkpoint */
};
enum store_sync { STORE_FAST, STORE_DURABLE }; /* lookup jobs, findings : reports, blocks */

/*
 * Opens the database, creating what is missing. error must not be NULL. It belongs to the caller
 * and must outlive the store: from now on every function that fails describes its error there, also
 * one whose failure the caller tolerates. No function clears it. Errors: _STORE damaged, newer,
 * full; _PERM; _CREATE; _BUSY.
 */
int store_open(const char *path, enum store_mode mode, struct clock clock, const struct log *log,
	       struct store **ret_store, struct err *error);
/* A hook's time begins again: a store that is kept open serves many calls. store_open() does it. */
void store_begin_call(struct store *store);
struct store *store_close(struct store *store);
/* Another file is in its place, or none: it was replaced, or set aside. */
bool store_is_moved(const struct store *store);
bool store_is_read_only(const struct store *store); /* STORE_GATE had to fall back */

/*
 * Reads the whole file, or the part that can be read in bound_ms; it delays no process. Returns 1,
 * or 0 if time was not enough. Errors: _STORE damaged.
 */
int store_check(struct store *store, int bound_ms);
/* The same for callers that go on in either case: a notice is logged if time was not enough.
 * Returns 0. Errors: _STORE damaged. */
int store_check_noted(struct store *store, int bound_s);

/* ---- a damaged one set aside ---- */

struct store_reset {
	bool sound;			/* nothing is wrong with it */
	char why[160];			/* what is */
	char aside[CONF_TEXT_MAX + 64]; /* where it lies now; empty: there was none */
	int64_t blocks, reports,
		lookups; /* live, and waiting, as far as they can be read: not in the new one */
	int64_t pardons, logins; /* as far as they can be read: in the new one as well */
	bool all_read;
};
/*
 * Sets the file aside under a dated name, with what belongs to it, and makes a new one. What
 * protects people is taken over, what accuses them is not: a flipped bit would turn one address
 * into another. sound_too: also one that nothing is wrong with. dry_run: only looks. Errors: _ARG
 * sound; _BUSY in use; _STORE of another program, or cannot be read; _PERM; _CREATE; _IO.
 */
int store_reset(const char *path, bool sound_too, bool dry_run, struct clock clock,
		struct store_reset *ret, struct err *error);

int store_begin(struct store *store, enum store_sync sync);
/*
 * What is read from here on is of one moment, and costs one lock instead of one each. Nothing may
 * be written before store_read_end(), but store_begin() ends it on its own. Either may be called
 * twice.
 */
int store_read_begin(struct store *store);
void store_read_end(struct store *store);
/* How long a lock of another process is waited for, instead of the mode's bound. Returns what it
 * was. */
int store_busy_timeout(struct store *store, int ms);
/* result < 0: rolls back and returns it; else commits, and what was begun STORE_DURABLE is on disk
 * by then. */
int store_end(struct store *store, int result);
/*
 * The transactions of many calls become one, which begins with the first of them: one lock, one
 * sync. What they return holds only once store_batch_end() has returned 0. If it returns an error,
 * nothing that was written since store_batch_begin() is there, and the calls have to be made again.
 * A call that cannot get the lock fails, and undoes nothing of the others.
 */
void store_batch_begin(struct store *store);
int store_batch_end(struct store *store);
int64_t store_held_ms(const struct store *store); /* how long the last one kept other writers out */

/* ---- blocks ---- */

#define SEEN_MAX 160
struct block {
	struct addr key;
	char tier[32];
	int score;
	int64_t since, until; /* Unix seconds */
	int64_t first_at;     /* first announced; 0: held back, does not count yet */
	int64_t announced_at; /* last line written; 0: none */
	bool due;	      /* a line is to be written */
	char jail[JAIL_MAX];
	char src[256];	     /* names of the sources that gave points, comma-separated */
	char seen[SEEN_MAX]; /* what was seen of it here: "1 failed login"; empty: unknown. Filled
			      * in by store_blocks_page() and store_block_seen() only */
};
/* Is the name in "zen,blocklist.de"? */
bool block_names_source(const char *src, const char *name);
/* 1 and *ret, if the key has a block whose time is not over; 0 if not. */
int store_block_get(struct store *store, const struct addr *key, struct block *ret);
/* The same for an address: the block of its key or, where a guarded address in that prefix spared
 * it, its own. */
int store_block_of(struct store *store, const struct addr *addr, const struct addr *key,
		   struct block *ret);
/* The same of a block whose time is over, and was a week ago: no two purges have agreed on that. */
int store_block_get_over(struct store *store, const struct addr *key, struct block *ret);
int store_block_put(struct store *store, const struct block *block);
/* block->seen of the block with its key. */
int store_block_seen(struct store *store, struct block *block);
/* Due for announcing again, seen from jail (may be empty: keeps what is there). */
int store_block_mark_due(struct store *store, const struct addr *key, const char *jail);
/* The same of a block that was confirmed again: it lasts until block->until at least, for
 * block->score and block->src; seen from block->jail. */
int store_block_renew(struct store *store, const struct block *block);
/* A line was written at `at`; the block now lasts until `until`. It is counted if that is the first
 * line, or the first since its tier rose. */
int store_block_announced(struct store *store, const struct block *block, int64_t at,
			  int64_t until);
/* Oldest first; returns how many were put into ret. first: only those never announced / only
 * others. */
int store_blocks_due(struct store *store, bool first, struct block *ret, size_t max);
/* How many blocks were announced for the first time at or after `since`. */
int store_blocks_first_since(struct store *store, int64_t since, int max);
/* When the oldest block of a tier, of the last thousand of any, was announced for the first time
 * after `after`, and until `until`; 0: there is none. */
int store_blocks_first_between(struct store *store, const char *tier, int64_t after, int64_t until,
			       int64_t *ret_at);
/* How many live blocks there are of each tier, by an index. */
int store_blocks_by_tier(struct store *store,
			 void (*row)(void *user, const char *tier, int64_t count), void *user);
/* How many blocks wait for their first line. */
int store_blocks_held(struct store *store, int max);
enum block_order {
	BLOCKS_BY_FIRST,
	BLOCKS_BY_KEY,
	BLOCKS_BY_UNTIL
};		     /* each by an index, then by key */
struct block_query { /* zeroed members ask for nothing, but high must be set */
	enum block_order order;
	bool only_new;		   /* those that store_blocks_shown() has not been told of */
	bool only_unmailed;	   /* those that store_blocks_mailed() has not been told of */
	const char *tier, *source; /* names; NULL: any */
	int64_t since;		   /* made, or its tier risen, then or later */
	struct addr low, high;	   /* keys from and to, inclusive */
	struct addr from;	   /* of these only low itself and those from here; low: all */
};
/*
 * Live blocks that were announced, after the one given (zeroed: from the start).
 * Returns how many were put into ret.
 */
int store_blocks_page(struct store *store, const struct block_query *query,
		      const struct block *after, struct block *ret, size_t max);
/* Live blocks with keys from low to high, announced or not, by key; first: low itself as well. */
int store_blocks_between(struct store *store, const struct addr *low, const struct addr *high,
			 bool first, struct block *ret, size_t max);
/* 1 if any block, live or not, has that tier, or names that source; 0 if none does. */
int store_blocks_have_tier(struct store *store, const char *tier);
int store_blocks_have_source(struct store *store, const char *source);
/*
 * Live blocks that name the source, or, if it is NULL, all that were never announced, by key after
 * the one given. Returns how many were put into ret.
 */
int store_blocks_of_source(struct store *store, const char *source, const struct addr *after,
			   struct block *ret, size_t max);
/* This very block goes, without a trace; in a transaction. */
int store_block_drop(struct store *store, const struct block *block);
/* The tier, score, end and sources of this very block. */
int store_block_lower(struct store *store, const struct block *block);
/* These have been listed. A block whose tier rises is new again. */
int store_blocks_shown(struct store *store, const struct block *blocks, size_t count);
/* These are in a mail. A block whose tier rises is to be mailed again. */
int store_blocks_mailed(struct store *store, const struct block *blocks, size_t count);
struct block_network {
	struct prefix network; /* /24 of IPv4, /48 of IPv6 */
	int64_t blocks;
};
/* The networks with the most live, announced blocks, most first; of two with as many, the lower one
 * first. Returns how many were put into ret; *ret_all: the number of all such blocks. */
int store_networks(struct store *store, struct block_network *ret, size_t max, int64_t *ret_all);

/*
 * 1 if there may be a block, pardon, login or finding of the key, 0 if there is none: of most
 * addresses of a long list nothing is known, and one question costs less than four.
 */
int store_knows(struct store *store, const struct addr *key);

/* What a block was made from: the sources that changed its score. */
#define SOURCE_NAME_MAX 48
struct evidence {
	char source[SOURCE_NAME_MAX];
	struct finding finding; /* status, listed, points, answers, detail and answered_at */
};
/* Of the block of the key, when it is made, or confirmed again in its tier. */
int store_evidence_put(struct store *store, const struct conf *conf, const struct addr *key,
		       const struct finding *findings);
/* Returns how many were put into ret: 0 for a block that was made before there was any. */
int store_evidence_get(struct store *store, const struct addr *key, struct evidence *ret,
		       size_t max);

/* ---- pardons ---- */

struct pardon {
	struct addr key;
	int64_t until;
};
/* 1 if the key is to be left alone now; 0 if not. */
int store_pardoned(struct store *store, const struct addr *key);
/* Until when; 0: it is not. */
int store_pardon_until(struct store *store, const struct addr *key, int64_t *ret_until);
/* Those in force, by key, after the one given (zeroed: from the start). Returns how many were put
 * into ret. */
int store_pardons_page(struct store *store, const struct addr *after, struct pardon *ret,
		       size_t max);
/* How many within the prefix are in force. */
int store_pardons_within(struct store *store, const struct prefix *prefix);
/* Those within the prefix go. Returns how many were in force. */
int store_unpardon(struct store *store, const struct prefix *prefix);

/* ---- findings ---- */

/* Fill in the rows of ret (conf->nsources) that are known and still good; FINDING_NONE elsewhere.
 * Returns how many. */
int store_findings_get(struct store *store, const struct conf *conf, const struct addr *key,
		       struct finding *ret);
/* The same with those whose time is over but not their retention: what was known once, for people.
 */
int store_findings_kept(struct store *store, const struct conf *conf, const struct addr *key,
			struct finding *ret);
/* Keep each finding that has status FINDING_OK and an expires_at. */
int store_findings_put(struct store *store, const struct conf *conf, const struct addr *key,
		       const struct finding *findings);

/* The same for many addresses, in the caller's transaction. */
struct finding_row {
	struct addr key;
	int source;
	struct finding finding;
};
int store_findings_put_rows(struct store *store, const struct conf *conf,
			    const struct finding_row *rows, size_t count);

struct finding_overlap {
	int64_t answered,
		both; /* addresses that one lists: the other has an answer; lists it too */
};
/* Of the findings that are kept, by pairs of conf->sources: ret[one * SOURCES_MAX + other]. */
int store_findings_overlap(struct store *store, const struct conf *conf,
			   struct finding_overlap *ret);

/* ---- health of DNS lists ---- */

/* ret: one for each of conf->sources, zeroed where nothing is known of this very zone. */
int store_zones_get(struct store *store, const struct conf *conf, struct zone_state *ret);
int store_zone_put(struct store *store, const struct conf_source *list,
		   const struct zone_state *state);

/* ---- feeds and allowed names ---- */

struct fetch {
	char etag[VALIDATOR_MAX];     /* ETag of the last accepted download, as sent; or empty */
	char modified[VALIDATOR_MAX]; /* Last-Modified, likewise */
	int64_t tried_at, next_at;    /* 0: never, now */
	int tries;		      /* that failed, since the last that did not */
	char why[DETAIL_MAX];	      /* the last one failed or was refused; empty: it was not */
};
/* kind: enum feed_kind. 1 and *ret, or 0 and zeroes: nothing is known of this identity. */
int store_fetch_get(struct store *store, int kind, const char *name, uint64_t identity,
		    struct fetch *ret);
int store_fetch_put(struct store *store, int kind, const char *name, uint64_t identity,
		    const struct fetch *fetch);
/* Those not tried since `before`: they are configured no longer. */
int store_fetches_forget(struct store *store, int64_t before);

/* ---- what was counted, by day ---- */

#define COUNTER_NAME_MAX   16
#define COUNTER_LABEL_MAX  384	/* the longest: tier, jail and sources of a block */
#define COUNTER_LABELS_MAX 1000 /* of a name and day, also day 0; one more becomes "other" */
struct counter {
	int64_t day; /* since 1970, UTC; 0: all that retention has removed */
	char name[COUNTER_NAME_MAX];
	char label[COUNTER_LABEL_MAX]; /* parts separated by tabs; printable */
	int64_t count;
};
/*
 * Add n to what was counted today, in the caller's transaction. A label has no address, and no name
 * of a user or host. n of 0 or less changes nothing.
 */
int store_count(struct store *store, const char *name, const char *label, int64_t n);
/* The same for each source of "zen,blocklist.de". */
int store_count_sources(struct store *store, const char *name, const char *sources);
/* "wrong" for each source of the announced live blocks with keys from low to high, once a block; in
 * the caller's transaction. */
int store_count_wrong(struct store *store, const struct addr *low, const struct addr *high);
/* The same for blocks whose address has logged in since they were made. A transaction of its own,
 * if there are any. */
int store_count_logins(struct store *store);
struct silence {
	int64_t count, first_day; /* lookups that the source failed, and the first day of one */
	int64_t answered_day;	  /* of its last answer over the network; 0: none since from_day */
};
/* Of the days from from_day to today that follow answered_day. The cache is no answer. */
int store_silence_get(struct store *store, const char *source, int64_t from_day,
		      struct silence *ret);
/* By day, name and label: below 0, 0, above 0. */
int store_counter_compare(const struct counter *left, const struct counter *right);
/*
 * Of the days from one to the other, in this order, after the one given (zeroed: from the
 * start). Returns how many were put into ret.
 */
int store_counters_page(struct store *store, int64_t from_day, int64_t to_day,
			const struct counter *after, struct counter *ret, size_t max);

/* ---- who tried what, who logged in ---- */

/* One failed login under this name. Kept as a keyed hash, SPRAY_USERS_MAX per key. */
int store_sighting_put(struct store *store, const struct addr *key, const char *user, size_t len);
/* Failures that a jail saw at `at`; one event recorded twice counts once. */
int store_failures_put(struct store *store, const struct addr *key, int64_t number, int64_t at);
/* Their sum over the hours of the window. */
int store_failures(struct store *store, const struct addr *key, int64_t window_s, int64_t *ret);
/* How many different names the key tried within the window; spellings of one count once, see
 * base/user_name.h, and a name with a domain also stands for the one without. */
int store_sightings(struct store *store, const struct addr *key, int64_t window_s);
/* One ambiguous line: a failed login, or another. In a transaction. */
int store_ambiguous_put(struct store *store, const struct addr *key, bool is_login);
struct ambiguous_counts {
	int64_t logins, others;
};
/* The lines of the window, as far as they were counted. */
int store_ambiguous_get(struct store *store, const struct addr *key, int64_t window_s,
			struct ambiguous_counts *ret);
int store_login_put(struct store *store, const struct addr *key);
/* The newest successful login; 0: none. In the future, if the clock was; the next purge that knows
 * mends it. */
int store_login_at(struct store *store, const struct addr *key, int64_t *ret_at);

/* ---- lookups that wait ---- */

/* Of the gate, which drops further ones: all that are queued, those of a /24 or /48, and of these
 * the ones that wait for their first try. */
#define LOOKUPS_MAX	    10000
#define LOOKUPS_NET_MAX	    256
#define LOOKUPS_NET_NEW_MAX 16
struct lookup_job {
	struct addr key, addr;
	int64_t mark; /* changes when a job is forgotten and made again */
	enum origin origin;
	int tries;
	int64_t since, next_at;
	char jail[JAIL_MAX];
};
/* 1 and *ret (may be NULL) if one waits for the key; 0 if not. */
int store_lookup_get(struct store *store, const struct addr *key, struct lookup_job *ret);
/* New, or merged with the one that waits: sure stays sure, and becomes due now. */
int store_lookup_put(struct store *store, const struct lookup_job *job);
/* 1 if the gate may queue one more for this key; its /24 or /48 is the first net_bits of 128. */
int store_lookup_has_room(struct store *store, const struct addr *key, int net_bits);
/* How many wait for their first try; counted up to max. */
int store_lookups_untried(struct store *store, int max);
int store_lookups_due(struct store *store, int64_t now, struct lookup_job *ret, size_t max);
/* 1 if this very job still exists, 0 if it was forgotten. */
int store_lookup_alive(struct store *store, const struct lookup_job *job);
/* Done, unless the job has become sure; retry_at > 0: due again then, after j->tries tries. 1: it
 * is over, 0: not. */
int store_lookup_end(struct store *store, const struct lookup_job *job, int64_t retry_at);

/* ---- reports ---- */

enum report_state {
	REPORT_QUEUED,	/* waits; later events are added to it */
	REPORT_SENDING, /* frozen: it may have reached the service */
	REPORT_PARKED,	/* refused for good; shown with the reason */
	REPORT_DONE,
	REPORT_UNKNOWN,	  /* sent, never answered, too old to send again */
	REPORT_DROPPED,	  /* never sent: too old, or its address is guarded now */
	REPORT_RETRACTED, /* was done, and taken back */
};
struct report_job {
	int64_t id;
	struct addr key, addr;
	enum report_state state;
	int failures, tries;
	int64_t first_at, seen_at, next_at;
	int64_t sent_at;  /* first attempt with what is frozen; 0: none */
	int64_t ended_at; /* 0: it is not over */
	char jail[JAIL_MAX], categories[CONF_TEXT_MAX]; /* numbers; empty: configuration */
	char *comment; /* template; malloc'd; NULL or empty: configuration */
	char *frozen;  /* the comment as it was sent; malloc'd; NULL: none */
};
void report_job_done(struct report_job *job);
/* 1 and *ret (without comments) for the newest report of this address; 0: none. */
int store_report_last(struct store *store, const struct addr *addr, struct report_job *ret);
/* Why it was refused or dropped, or has to wait; empty: for no reason. */
int store_report_why(struct store *store, int64_t id, char ret_why[DETAIL_MAX]);
int store_report_add(struct store *store, const struct report_job *job, const char *comment);
/* One more event of a REPORT_QUEUED one: failures added, seen_at moved on. */
int store_report_merge(struct store *store, int64_t id, int failures, int64_t seen_at);
/* How many other addresses of the same /64 were reported, or are to be, after `since`. */
int store_report_neighbours(struct store *store, const struct addr *addr, int64_t since);
/*
 * REPORT_QUEUED and REPORT_SENDING ones that are due, oldest first, one of each address, none whose
 * address is being retracted; release each with report_job_done().
 */
int store_reports_due(struct store *store, int64_t now, struct report_job *ret, size_t max);
int store_reports_waiting(struct store *store, int64_t now,
			  int max); /* how many these are, up to max */
/* 1 if a report of this address is due or on its way, 0 if not. */
int store_report_pending(struct store *store, const struct addr *addr, int64_t now);
/* Written ahead: commit this, durably, before the request. Returns 0, or 1 if it was retracted. */
int store_report_sending(struct store *store, int64_t id, int64_t at, const char *categories,
			 const char *frozen);
/* The answer; 1 if the report no longer exists. REPORT_QUEUED (thaws it) and _SENDING: again at
 * retry_at. */
int store_report_end(struct store *store, int64_t id, enum report_state state, int64_t retry_at,
		     const char *why);
/* The newest in that state, for people. */
int store_reports_each(struct store *store, enum report_state state, size_t max,
		       void (*row)(void *user, const struct addr *addr, int64_t at,
				   const char *why),
		       void *user);

/* ---- retractions ---- */

enum retraction_state { RETRACT_WAITS, RETRACT_DONE, RETRACT_REFUSED };
struct retraction {
	struct addr addr, key;
	enum retraction_state state;
	int tries;
	int64_t since, next_at, deleted; /* deleted: by the service, when done */
	char why[DETAIL_MAX];		 /* why not yet, or never */
};
/* Cancels what waits of the address; at_service: the worker also takes back what was sent. Returns
 * how many reports were cancelled. */
int store_retract(struct store *store, const struct addr *addr, const struct addr *key,
		  bool at_service);
/* 1 if the service may have a report of the address that was not taken back; 0 if not. */
int store_retractable(struct store *store, const struct addr *addr);
int store_retraction_get(struct store *store, const struct addr *addr,
			 struct retraction *ret); /* 1, 0: none */
int store_retractions_due(struct store *store, int64_t now, struct retraction *ret, size_t max);
/* Returns 0, or 1 if it no longer exists. Done: so are all its reports. */
int store_retraction_end(struct store *store, const struct retraction *retraction);

/*
 * Lookups, reports and retractions that wait longer than any is told to: their time was set under
 * a wrong clock, and they are due now.
 */
int store_reset_future_retries(struct store *store);

/* ---- quotas, per endpoint of the API ---- */

#define QUOTA_FREE_PLAN 1000 /* docs.abuseipdb.com, Standard: check and report per day */
#define QUOTA_FREE_RARE 5    /* bulk-report and clear-address */
struct quota {
	int64_t limit, remaining;
	bool known;	       /* from headers of today, not assumed */
	bool first_under_way;  /* unknown, and a call that will tell is on its way */
	int64_t stopped_until; /* 0: not stopped */
	bool auth_failed;      /* at any endpoint, and key and configuration are as they were */
	int64_t last_ok_at, last_error_at;
	char last_error[DETAIL_MAX];
};
/* auth_mark changes when key file or configuration do. */
int store_quota_get(struct store *store, const char *endpoint, const char *auth_mark,
		    struct quota *ret);
/* Calls that are about to be made, in the transaction that goes before them. */
int store_quota_take(struct store *store, const char *endpoint, int64_t ncalls);
/* The worker begins, so none of its calls is under way: its own count may be off, and the next
 * answer tells. */
int store_quota_recount(struct store *store);
/* A call has ended: what its answer said, if one came (seen). 1: the key was refused, and was not
 * before. */
int store_quota_seen(struct store *store, const char *endpoint, const char *auth_mark,
		     const struct quota_seen *seen);

/* DNS over TCP does not work, and why; NULL: it does. 1: it failed, and did not before. */
int store_tcp_note(struct store *store, const char *why);
/* 1: it failed when it was last needed, within a week; 0: not. */
int store_tcp_failed(struct store *store, int64_t *ret_at, char ret_why[DETAIL_MAX]);

/* ---- blocks looked up again, and released ---- */

struct recheck {	       /* a block whose turn it is */
	struct addr key, addr; /* addr: to be asked for */
	bool addr_known;       /* addr is not merely the key */
	int64_t since;	       /* tells whether it is still the same block */
	char src[256];	       /* as in struct block */
};
struct release {
	struct addr key;
	int64_t at;
	char tier[32];
};
/* Longest due first; returns how many were put into ret. */
int store_rechecks_due(struct store *store, struct recheck *ret, size_t max);
int store_rechecks_count(struct store *store, int64_t *ret);
/* All live blocks, whenever their turn is, by key after the one given (zeroed: from the start).
 * Returns how many were put into ret. */
int store_blocks_asked_for(struct store *store, const struct addr *after, struct recheck *ret,
			   size_t max);
/* 1 if it is still there, 0 if it was forgotten, released, or made again. */
int store_recheck_alive(struct store *store, const struct recheck *recheck);
int store_recheck_later(struct store *store, const struct recheck *recheck, int64_t at);
/* The block goes, and is remembered and counted as released. why: "recheck", "allowed",
 * "quarantine", "fleet". In a transaction. */
int store_release(struct store *store, const struct recheck *recheck, const char *why);
/* Blocked again: it is not released any more. */
int store_release_over(struct store *store, const struct addr *key);
/* When a block of the key was last released; 0: it was not, or was made again. */
int store_released_at(struct store *store, const struct addr *key, int64_t *ret_at);
/* Of the last keep_s, and not blocked since; oldest first, after the one given (zeroed: from the
 * start). */
int store_released_page(struct store *store, int64_t keep_s, const struct release *after,
			struct release *ret, size_t max);
/* The address for which a block on a prefix was made: the one to ask for again. */
int store_block_addr(struct store *store, const struct addr *key, const struct addr *addr);

/* ---- counting, purging, forgetting ---- */

enum { AGE_MINUTE, AGE_HOUR, AGE_DAY, AGE_OLDER, NAGES }; /* under a minute, an hour, a day */
enum { WAIT_QUEUED, WAIT_SENDING, WAIT_LOOKUP, WAIT_RETRACTION, NWAITS };
struct queue_counts {
	int64_t by_age[NWAITS][NAGES];
	int64_t parked, unknown; /* reports */
	int64_t oldest_s;	 /* of reports and lookups; 0: none waits */
};
int store_queue_counts(struct store *store, struct queue_counts *ret);
struct waiting {
	int64_t count, since; /* since when the oldest is due; 0: none */
};
/* Those of one kind (WAIT_QUEUED: of all reports) that have been due since `before` or longer, or
 * are as old and were tried in vain. */
int store_waiting_get(struct store *store, int what, int64_t before, struct waiting *ret);
/* When the job that is due for longest became due; 0: none is queued. */
int store_oldest_due(struct store *store, int64_t *ret_at);

struct store_counts {
	int64_t findings, lookups, reports, blocks, pardons, sightings, logins, failures,
		retractions, released, lines, lifted;
};
/* What would go now (dry run). */
int store_purge_count(struct store *store, const struct conf *conf, struct store_counts *ret);
/*
 * Blocks and good logins of the future, as two runs agree, were made under a wrong clock: all
 * logins and at most max_rows blocks are made now, and last as long as they would have. Returns 1
 * if more may be left, 0 if not.
 */
int store_purge_mend(struct store *store, int max_rows);
/* Remove at most max_rows; adds to *done. Returns 1 if more is left, 0 if not. */
int store_purge_step(struct store *store, const struct conf *conf, int max_rows,
		     struct store_counts *done);
/*
 * Add counters of days past their retention to day 0, at most max_rows: two runs must agree on
 * them, as on blocks. Returns 1 if more may be left, 0 if not.
 */
int store_purge_counters(struct store *store, const struct conf *conf, int max_rows);
/* After each step: what is committed goes from the log to the file before a hook would have to do
 * it. */
void store_checkpoint(struct store *store);
/* Give at most max_pages free pages back. Returns 1 if there are more, 0 if not. */
int store_purge_trim(struct store *store, int max_pages);
/* Can something be written? Only a commit shows a full disk. */
int store_try(struct store *store);
/*
 * Note this run's time: blocks, pardons, reports, releases and good logins go only when two runs
 * an hour apart agree, or a week apart if the clock jumped between them. Call once, last.
 */
int store_purge_seen(struct store *store);
/*
 * No trace of the key, nor of what its first `bits` (of 128) hold, but a pardon until then (0:
 * none): not of waiting jobs either, and not in freed space of the file. publish_as: the pardoned
 * address, for the fleet; NULL: not published. A record of the fleet is withdrawn, and its row
 * stays until a server has confirmed that.
 */
int store_forget(struct store *store, const struct addr *key, int bits, int64_t pardon_until,
		 const struct addr *publish_as);

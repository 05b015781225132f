/* SPDX-License-Identifier: MIT */
/*
 * iprep.h - look up the reputation of IP addresses; queue and send abuse reports
 *
 * A tour:
 *
 *	struct iprep_ctx *ctx = NULL;
 *	const struct iprep_result *result = NULL;
 *	int rc = iprep_new(&ctx);
 *
 *	if (!rc)
 *		rc = iprep_load_config(ctx, NULL);
 *	if (!rc)
 *		rc = iprep_lookup(ctx, "45.1.1.1", IPREP_NO_STATE, &result);
 *	if (!rc)
 *		printf("%s %s\n", result->address, iprep_verdict_name(result->verdict));
 *	iprep_result_free(result);
 *	iprep_free(ctx);
 *
 * Rules for all functions:
 * - One context per thread, no global state. The library never prints, forks or exits, and does not
 *   touch signals, locale, environment and random generator of the host program.
 * - Functions that return int return IPREP_OK or a negative IPREP_E_*. iprep_errmsg() then has the
 *   details, and the ret_ arguments are unchanged.
 * - "Errors:" lists what a function may return. The state database is opened at its first use: a
 *   function that needs it may also return _STORE, _BUSY, _PERM, _CREATE, _NOMEM and _BUG, and one
 *   that queries sources _PERM, _CONFIG and _IO for a key file.
 * - "Blocks" states how long a function may wait. All others return immediately.
 * - Names that end in _at are seconds since 1970, in _s seconds, in _ms milliseconds.
 * - Results belong to the caller, who releases them with the function named. They are allocated by
 *   the library, and later versions append members: never copy one by value, never take its size.
 * - What a callback gets is valid during the call.
 * - Structs that the caller fills in are zeroed first; a zeroed member is absent.
 * - Texts are printable ASCII on one line; texts of foreign origin are masked.
 *
 * The ABI is not stable before 1.0.
 */
#ifndef IPREP_H
#define IPREP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IPREP_API	 __attribute__((visibility("default")))
#define IPREP_MUST_CHECK __attribute__((warn_unused_result))

struct iprep_ctx; /* opaque */

/* clang-format off */
enum iprep_err {		/* returned as int; numbers are never reused */
	IPREP_OK = 0,
	IPREP_E_NOMEM = -1,	/* out of memory */
	IPREP_E_ARG = -2,	/* invalid argument */
	IPREP_E_ADDR = -3,	/* not an IPv4 or IPv6 address */
	IPREP_E_CONFIG = -4,	/* error in the configuration; the message has file and line */
	IPREP_E_PERM = -5,	/* permission denied, or unsafe owner or mode */
	IPREP_E_STORE = -6,	/* state database damaged, newer (iprep_reset()) or not writable */
	IPREP_E_BUSY = -7,	/* locked by another process until the timeout */
	IPREP_E_NOSOURCE = -13,	/* no source that gives points is configured */
	IPREP_E_CREATE = -14,	/* a file or directory cannot be created */
	IPREP_E_IO = -15,	/* a read or write failed */
	IPREP_E_OS = -16,	/* another system call failed, or the network module is missing */
	IPREP_E_BUG = -17,	/* internal error */
};
/* clang-format on */

enum iprep_verdict {
	IPREP_UNKNOWN = 0, /* a missing answer could change the verdict */
	IPREP_CLEAN = 1,
	IPREP_CONFIRMED = 2,
	IPREP_EXEMPT = 3,   /* special-purpose, local, allowed or pardoned address */
	IPREP_UNLISTED = 4, /* with IPREP_FREE: no free source confirms it, AbuseIPDB was left out
			     * and could */
};

enum iprep_status { /* of one source's answer */
		    IPREP_S_OK = 0,
		    IPREP_S_TIMEOUT = 1,
		    IPREP_S_ERROR = 2,
		    IPREP_S_QUARANTINED = 3, /* the list fails its test points */
		    IPREP_S_SKIPPED = 4,     /* not queried; detail has the reason */
};

/* One source's answer. */
struct iprep_finding {
	const char *source; /* name of its section; contains no key */
	int status;	    /* enum iprep_status */
	int listed;	    /* 1, 0; -1 unless status is IPREP_S_OK */
	int points;	    /* what it adds to the score; negative for allowlists */
	int unanswered;	    /* 1: did not answer, and could have changed the score */
	size_t nanswers;
	const char *const *answers; /* "127.0.0.4"; empty for AbuseIPDB */
	const char *detail;	    /* of foreign origin; may be NULL */
	int64_t expires_at;	    /* until when the answer is cached; 0: it is not */
	int64_t answered_at;	    /* 0: no answer */
};

/* What is known about one address. */
struct iprep_result {
	const char *address;	/* canonical text */
	int verdict;		/* enum iprep_verdict */
	int low, high;		/* the score as an interval (iprep.conf(5), tiers) */
	const char *tier;	/* name, or NULL */
	const char *exempt;	/* the reason if the verdict is IPREP_EXEMPT; else NULL */
	const char *block_tier; /* tier of the block on this address; NULL: not blocked */
	int64_t blocked_until;	/* only if block_tier is not NULL */
	const char *block_jail; /* jail that saw the address; may be NULL */
	size_t nfindings;
	const struct iprep_finding *const *findings;
	int64_t login_at;	/* last successful login within [login] window; 0: none */
	const char *block_seen; /* of the block, as in struct iprep_block; may be NULL */
};

/* ---- context ---- */

/* Create a context with built-in defaults. Errors: _NOMEM. Since: 0.2 */
IPREP_API int iprep_new(struct iprep_ctx **ret_ctx) IPREP_MUST_CHECK;

/* Release everything. NULL is allowed. Returns NULL: ctx = iprep_free(ctx). Since: 0.2 */
IPREP_API struct iprep_ctx *iprep_free(struct iprep_ctx *ctx);

/* One sentence for an IPREP_E_*, for IPREP_OK and for any other number; never NULL. Since: 0.2 */
IPREP_API const char *iprep_strerror(int err);

/*
 * Details of the last failure on this context: which value, what is wrong, what happens now.
 * @ctx  NULL is allowed: out of memory, the only failure of iprep_new()
 * Never NULL; valid until the next call with this context. Since: 0.2
 */
IPREP_API const char *iprep_errmsg(const struct iprep_ctx *ctx);

/* The library's version: three numbers with dots between. Since: 0.2 */
IPREP_API const char *iprep_version(void);

/*
 * Set the callback for log lines.
 * @max_priority  lines above it are not formatted; LOG_ERR .. LOG_DEBUG
 * @fn            gets a priority of syslog(3) and one line without newline; NULL, the default: none
 * Since: 0.2
 */
IPREP_API void iprep_set_log(struct iprep_ctx *ctx, int max_priority,
			     void (*fn)(void *user, int priority, const char *line), void *user);

/*
 * Read iprep.conf(5), and the .local file next to it.
 * @path  NULL: /etc/iprep/iprep.conf, which may be missing
 * A failure leaves the configuration as it was. Reads files only.
 * Errors: _CONFIG (file:line), _PERM, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_load_config(struct iprep_ctx *ctx, const char *path) IPREP_MUST_CHECK;

/*
 * Get the owner of the state directory after checking that it is safe to become that user: it is a
 * directory, does not belong to root, and no other user may write to it or above it.
 * Errors: _PERM (unsafe or missing). Since: 0.2
 */
IPREP_API int iprep_state_owner(struct iprep_ctx *ctx, uid_t *ret_uid,
				gid_t *ret_gid) IPREP_MUST_CHECK;

struct iprep_tier {
	const char *name;
	int threshold;
	int64_t bantime_s;
};
struct iprep_settings {
	const char *verdict_log, *state;
	const char *key_file, *ca_file; /* "": none */
	int ipv6_prefix;
	size_t ntiers;
	const struct iprep_tier *const *tiers; /* lowest first */
	const char *notify_command;	       /* of iprep-notify(8); "": sendmail */
	const char *notify_digest;	       /* "never", "daily", "weekly" */
	size_t nsources;
	const char *const *sources; /* names of the enabled lists and feeds, then "abuseipdb" if it
				     * has a key file */
	int64_t counters_s;	/* how long iprep_counters() has each day: [retention] counters */
	const char *fleet_zone; /* "": no fleet */
	const char *fleet_address; /* of [fleet] server */
	const char *fleet_key_file;
	int fleet_port, fleet_host;
};
/*
 * Get the settings that fail2ban's jails must agree with, and the files and sources that are used.
 * @ret_settings  release with iprep_settings_free()
 * Errors: _NOMEM. Since: 0.2
 */
IPREP_API int iprep_settings(struct iprep_ctx *ctx,
			     const struct iprep_settings **ret_settings) IPREP_MUST_CHECK;

/* Release settings. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_settings_free(const struct iprep_settings *settings);

/* ---- the runner ---- */

/*
 * The library starts no process. For [fleet] it needs nsupdate or knsupdate, and dig or kdig: a
 * process of the caller, the runner, runs them. Both speak over a stream socket, in frames: this
 * struct, then len bytes of text. There is one request at a time; its answer is any number of
 * _OUTPUT, then _END.
 */
enum iprep_runner_kind {
	/* Text: lines that begin with "update "; for [fleet] zone, to [fleet] server with its key.
	 */
	IPREP_RUN_UPDATE = 1,
	/* The SOA record of [fleet] zone; text: "ADDRESS PORT" of a resolver, or empty: the server.
	 */
	IPREP_RUN_SERIAL = 2,
	/* A transfer of [fleet] zone from the server. No text. */
	IPREP_RUN_TRANSFER = 3,
	/* The TXT records that say which host has [fleet] host, from the server. No text. */
	IPREP_RUN_IDENTITY = 4,
	/* Text: a piece of what the program writes to stdout and stderr. */
	IPREP_RUN_OUTPUT = 16,
	/* value: exit status of the program, or one of the numbers below. No text. */
	IPREP_RUN_END = 17,
};
enum {
	IPREP_RUN_MISSING = -1, /* the program is not installed */
	IPREP_RUN_SLOW = -2,	/* its time was over */
	IPREP_RUN_FAILED =
		-3, /* it was ended by a signal, or not started; or the request is invalid */
	IPREP_RUN_TEXT_MAX = 1 << 20
};
struct iprep_run_frame {
	uint32_t id;   /* of the request, also in its answer */
	uint32_t kind; /* enum iprep_runner_kind */
	int32_t value; /* of a request: 0: the key file has BIND's form (nsupdate, dig), 1: one line
			* (knsupdate, kdig) */
	uint32_t len;  /* bytes of text that follow, at most IPREP_RUN_TEXT_MAX */
};
/*
 * Use this runner; without one, nothing is published. The caller closes fd after iprep_free().
 * @fd  a connected stream socket; -1: none
 * Since: 0.2
 */
IPREP_API void iprep_set_runner(struct iprep_ctx *ctx, int fd);

/*
 * Check that configuration, state database, key files and verdict log are usable; no network.
 * Blocks for at most 2 s on the database's lock, and reads the database for at most 1 s; a notice
 * is logged if it is too large for that. Errors: _PERM, _STORE, _BUSY, _IO, _CREATE, _OS. Since:
 * 0.2
 */
IPREP_API int iprep_check_setup(struct iprep_ctx *ctx) IPREP_MUST_CHECK;

/* ---- lookups ---- */

enum iprep_lookup_flags {
	IPREP_CACHED = 1,   /* only what is on disk; no network */
	IPREP_FRESH = 2,    /* query every source again, whatever is cached */
	IPREP_NO_STATE = 4, /* neither read nor write the state database */
	IPREP_FREE = 8,	    /* only sources that cost nothing, for long lists: not AbuseIPDB */
};

/*
 * Look up one address. A lookup is no accusation: findings are cached, no block is made.
 * @address     text as inet_pton(3) takes it; ::ffff:a.b.c.d means a.b.c.d
 * @flags       enum iprep_lookup_flags
 * @ret_result  release with iprep_result_free()
 * A source that fails is a finding, not an error.
 * Blocks for at most [general] timeout_ms for the sources, plus 10 s while others hold the
 * database. Errors: _ADDR, _NOSOURCE, _STORE, _BUSY, _OS, _NOMEM. Source: RFC 5782; AbuseIPDB API
 * v2, "CHECK". Since: 0.2
 */
IPREP_API int iprep_lookup(struct iprep_ctx *ctx, const char *address, unsigned flags,
			   const struct iprep_result **ret_result) IPREP_MUST_CHECK;

/* Release a result of iprep_lookup(). NULL is allowed. Since: 0.2 */
IPREP_API void iprep_result_free(const struct iprep_result *result);

/* Name of an enum iprep_verdict, "confirmed"; of any other number "unknown". Since: 0.2 */
IPREP_API const char *iprep_verdict_name(int verdict);

/* Name of an enum iprep_status, "timeout"; of any other number "unknown". Since: 0.2 */
IPREP_API const char *iprep_status_name(int status);

enum iprep_next {			  /* what a caller's next() returns */
		  IPREP_NEXT_END = 0,	  /* no more addresses; next() is not called again */
		  IPREP_NEXT_ADDRESS = 1, /* *ret_text is one */
		  IPREP_NEXT_LATER = 2,	  /* none now: call again within 50 ms */
};

struct iprep_progress {
	uint64_t taken, answered; /* texts taken from next(); passed to answer() */
	uint64_t uncached;	  /* findings not cached because others held the database */
	size_t in_flight, window; /* addresses being looked up; the present limit */
};

struct iprep_list {
	unsigned flags; /* enum iprep_lookup_flags */
	int timeout_ms; /* of each address, from its first query; 0: [general] timeout_ms */
	/* Get the next text, as in iprep_lookup(), and a number of the caller's for it (its line).
	 * The text stays as it is until the next call. Must not block: IPREP_NEXT_LATER. Returns
	 * enum iprep_next. */
	int (*next)(void *user, const char **ret_text, int64_t *ret_id);
	/* Called in the order of next(): with err 0, text NULL and a result, which the library
	 * releases afterwards; or with IPREP_E_ADDR, the text, cut to 100 bytes, and NULL. Returns
	 * 0; any other value ends the run. */
	int (*answer)(void *user, int64_t id, const char *text, int err,
		      const struct iprep_result *result);
	/* Called about five times a second and at the end; may be NULL. */
	void (*progress)(void *user, const struct iprep_progress *progress);
	void *user; /* passed to the callbacks */
};

/*
 * Look up a list of any length: many addresses at a time, answers in order, in memory that does not
 * grow with the list. With IPREP_FREE as many queries are in flight as the resolver can take, and
 * findings that cannot be written because others hold the database are not cached; without it, up
 * to 256 addresses are in flight. To stop early let next() return IPREP_NEXT_END: addresses in
 * flight are still answered. A source that fails is a finding, not an error.
 * Blocks until the list ends, then for at most timeout_ms, plus 2 s to cache the last findings and
 * the time of the callbacks.
 * Errors: _NOSOURCE (no source that may be queried gives points), _IO (answer() ended it), _STORE,
 * _BUSY, _OS, _NOMEM.
 * Source: RFC 5782. Since: 0.2
 */
IPREP_API int iprep_lookup_list(struct iprep_ctx *ctx,
				const struct iprep_list *list) IPREP_MUST_CHECK;

/* ---- are the sources usable? ---- */

enum iprep_source_state {
	IPREP_SRC_OK = 0,
	IPREP_SRC_QUARANTINED = 1, /* lists what no list may: its answers give no points */
	IPREP_SRC_SILENT = 2,	   /* no usable answer to its test points, or no DNS over TCP */
	IPREP_SRC_REFUSED = 3,	/* the API key was refused, or the fleet's server refuses updates */
	IPREP_SRC_NO_KEY = 4,	/* configured, but its key cannot be read */
	IPREP_SRC_OFF = 5,	/* AbuseIPDB without a key file */
	IPREP_SRC_MISMATCH = 6, /* answers, but does not list its test entry 127.0.0.2; or the
				 * fleet's server has another zone, or another host the number */
	IPREP_SRC_NONE = 7,	/* a feed: as IPREP_FEED_NONE */
	IPREP_SRC_OLD = 8,	/* a feed: as IPREP_FEED_OLD */
	IPREP_SRC_UNKNOWN = 9,	/* a feed, with IPREP_NO_STATE */
};
struct iprep_source {
	const char *name;  /* of its section; contains no key */
	int state;	   /* enum iprep_source_state */
	const char *why;   /* the reason for the state */
	int latency_ms;	   /* of the last probe that was answered; -1: none */
	int64_t probed_at; /* 0: never */
};
/*
 * Probe every configured source now: lists with the test points of RFC 5782, AbuseIPDB with one
 * check of 127.0.0.2, which counts as one of the day's. Of a feed, what was downloaded is shown.
 * @flags       IPREP_NO_STATE, or 0: the results are cached
 * @timeout_ms  for all sources together; 0: [general] timeout_ms
 * @row         called once for each source, in the order of the configuration
 * @ret_passed  false if a source is quarantined, silent, refused, too old or lacks its key, if the
 *              last download of a feed failed, or if no source that gives points is ok. A feed that
 *              was not downloaded yet is no failure
 * Blocks for at most timeout_ms plus the time of row(), and 10 s while others hold the database.
 * Errors: _CONFIG, _PERM (keys), _STORE, _BUSY, _OS, _NOMEM. Source: RFC 5782, 5. Since: 0.2
 */
IPREP_API int iprep_test_sources(struct iprep_ctx *ctx, unsigned flags, int timeout_ms,
				 void (*row)(void *user, const struct iprep_source *source),
				 void *user, bool *ret_passed) IPREP_MUST_CHECK;

/* ---- hooks of fail2ban: disk only ---- */

/*
 * Decide whether an ambiguous log line counts (fail2ban's ignorecommand).
 * @jail       name of the jail, or NULL; kept with the lookup it causes
 * @user       name of a failed login, any bytes, or NULL. Empty, a literal tag such as "<F-USER>"
 *             and over 1024 bytes mean no name. Only a keyed hash is stored.
 * @restored   fail2ban restores a ban: answer from disk, change nothing
 * @ret_count  true if the address is blocked; or, if user is not NULL, if it tried [spray] users
 *             different names within [spray] window, for such a jail reports, and no report may
 *             follow from a score. With restored it is true if either holds. Otherwise a lookup is
 *             queued for an address that is not blocked.
 * @ret_wake   true if the worker has new work
 * Blocks for at most 2 s on the database's lock.
 * Errors: _ADDR, _STORE, _BUSY, _PERM, _CONFIG. Since: 0.2
 */
IPREP_API int iprep_should_count(struct iprep_ctx *ctx, const char *address, const char *jail,
				 const char *user, bool restored, bool *ret_count,
				 bool *ret_wake) IPREP_MUST_CHECK;

/*
 * Decide whether a verdict line still holds. fail2ban may read a line again after a crash, and must
 * not ban an address that was forgotten, pardoned, released or allowed in the meantime.
 * @address      an address, or an IPv6 prefix as in verdict lines where ipv6_prefix is below 128;
 *               no other prefix is ever blocked
 * @ret_blocked  true if there is a block, and the address is neither pardoned nor exempt
 * Blocks for at most 2 s on the database's lock.
 * Errors: _ADDR, _STORE, _BUSY, _PERM, _CONFIG: then nothing is known, and the line must not count.
 * Since: 0.2
 */
IPREP_API int iprep_is_blocked(struct iprep_ctx *ctx, const char *address,
			       bool *ret_blocked) IPREP_MUST_CHECK;

/*
 * Record a successful login: within [login] window the address gets no block below the highest
 * tier. Recorded at most once an hour, and not for exempt and pardoned addresses. Blocks for at
 * most 2 s on the database's lock. Errors: _ADDR, _STORE, _BUSY, _PERM. Since: 0.2
 */
IPREP_API int iprep_record_login(struct iprep_ctx *ctx, const char *address) IPREP_MUST_CHECK;

struct iprep_report {
	const char *address;
	const char *jail;
	const char *categories; /* "18,22" or "ssh,brute-force"; NULL: configuration */
	const char *comment;	/* template, UTF-8; cut to 1024 bytes; NULL: configuration */
	int failures;		/* not negative */
	int64_t seen_at;	/* 0: now; more than 5 minutes in the future is an error */
	const char *const
		*users; /* nusers user names that were tried, as in iprep_should_count() */
	size_t nusers;
	bool by_hand; /* no log line caused the ban: never reported, at most looked up, and as
		       * after an ambiguous line */
};
enum iprep_recorded {
	IPREP_QUEUED = 0,      /* report and lookup are queued */
	IPREP_LOOKUP_ONLY = 1, /* no key, reported within [report] interval, fewer than
				* min_users names, three others of its IPv6 /64 reported, or
				* by_hand */
	IPREP_SKIPPED = 2,     /* exempt, pardoned, or a jail of skip_jails */
};
/*
 * Record that a jail banned an address (fail2ban's actionban): durable when this returns 0.
 * Recording the same event twice changes nothing.
 * @ret_recorded  enum iprep_recorded; may be NULL
 * @ret_wake      true if the worker has new work
 * Blocks for at most 4.5 s on the database's lock.
 * Errors: _ADDR, _ARG (category, comment, time, failures), _STORE, _BUSY, _PERM, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_record_report(struct iprep_ctx *ctx, const struct iprep_report *report,
				  int *ret_recorded, bool *ret_wake) IPREP_MUST_CHECK;

/* Check a report without recording it. Errors: _ADDR, _ARG as iprep_record_report(). Since: 0.2 */
IPREP_API int iprep_validate_report(struct iprep_ctx *ctx,
				    const struct iprep_report *report) IPREP_MUST_CHECK;

/*
 * Decide whether a caller that got ret_wake should start a worker: [worker] start is spawn, and no
 * worker runs. With start = none the wake file is written for systemd.
 * Errors: _CREATE. Since: 0.2
 */
IPREP_API int iprep_worker_wanted(struct iprep_ctx *ctx, bool *ret_wanted) IPREP_MUST_CHECK;

/*
 * For a process that lives long, before each batch: read the configuration again if one of its
 * files has changed, and close a database that was replaced. The first call always reads it.
 * @path         as iprep_load_config()
 * @ret_changed  it was read again: its state directory may be another
 * An error is returned again until the files are mended; the context is usable with what it had.
 * Errors: as iprep_load_config(). Since: 0.2
 */
IPREP_API int iprep_refresh(struct iprep_ctx *ctx, const char *path,
			    bool *ret_changed) IPREP_MUST_CHECK;

/*
 * Make the functions above that follow, until iprep_end_batch(), one transaction. What they return
 * holds only if iprep_end_batch() returns IPREP_OK.
 * Blocks for at most 2 s on the database's lock; the batch waits for it once.
 * Errors: those of the database. Since: 0.2
 */
IPREP_API int iprep_begin_batch(struct iprep_ctx *ctx) IPREP_MUST_CHECK;

/*
 * Write what was recorded since iprep_begin_batch(): reports are durable when this returns
 * IPREP_OK. After an error nothing of it is recorded, and the calls have to be made again. Errors:
 * _STORE, _BUSY, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_end_batch(struct iprep_ctx *ctx) IPREP_MUST_CHECK;

/* Close the state database until it is needed again: after an error, and while there is nothing to
 * do, so that it can be replaced. Since: 0.2 */
IPREP_API void iprep_close_state(struct iprep_ctx *ctx);

/* ---- the worker ---- */

struct iprep_worker_stats {
	size_t lookups, reports, blocks, lines, failed;
};
/*
 * Do all work that is due: send reports, look up addresses, make and announce blocks; then wait for
 * more. One worker at a time.
 * @linger_s   how long to wait after the last job; negative: [worker] linger
 * @ret_stats  may be NULL
 * Blocks for ten minutes at most.
 * Errors: _BUSY (another worker is running), _STORE, _PERM, _OS, _NOMEM; _IO or _CREATE if the
 * verdict log cannot be written: all other work was done, and blocks keep their lines for the next
 * worker. Since: 0.2
 */
IPREP_API int iprep_run_worker(struct iprep_ctx *ctx, int linger_s,
			       struct iprep_worker_stats *ret_stats) IPREP_MUST_CHECK;

/*
 * Cancel the queued reports of an address, and have the sent ones deleted at AbuseIPDB: durable
 * when this returns 0; iprep_run_worker() sends it.
 * @force          ask AbuseIPDB even if the database knows no report that it could have; a report
 *                 older than [retention] reports, or of a forgotten address, is not known
 * @ret_cancelled  number of queued reports; may be NULL
 * @ret_queued     false if there is nothing to ask AbuseIPDB for
 * Blocks for at most 10 s on the database's lock.
 * Errors: _ADDR, _NOSOURCE (no API key), _STORE, _BUSY, _PERM. Source: API v2, "CLEAR-ADDRESS".
 * Since: 0.2
 */
IPREP_API int iprep_retract(struct iprep_ctx *ctx, const char *address, bool force,
			    int64_t *ret_cancelled, bool *ret_queued) IPREP_MUST_CHECK;

enum iprep_retract_state {
	IPREP_RETRACT_WAITS = 0, /* queued, or to be retried */
	IPREP_RETRACT_DONE = 1,
	IPREP_RETRACT_REFUSED = 2, /* by AbuseIPDB, permanently */
};
struct iprep_retraction {
	int state;	 /* enum iprep_retract_state */
	int64_t deleted; /* reports that AbuseIPDB deleted */
	const char *why; /* why it is not done; NULL: no reason is known */
};
/*
 * Get the outcome of the last iprep_retract() of an address.
 * @ret_retraction  release with iprep_retraction_free()
 * Blocks for at most 10 s on the database's lock.
 * Errors: _ADDR, _ARG (there is none), _STORE, _BUSY, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_retraction_status(struct iprep_ctx *ctx, const char *address,
				      const struct iprep_retraction **ret_retraction)
	IPREP_MUST_CHECK;

/* Release the outcome of a retraction. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_retraction_free(const struct iprep_retraction *retraction);

/* ---- what is queued, what is blocked ---- */

struct iprep_endpoint {			   /* of AbuseIPDB */
	const char *name;		   /* "report" */
	int64_t limit, remaining;	   /* calls a day; left today, as far as is known */
	int64_t stopped_until;		   /* 0: not stopped */
	int key_refused;		   /* 1: until the key file or the configuration changes */
	int64_t last_ok_at, last_error_at; /* 0: never */
	const char *last_error;		   /* of foreign origin; may be NULL */
};
struct iprep_stuck { /* a report that is not sent any more */
	const char *address;
	const char *state; /* "parked": refused permanently; "unknown": sent, never answered */
	int64_t at;
	const char *why;
};
struct iprep_ages { /* how many wait, by age */
	int64_t under_minute, under_hour, under_day, older;
};
enum iprep_feed_state {
	IPREP_FEED_NONE = 0, /* no download was accepted yet: it gives nothing */
	IPREP_FEED_OK = 1,
	IPREP_FEED_OLD = 2, /* the last accepted download is too old: it gives nothing */
};
struct iprep_feed { /* on disk: a [feed], or what a name of [allow] resolved to */
	const char *name;
	const char *kind; /* "feed", "host", "spf" */
	int state;	  /* enum iprep_feed_state */
	int64_t entries;
	int64_t good_at;	   /* last accepted download, also if unchanged; 0: never */
	int64_t tried_at, next_at; /* 0: never; now */
	const char *why;	   /* the last download failed or was refused; NULL: it did not */
};
/* What this host has in the zone of its fleet. */
struct iprep_fleet {
	const char *zone;
	int64_t to_publish, to_withdraw, published,
		held;				/* records; held: [worker] max_new_blocks */
	int64_t waiting_since;			/* the oldest that is due; 0: none */
	int64_t last_ok_at, last_error_at;	/* of an update; 0: never */
	const char *last_error;			/* NULL: none */
	int64_t server_serial, resolver_serial; /* of the zone; -1: not known */
	int64_t serials_at, behind_since;	/* when they were asked; 0: never, not behind */
};
struct iprep_queue {
	struct iprep_ages queued, sending; /* reports; sending: may have reached AbuseIPDB */
	struct iprep_ages lookups, retractions;
	int64_t parked, unknown; /* reports, as in struct iprep_stuck */
	int64_t oldest_s;	 /* of queued reports and lookups */
	int worker_runs;	 /* 1, 0; -1: not known, as to a member of the state's group */
	int has_key;		 /* 1, 0 */
	size_t nendpoints;
	const struct iprep_endpoint *const *endpoints;
	size_t nstuck; /* the newest hundred */
	const struct iprep_stuck *const *stuck;
	/* Why DNS over TCP failed when it was last needed, with the resolver's address, and when:
	 * listings create no blocks then. NULL: it works, or is not needed. */
	const char *no_tcp;
	int64_t no_tcp_at;
	const char *key_error; /* why the key cannot be read; NULL: it can, or there is none */
	size_t nfeeds;
	const struct iprep_feed *const *feeds;
	const struct iprep_fleet *fleet; /* NULL: [fleet] zone is empty. Since: 0.2 */
};
/*
 * Get the status of the queue.
 * @ret_status  release with iprep_queue_free()
 * Blocks for at most 2 s on the database's lock.
 * Errors: _STORE, _BUSY, _PERM, _CONFIG, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_queue_status(struct iprep_ctx *ctx,
				 struct iprep_queue **ret_status) IPREP_MUST_CHECK;

/* Release the status of the queue. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_queue_free(struct iprep_queue *status);

struct iprep_block {
	const char *address; /* or prefix, as in verdict lines: "2001:db8::/64" */
	const char *tier;
	int score;
	int64_t since, announced_at, until;
	const char *jail;    /* that saw the address; NULL: not known */
	const char *sources; /* that gave points when the block was made; NULL: not known */
	size_t nfindings;    /* the evidence that is still kept */
	const struct iprep_finding *const *findings;
	const char *exempt; /* why the address must not be refused (any more): allowed, local or
			     * special-purpose; else NULL */
	const char *seen;   /* what was seen of the address here, "1 failed login" or "banned by
			     * sshd, 5 failures"; NULL: not known */
	/* What it was made from: the sources that changed the score when it was made, or was
	 * confirmed again in its tier. Later answers do not change it. 0: not known. Since: 0.2 */
	size_t nevidence;
	const struct iprep_finding *const *evidence;
};
enum iprep_blocks_flags {
	IPREP_BLOCKS_NEW = 1,  /* only those that no call with this flag has listed */
	IPREP_BLOCKS_BARE = 2, /* without findings and evidence, which makes long lists faster */
	IPREP_BLOCKS_UNMAILED = 4, /* as _NEW, with a mark of its own, for the mail */
};
enum iprep_order {
	IPREP_BY_ANNOUNCING = 0, /* first announced, first listed */
	IPREP_BY_ADDRESS = 1,	 /* IPv4 first; each family as numbers */
	IPREP_BY_END = 2,	 /* the block that ends next, first */
};
struct iprep_blocks_query {
	unsigned flags;		   /* enum iprep_blocks_flags */
	int order;		   /* enum iprep_order */
	const char *tier, *source; /* only this tier; only those to which this source gave points */
	int64_t since_at;	   /* only those made, or risen to their tier, then or later */
	/* "192.0.2.0/24", "2001:db8::/32" or an address, host bits zero: only those in it, or that
	 * contain it; "::/0" is IPv6 alone. */
	const char *prefix;
	/* Returns 0 when it has taken the block, that is, written it out. Any other value ends the
	 * call with _IO; this block and all after it stay new. */
	int (*row)(void *user, const struct iprep_block *block);
	void *user;
};
/*
 * List the current blocks, in memory that does not grow with the list. A block listed with
 * IPREP_BLOCKS_NEW is new again when its tier rises, and so is one listed with _UNMAILED. Each
 * block is listed once, unless it is announced again during the call and sorted by its end. Blocks
 * for at most 10 s on the database's lock, plus the time of row(). Errors: _ARG (prefix; a tier or
 * source that neither the configuration nor a block has; order), _IO, _STORE, _BUSY, _PERM, _NOMEM.
 * Since: 0.2
 */
IPREP_API int iprep_blocks(struct iprep_ctx *ctx,
			   const struct iprep_blocks_query *query) IPREP_MUST_CHECK;

/* ---- counters ---- */

/*
 * What iprep did, by day. Names and labels:
 *
 *	lookup       confirmed, clean, exempt, unknown
 *	block        TIER, JAIL and SOURCES, separated by tabs; sources by commas: announced for
 *	             the first time, or in a higher tier than before
 *	report       done, refused, unknown, dropped, retracted
 *	retraction   done, refused
 *	line         counted, ignored: ambiguous lines
 *	ban          reported, lookup, skipped: bans of ordinary jails that were recorded
 *	login        recorded
 *	pardon       ""
 *	unpardon     ""
 *	release      recheck, allowed, quarantine, fleet
 *	spared       login: confirmed, but not blocked after a login
 *	asked        SOURCE: in how many lookups it was consulted: network, disk or cache
 *	answered     SOURCE: and gave an answer
 *	error        SOURCE: and did not, or refused
 *	listed       SOURCE: its answer gave points
 *	decisive     SOURCE: without this source the verdict would have been lower
 *	alone        SOURCE: decisive, and no other source gave points
 *	wrong        SOURCE: named by a block whose address was pardoned, here or in the fleet,
 *	             released by a re-check, or logged in
 *	latency      SOURCE and a bound in milliseconds, separated by a tab: 10, 30, 100, 300,
 *	             1000, 3000, inf. Answers over the network; each is in one row only
 *	latency_ms   SOURCE: the sum of these times
 *	api_error    check, report, bulk-report, clear-address, blacklist: calls that failed
 *
 * A label beyond the first 999 of a name and day is counted as "other" ("block": as three of it).
 */
struct iprep_counter {
	int64_t day; /* seconds since 1970 of its 00:00 UTC; 0: the sum of what is older than
			[retention] counters */
	const char *name, *label;
	int64_t count;
};
/*
 * Read counters by day, name and label. They only grow: the sum over all days never falls, until
 * the database is reset. Changes nothing.
 * @from_at, @to_at  the days that contain these, and those between; from_at 0: with day 0
 * @row              returns 0; any other value ends the call with _IO. Until the last row returns,
 *                   the database's log is not emptied
 * Errors: _ARG (times), _IO, _STORE, _BUSY, _PERM. Since: 0.2
 */
IPREP_API int iprep_counters(struct iprep_ctx *ctx, int64_t from_at, int64_t to_at,
			     int (*row)(void *user, const struct iprep_counter *counter),
			     void *user) IPREP_MUST_CHECK;

struct iprep_hook_times {
	int known;		/* 0: hooks have no file to note it in yet; all times are 0 */
	int64_t gate_at;	/* last iprep_should_count(), also of a restored ban; 0: none yet */
	int64_t enqueue_at;	/* last iprep_record_report() */
	int64_t login_at;	/* last iprep_record_login() */
	int64_t is_blocked_at;	/* last iprep_is_blocked(), whatever it answered */
	size_t ntiers;		/* as in iprep_settings(): in the same order */
	const int64_t *tier_at; /* last iprep_is_blocked() that found a block of this tier */
};
/*
 * When fail2ban last called each kind of hook. Read from the small file "iprep.db-hooks" next to
 * the database, which is not opened. The file is created by the first worker, by iprep_purge() or
 * iprep_check_setup(), and created again after damage; times of before are lost then.
 * @ret_times  release with iprep_hook_times_free()
 * Errors: _NOMEM. Since: 0.2
 */
IPREP_API int iprep_hook_times(struct iprep_ctx *ctx,
			       const struct iprep_hook_times **ret_times) IPREP_MUST_CHECK;
/* Release the times. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_hook_times_free(const struct iprep_hook_times *times);

#define IPREP_NETWORKS_MAX 100
struct iprep_network {
	const char *network; /* "192.0.2.0/24", "2001:db8:7::/48" */
	int64_t blocks;	     /* current blocks of addresses and prefixes in it */
};
/*
 * List the networks with the most current blocks, /24 of IPv4 and /48 of IPv6, most blocks first.
 * Reads all blocks once, in memory that does not grow with them; changes nothing.
 * @max         how many at most; up to IPREP_NETWORKS_MAX
 * @row         returns 0; any other value ends the call with _IO
 * @ret_blocks  number of all current blocks; may be NULL
 * Errors: _ARG (max), _IO, _STORE, _BUSY, _PERM. Since: 0.2
 */
IPREP_API int iprep_networks(struct iprep_ctx *ctx, size_t max,
			     int (*row)(void *user, const struct iprep_network *network),
			     void *user, int64_t *ret_blocks) IPREP_MUST_CHECK;

struct iprep_overlap { /* of one source with another */
	const char *source, *other;
	int64_t answered; /* addresses that source lists, and of which other has an answer */
	int64_t both;	  /* those that other lists as well */
};
/*
 * Compare what sources list, in the findings on disk: each pair of enabled sources twice, seen from
 * either of them, unless answered is 0. A listing is an answer that gave points. Changes nothing.
 * @row  returns 0; any other value ends the call with _IO
 * Errors: _IO, _STORE, _BUSY, _PERM, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_overlaps(struct iprep_ctx *ctx,
			     int (*row)(void *user, const struct iprep_overlap *overlap),
			     void *user) IPREP_MUST_CHECK;

/* ---- is it working? ---- */

struct iprep_trouble {
	const char *name;   /* of the kind, "list-quarantined": iprep_trouble_name() */
	const char *object; /* which list, file, tier; the same while the trouble lasts */
	int severity;	    /* 1: a warning, 2: critical */
	const char *text;   /* the object, what is wrong, what to do */
	int64_t since;	    /* 0: not known */
};
/*
 * List what is wrong, from disk alone, worst first. Changes nothing, reads no key, and holds no
 * lock that a hook waits for. The owner of the state and members of its group may call it; the
 * latter where the directory of the state lets its group in.
 * @row  returns 0; any other value ends the call with _IO
 * A damaged database is a trouble, not an error. Blocks for at most 2 s on the database's lock.
 * Errors: _IO (row; no database yet), _BUSY, _PERM, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_health(struct iprep_ctx *ctx,
			   int (*row)(void *user, const struct iprep_trouble *trouble),
			   void *user) IPREP_MUST_CHECK;

/* Names of the kinds of trouble, from index 0; NULL after the last. Since: 0.2 */
IPREP_API const char *iprep_trouble_name(size_t index);

/*
 * Count the current blocks by tier, those of tiers that are not configured any more too. Reads all
 * of them, for at most 0.6 s: several 100,000.
 * Errors: _STORE, _BUSY (there are more), _PERM. Since: 0.2
 */
IPREP_API int iprep_block_counts(struct iprep_ctx *ctx,
				 void (*row)(void *user, const char *tier, int64_t count),
				 void *user) IPREP_MUST_CHECK;

/* ---- section [allow] ---- */

enum iprep_allow_kind {
	IPREP_ALLOW_NETWORK = 0, /* an address or network */
	IPREP_ALLOW_HOST = 1,	 /* a host name */
	IPREP_ALLOW_SPF = 2,	 /* a domain: no extended ban for the networks of its SPF record */
};
struct iprep_allowed {
	const char *entry; /* "192.0.2.0/24", "2001:db8::1", "mail.example.com" */
	int kind;	   /* enum iprep_allow_kind */
	const char *file;  /* that has the entry; NULL: [allow] addresses or spf */
	int line;	   /* of the file, from 1 */
	int64_t until;	   /* the end of its last day; 0: none */
	int is_over;	   /* 1: that day is over, the entry has no effect */
	const char *why;   /* its comment; NULL: none */
	/* What a host name or domain last resolved to, and when. */
	int64_t resolved_at; /* 0: never, not known, or kind is IPREP_ALLOW_NETWORK */
	size_t nnetworks;
	const char *const *networks;
};
/*
 * List the entries of section [allow] and its files: networks by address, then host names and SPF
 * domains by name. What the worker resolved names to is on disk; nothing is queried.
 * @flags  IPREP_NO_STATE: without what names resolved to
 * @row    returns 0; any other value ends the call with _IO
 * Errors: _ARG (flags), _IO, _STORE, _PERM, _CREATE, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_allowed(struct iprep_ctx *ctx, unsigned flags,
			    int (*row)(void *user, const struct iprep_allowed *allowed),
			    void *user) IPREP_MUST_CHECK;

/* ---- what is known of one address ---- */

struct iprep_last_report { /* to AbuseIPDB */
	const char *state; /* "queued", "sending", "done", "parked": refused permanently; "unknown":
			    * sent, never answered; "dropped": never sent; "retracted" */
	int64_t first_at;  /* of what was seen */
	int64_t ended_at;  /* when it reached that state; 0: queued or sending */
	int64_t failures;
	const char *jail; /* that saw the address; NULL: not known */
	const char *why;  /* why it is not done; NULL: no reason is known */
};
struct iprep_known {
	const char *address;	/* canonical text */
	int has_state;		/* 0: all below but allowed was not read */
	int64_t pardoned_until; /* 0: not pardoned */
	int64_t login_at;	/* last successful login; 0: none is known */
	int login_counts;	/* 1: within [login] window: no block below the highest tier */
	int64_t lookup_since;	/* since when a lookup waits for the worker; 0: none does */
	int64_t released_at;	/* when a block was released, and not made again; 0: none was */
	const struct iprep_block *block;	   /* without findings; NULL: none */
	const struct iprep_last_report *report;	   /* the last one; NULL: none is known */
	const struct iprep_retraction *retraction; /* the last one; NULL: none is known */
	int64_t retracted_at;			   /* when it was asked for */
	const struct iprep_allowed *allowed; /* the entry of [allow] that has the address, without
					      * networks; NULL: none has */
	size_t nfeeds; /* that list the address, whether they may be asked for it or not */
	const struct iprep_finding *const *feeds;
};
/*
 * Read what is on disk of one address. Changes nothing, and works for a member of the group of the
 * state directory. answer() of iprep_lookup_list() may call it.
 * @flags      IPREP_NO_STATE: only the entries of [allow] that are no names
 * @ret_known  release with iprep_known_free()
 * Blocks for at most 2 s on the database's lock. Errors: _ADDR, _ARG (flags), _STORE, _BUSY, _PERM,
 * _NOMEM. Since: 0.2
 */
IPREP_API int iprep_known(struct iprep_ctx *ctx, const char *address, unsigned flags,
			  const struct iprep_known **ret_known) IPREP_MUST_CHECK;

/* Release what iprep_known() gave. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_known_free(const struct iprep_known *known);

/* ---- maintenance ---- */

struct iprep_run_options {
	int dry_run; /* 1: only count */
	/* Called about five times a second: done of total, which may be exceeded if more becomes
	 * due during the run. May be NULL. */
	void (*progress)(void *user, int64_t done, int64_t total);
	void *user;
};

struct iprep_purge_stats {
	int64_t findings, lookups, reports, blocks, pardons;
	int64_t sightings, logins;     /* failed logins by name; successful ones */
	int64_t failures, retractions; /* sums of an hour; retracted reports */
	int64_t released;	       /* of iprep_released() */
	int64_t lines;		       /* ambiguous ones, by the second */
	int64_t lifted;		       /* blocks of addresses in [allow], now iprep_released() */
};
/*
 * Delete records past their retention time, in short transactions with pauses, and return free
 * space to the file system. Blocks, pardons, reports, releases and logins expire only by a time
 * that this run and another one at least an hour before agree on (by the clock that counts from
 * boot; a week if the clock jumped between them), so that one wrong clock releases no address.
 * Blocks and logins from the future are dated now. First the database is read, for at most 30 s: if
 * it is damaged, nothing is deleted (_STORE).
 * @options  may be NULL
 * Blocks as long as there is something to delete; never holds the lock for over 50 ms.
 * Errors: _STORE, _BUSY. Since: 0.2
 */
IPREP_API int iprep_purge(struct iprep_ctx *ctx, const struct iprep_run_options *options,
			  struct iprep_purge_stats *ret_stats) IPREP_MUST_CHECK;

/*
 * Delete everything about an address, in freed space of the database file too. Its jobs are
 * cancelled, and answers that a worker is waiting for are not stored.
 * @pardon_s  over 0: the address is left alone for that time; at most ten years
 * @dry_run   change nothing
 * @ret_key   the address or prefix as in verdict lines; belongs to the context and is valid until
 *            its next call; may be NULL
 * Blocks for at most 10 s on the database's lock.
 * Errors: _ADDR, _ARG (pardon_s), _STORE, _BUSY. Since: 0.2
 */
IPREP_API int iprep_forget(struct iprep_ctx *ctx, const char *address, int64_t pardon_s,
			   bool dry_run, const char **ret_key) IPREP_MUST_CHECK;

struct iprep_pardon {
	const char *address; /* or prefix, as in verdict lines */
	int64_t until_at;
};
/*
 * List the addresses that iprep_forget() pardoned and whose time is not over, by address.
 * @row  returns 0; any other value ends the call with _IO
 * Blocks for at most 10 s on the database's lock, plus the time of row().
 * Errors: _IO, _STORE, _BUSY, _PERM. Since: 0.2
 */
IPREP_API int iprep_pardons(struct iprep_ctx *ctx,
			    int (*row)(void *user, const struct iprep_pardon *pardon),
			    void *user) IPREP_MUST_CHECK;

/*
 * End the pardon of an address. From now on it is looked up, reported and blocked like any other.
 * @address           or the prefix that iprep_pardons() lists for it
 * @dry_run           change nothing
 * @ret_was_pardoned  true if there was a pardon; may be NULL
 * @ret_key           as of iprep_forget()
 * Blocks for at most 10 s on the database's lock.
 * Errors: _ADDR, _STORE, _BUSY. Since: 0.2
 */
IPREP_API int iprep_unpardon(struct iprep_ctx *ctx, const char *address, bool dry_run,
			     bool *ret_was_pardoned, const char **ret_key) IPREP_MUST_CHECK;

struct iprep_recheck_stats {
	int64_t done; /* re-checked; with dry_run: due */
	int64_t released, listed, undecided;
	int gave_up;	  /* 1: no source answers; the rest is left for the next run */
	int64_t pardoned; /* of all blocks: pardoned in the fleet, and lifted */
};
/*
 * Re-check long blocks, a week after they were made and then every 30 days, and release addresses
 * that no source lists any more. Free sources are queried first, and the last 30 % of the day's
 * checks are never used. Only a clean verdict releases: every source that can give points has
 * answered that it gives none, those that once listed the address are still configured, and lists
 * among them still have their test entry 127.0.0.2. An undecided block is due again the next day.
 * Before that the list of the fleet, if there is one, is queried for all blocks, and those that
 * another host has pardoned are lifted.
 * @options  may be NULL; dry_run uses no network
 * Blocks for an hour at most, or two with a list of the fleet.
 * Errors: _NOSOURCE, _STORE, _BUSY, _PERM, _CONFIG, _OS, _NOMEM.
 * Source: RFC 5782, 5; AbuseIPDB API v2, "CHECK". Since: 0.2
 */
IPREP_API int iprep_recheck(struct iprep_ctx *ctx, const struct iprep_run_options *options,
			    struct iprep_recheck_stats *ret_stats) IPREP_MUST_CHECK;

struct iprep_fleet_removal {
	int64_t records;	     /* removed; with dry_run: found */
	int64_t refused, unreadable; /* left: by the server; under a name that is no name */
	const char *refused_why;     /* NULL: none was refused */
};
/*
 * Remove all records of one host from the zone of the fleet, such as of one that is gone for good.
 * If it is this host, what it should have there is published again by the next worker: records of
 * before its state was lost are gone then. Needs the runner.
 * @host     number of the host: 1 to 65279
 * @options  may be NULL; dry_run only counts
 * @ret_removal  its text is valid until the next call with this context
 * Blocks for at most 300 s for each 100,000 records, and 20 s for each message of 1,000.
 * Errors: _ARG (host), _CONFIG (no [fleet]), _PERM and _CONFIG (its key file), _NOSOURCE (the
 * server or its client cannot be used; what was removed before, is), _STORE, _BUSY, _OS, _NOMEM.
 * Source: RFC 2136, 2.5.4; RFC 5936. Since: 0.2
 */
IPREP_API int iprep_fleet_remove_host(struct iprep_ctx *ctx, int host,
				      const struct iprep_run_options *options,
				      struct iprep_fleet_removal *ret_removal) IPREP_MUST_CHECK;

struct iprep_release {
	const char *address; /* or prefix, as in verdict lines */
	const char *tier;
	int64_t at;
};
/*
 * List the addresses that iprep_recheck() released within [retention] released and that have not
 * been blocked since, oldest first. Changes nothing.
 * @row  returns 0; any other value ends the call with _IO
 * Blocks for at most 10 s on the database's lock, plus the time of row().
 * Errors: _IO, _STORE, _BUSY, _PERM. Since: 0.2
 */
IPREP_API int iprep_released(struct iprep_ctx *ctx,
			     int (*row)(void *user, const struct iprep_release *release),
			     void *user) IPREP_MUST_CHECK;

enum iprep_reset_flags {
	IPREP_RESET_SOUND = 1,	 /* also a database without a fault */
	IPREP_RESET_DRY_RUN = 2, /* change nothing */
};
struct iprep_reset {
	const char *why;		  /* what is wrong with the database */
	const char *aside;		  /* its new path; NULL: there was none, or dry run */
	int64_t blocks, reports, lookups; /* lost, as far as they can be read */
	int64_t pardons, logins;	  /* copied to the new one, as far as they can be read */
	int all_read;			  /* 0: there may have been more of each */
	int dry_run;			  /* 1: nothing was changed */
};
/*
 * Set aside a database that is damaged or was written by a newer version, and create a new one. The
 * file, its log and its index are renamed to "iprep.db.2026-11-26T03:10:00Z", never overwritten and
 * never repaired. Pardons and logins, which protect people, are copied. Blocks and reports, which
 * accuse, are not: a flipped bit would turn one address into another. Bans that fail2ban holds
 * stay. A missing database is created.
 * @flags      enum iprep_reset_flags
 * @ret_reset  release with iprep_reset_free()
 * Nothing is changed unless 0 or _IO is returned.
 * Blocks for at most 10 s until others have closed the database, and while it is read.
 * Errors: _ARG (nothing is wrong with it), _BUSY (a worker or another program has it open), _STORE
 * (another program's, or no file), _PERM, _CREATE, _IO, _NOMEM. Since: 0.2
 */
IPREP_API int iprep_reset(struct iprep_ctx *ctx, unsigned flags,
			  const struct iprep_reset **ret_reset) IPREP_MUST_CHECK;

/* Release the report of a reset. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_reset_free(const struct iprep_reset *reset);

/* Parse a duration as in fail2ban's configuration: "90", "15m", "1d", "52w"; at most ten years.
 * Errors: _ARG. Since: 0.2 */
IPREP_API int iprep_parse_duration(const char *text, int64_t *ret_s) IPREP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

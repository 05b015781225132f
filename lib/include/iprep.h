/* SPDX-License-Identifier: MIT */
/*
 * iprep.h - look up the reputation of IP addresses; queue and send abuse reports
 *
 * One context per thread; no global state. The library never prints, forks, exits,
 * reads the environment or touches signals. A function marked "Blocks" may wait up
 * to the stated bound; all others answer at once. Names ending in _at are Unix
 * seconds, in _s seconds, in _ms milliseconds. Functions return 0 or a negative
 * IPREP_E_*; iprep_errmsg() then tells which value, what is wrong, and what happens
 * now. A function that fails leaves its ret_ arguments as they were. The state database
 * is opened at its first use, so each that needs it may also return what that fails with:
 * _STORE, _BUSY, _PERM, _CREATE, _NOMEM, _BUG; and each that asks sources what is wrong
 * with a file that holds a key: _PERM, _CONFIG, _IO. Results belong
 * to the caller, are allocated by the library and only ever appended to: never copy
 * them by value, never take their size. No promise of a stable ABI before 1.0.
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

enum iprep_err { /* returned as int; never reused */
		 IPREP_OK = 0,
		 IPREP_E_NOMEM = -1,  /* out of memory */
		 IPREP_E_ARG = -2,    /* the caller broke the contract */
		 IPREP_E_ADDR = -3,   /* text is not an IPv4 or IPv6 address */
		 IPREP_E_CONFIG = -4, /* message gives file and line */
		 IPREP_E_PERM = -5,   /* unsafe owner or mode, or not readable */
		 IPREP_E_STORE =
			 -6, /* state database damaged or newer (iprep_reset()), or not writable */
		 IPREP_E_BUSY = -7,	 /* locked past the deadline; try again */
		 IPREP_E_NET = -8,	 /* no source could be reached */
		 IPREP_E_TIMEOUT = -9,	 /* the deadline passed first */
		 IPREP_E_REMOTE = -10,	 /* a source answered something we do not understand */
		 IPREP_E_AUTH = -11,	 /* the API key was refused (HTTP 401) */
		 IPREP_E_QUOTA = -12,	 /* daily quota used up (HTTP 429) */
		 IPREP_E_NOSOURCE = -13, /* no source that gives points is configured */
		 IPREP_E_CREATE = -14,	 /* a file or directory could not be created */
		 IPREP_E_IO = -15,	 /* a read or write failed */
		 IPREP_E_OS = -16,	 /* the system refused something else; module missing */
		 IPREP_E_BUG = -17,	 /* our own mistake */
};

enum iprep_verdict {
	IPREP_UNKNOWN = 0, /* somebody who should have answered did not */
	IPREP_CLEAN = 1,
	IPREP_CONFIRMED = 2,
	IPREP_EXEMPT = 3, /* special-purpose, own, allowed or pardoned */
};

enum iprep_status { /* of one source's answer */
		    IPREP_S_OK = 0,
		    IPREP_S_TIMEOUT = 1,
		    IPREP_S_ERROR = 2,
		    IPREP_S_QUARANTINED = 3, /* the list fails its own test points */
		    IPREP_S_SKIPPED = 4,     /* not asked; detail says why */
};

/* One source's answer. */
struct iprep_finding {
	const char *source; /* its section's name; contains no key */
	int status;	    /* enum iprep_status */
	int listed;	    /* 1, 0; -1 unless status is IPREP_S_OK */
	int points;	    /* what it adds to the score; negative for allowlists */
	int unanswered;	    /* 1: could have changed the score and did not answer */
	size_t nanswers;
	const char *const *answers; /* "127.0.0.4"; empty for AbuseIPDB */
	const char *detail;	    /* one printable line or NULL; foreign origin, masked */
	int64_t expires_at;	    /* until when the answer is used again; 0: not kept */
	int64_t answered_at;	    /* when it was given; 0: no answer */
};

/* What is known of one address. */
struct iprep_result {
	const char *address;	/* canonical text */
	int verdict;		/* enum iprep_verdict */
	int low, high;		/* the score as an interval (iprep.conf(5), tiers) */
	const char *tier;	/* name, or NULL */
	const char *exempt;	/* why, if verdict is IPREP_EXEMPT; else NULL */
	const char *block_tier; /* tier of the block on this address; NULL: none */
	int64_t blocked_until;	/* meaningful if block_tier is not NULL */
	const char *block_jail; /* jail that saw the address; may be NULL */
	size_t nfindings;
	const struct iprep_finding *const *findings;
	int64_t login_at; /* last successful login within [login] window; 0: none */
};

/* ---- context ---- */

/* Create a context with built-in defaults. IPREP_E_NOMEM is the only failure. */
IPREP_API int iprep_new(struct iprep_ctx **ret_ctx) IPREP_MUST_CHECK;

/* Release everything. NULL is allowed. Returns NULL: ctx = iprep_free(ctx). */
IPREP_API struct iprep_ctx *iprep_free(struct iprep_ctx *ctx);

/* One sentence for an IPREP_E_* or IPREP_OK; for other numbers too. Never NULL. */
IPREP_API const char *iprep_strerror(int err);

/* Details of the last failure on this context; valid until the next call. Never NULL. */
IPREP_API const char *iprep_errmsg(const struct iprep_ctx *ctx);

/* The library's version: three numbers with dots between. */
IPREP_API const char *iprep_version(void);

/*
 * Hear what the library does: fn gets a syslog priority (LOG_ERR .. LOG_DEBUG) and one
 * printable line without newline. Lines above max_priority are not even formatted.
 * NULL, the default, is silence.
 */
IPREP_API void iprep_set_log(struct iprep_ctx *ctx, int max_priority,
			     void (*fn)(void *user, int priority, const char *line), void *user);

/* Replace the wall clock (seconds since 1970); NULL restores time(2). For tests. */
IPREP_API void iprep_set_clock(struct iprep_ctx *ctx, int64_t (*now_s)(void *user), void *user);

/*
 * Hear how far iprep_purge() and iprep_recheck() are, about five times a second: done of total,
 * which may be exceeded where more becomes due meanwhile. NULL, the default: nothing is counted
 * beforehand.
 */
IPREP_API void iprep_set_progress(struct iprep_ctx *ctx,
				  void (*fn)(void *user, int64_t done, int64_t total), void *user);

/*
 * Read iprep.conf(5), and the .local file beside it.
 * @path  NULL means the default, /etc/iprep/iprep.conf
 * Errors: _CONFIG (file:line), _PERM, _NOMEM. Reads files only.
 */
IPREP_API int iprep_load_config(struct iprep_ctx *ctx, const char *path) IPREP_MUST_CHECK;

/*
 * Who owns the state directory, after checking that it is safe to become them:
 * a directory, not root's, nobody else may write above it. Needs iprep_load_config().
 * Errors: _PERM (unsafe or missing).
 */
IPREP_API int iprep_state_owner(struct iprep_ctx *ctx, uid_t *ret_uid,
				gid_t *ret_gid) IPREP_MUST_CHECK;

struct iprep_tier {
	const char *name;
	int score;
	int64_t bantime_s;
};
struct iprep_settings { /* fields are only ever appended */
	const char *verdict_log;
	int ipv6_prefix;
	size_t ntiers;
	const struct iprep_tier *const *tiers; /* lowest first */
};
/*
 * What fail2ban's jails must agree with. Needs iprep_load_config().
 * @ret_settings  release with iprep_settings_free()
 * Errors: _NOMEM.
 */
IPREP_API int iprep_settings(struct iprep_ctx *ctx,
			     const struct iprep_settings **ret_settings) IPREP_MUST_CHECK;
IPREP_API void iprep_settings_free(const struct iprep_settings *settings);

/* ---- lookups ---- */

enum iprep_lookup_flags {
	IPREP_CACHED = 1,   /* only what is on disk; no network */
	IPREP_FRESH = 2,    /* query every source again, whatever is cached */
	IPREP_NO_STATE = 4, /* neither read nor write the state database */
	IPREP_FREE = 8,	    /* only sources that cost nothing, for long lists: not AbuseIPDB */
};

/*
 * Look one address up. A lookup is no accusation: findings are cached, no block is made.
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

/* Release a result. NULL is allowed. Since: 0.2 */
IPREP_API void iprep_result_free(const struct iprep_result *result);

/* What a caller's next() says. */
enum iprep_next {
	IPREP_NEXT_END = 0,	/* there are no more; not called again */
	IPREP_NEXT_ADDRESS = 1, /* *ret_text is one */
	IPREP_NEXT_LATER = 2,	/* none now: call again in at most 50 ms */
};

struct iprep_progress {		  /* fields are only ever appended */
	uint64_t taken, answered; /* texts that came from next(); that went to answer() */
	uint64_t uncached;	  /* findings not kept, since others held the database */
	size_t in_flight, window; /* addresses being asked for; how many may be, now */
};

struct iprep_list {	/* the caller's side; zeroed members are absent */
	unsigned flags; /* enum iprep_lookup_flags */
	int timeout_ms; /* of each address, from its first question; 0: [general] timeout_ms */
	/* The next text, as in iprep_lookup(), and a number of the caller's for it (its line). The
	 * text must stay as it is until the next call. May not block: IPREP_NEXT_LATER. Returns
	 * enum iprep_next. */
	int (*next)(void *user, const char **ret_text, int64_t *ret_id);
	/* In the order of next(): err 0 and a result, which the library frees afterwards, or
	 * IPREP_E_ADDR and text, cut to 100 bytes, else NULL. Returns 0; anything else ends the run
	 * early. */
	int (*answer)(void *user, int64_t id, const char *text, int err,
		      const struct iprep_result *result);
	/* About five times a second, and once at the end; may be NULL. p is valid during the call.
	 */
	void (*progress)(void *user, const struct iprep_progress *p);
	void *user; /* given to each of them */
};

/*
 * Look up a list of any length: many addresses at a time, answers in order, in memory that does not
 * grow with the list. With IPREP_FREE as many queries are in flight as the resolver can take, and
 * findings that cannot be written because others hold the database are not cached; without it, up
 * to 256 addresses are in flight. To stop early let next() return IPREP_NEXT_END: addresses in
 * flight are still answered. A source that fails is a finding, not an error.
 * Blocks until the list ends, then for at most timeout_ms, plus 2 s to cache the last findings and
 * the time of the callbacks.
 * Errors: _NOSOURCE (none that may be queried gives points), _IO (answer() ended it), _STORE,
 * _BUSY, _OS, _NOMEM.
 * Source: RFC 5782. Since: 0.2
 */
IPREP_API int iprep_lookup_list(struct iprep_ctx *ctx,
				const struct iprep_list *list) IPREP_MUST_CHECK;

/* Name of an enum iprep_verdict, "confirmed"; of any other number "unknown". Since: 0.2 */
IPREP_API const char *iprep_verdict_name(int verdict);

/* Name of an enum iprep_status, "timeout"; of any other number "unknown". Since: 0.2 */
IPREP_API const char *iprep_status_name(int status);

/* ---- are the sources usable? ---- */

enum iprep_source_state {
	IPREP_SRC_GOOD = 0,
	IPREP_SRC_QUARANTINED = 1, /* lists what no list may: its answers count nothing */
	IPREP_SRC_SILENT = 2,	   /* no usable answer to its test points */
	IPREP_SRC_REFUSED = 3,	   /* the API key was refused */
	IPREP_SRC_NO_KEY = 4,	   /* configured, and its key cannot be read */
	IPREP_SRC_OFF = 5,	   /* AbuseIPDB without a key file */
};

/* One source, as its test points say. Allocated by the library; fields are only ever appended. */
struct iprep_source {
	const char *name;  /* its section's name; contains no key */
	int state;	   /* enum iprep_source_state */
	const char *why;   /* one printable line */
	int latency_ms;	   /* of the last probe that was answered; -1: none */
	int64_t probed_at; /* 0: never */
};

/*
 * Probe every configured source now: lists by RFC 5782's test points, AbuseIPDB by one check
 * (of 127.0.0.2; it counts as one of the day's).
 * @flags      IPREP_NO_STATE or 0: else what is learned is kept
 * @timeout_ms for everything; 0: [general] timeout_ms
 * @row        called once per source, in the order of the configuration
 * @ret_passed false if a source is quarantined, silent, refused or lacks its key, or if none
 *             gives points
 * Blocks for at most timeout_ms plus the time of row().
 * Errors: _CONFIG, _PERM (keys), _STORE, _BUSY, _OS, _NOMEM. Source: RFC 5782, 5.
 */
IPREP_API int iprep_test_sources(struct iprep_ctx *ctx, unsigned flags, int timeout_ms,
				 void (*row)(void *user, const struct iprep_source *source),
				 void *user, bool *ret_passed) IPREP_MUST_CHECK;

/* ---- hooks: disk only; block for at most 2 s on the database's lock, iprep_record_report() 4.5 s
 * ----
 */

/*
 * What fail2ban's ignorecommand asks: does this ambiguous line count?
 * @jail      name of the jail, or NULL; kept with a lookup it causes
 * @user      name of a failed login, any bytes; NULL, empty, a literal tag such as "<F-USER>" or
 *            over 1024 bytes: none. Kept as a keyed hash only.
 * @restored  fail2ban restores a ban: answer from disk, change nothing
 * @ret_count set to true if the address has a block, or, unless user is NULL, if it tried [spray]
 * users different names within [spray] window: such a jail reports, and no report may follow from a
 * score. At a restore, which reports nothing, if either is so. Without a block a lookup waits for
 * the worker.
 * @ret_wake  set to true if the worker has something new to do
 * Errors: _ADDR, _STORE, _BUSY, _PERM, _CONFIG.
 */
IPREP_API int iprep_should_count(struct iprep_ctx *ctx, const char *address, const char *jail,
				 const char *user, bool restored, bool *ret_count,
				 bool *ret_wake) IPREP_MUST_CHECK;

/*
 * Does a block stand, as its verdict line says? From disk only: a line that fail2ban reads again
 * after a crash, of an address that was forgotten, pardoned, released or allowed meanwhile, must
 * ban nobody.
 *
 * @address     an address, or a prefix as verdict lines have it where ipv6_prefix is below 128
 * @ret_stands  set to true if a block of it has not ended and it is neither pardoned nor to be left
 * alone Blocks for at most 2 s, where others hold the store. Errors: _ADDR, _STORE, _BUSY, _PERM,
 * _CONFIG: then nothing is known, and the line should count.
 */
IPREP_API int iprep_is_blocked(struct iprep_ctx *ctx, const char *address,
			       bool *ret_stands) IPREP_MUST_CHECK;

/*
 * Remember a successful login: within [login] window the address gets no block below the highest
 * tier. Recorded once an hour; nothing is recorded of guarded and pardoned addresses.
 * Errors: _ADDR, _STORE, _BUSY, _PERM.
 */
IPREP_API int iprep_record_login(struct iprep_ctx *ctx, const char *address) IPREP_MUST_CHECK;

struct iprep_report { /* zeroed members are absent */
	const char *address;
	const char *jail;
	const char *categories; /* "18,22" or "ssh,brute-force"; NULL: configuration */
	const char *comment;	/* template, UTF-8; cut to 1024 bytes; NULL: configuration */
	int failures;
	int64_t seen_at; /* 0: now; over 5 minutes in the future is an error */
	const char *const
		*users; /* nusers user names that were tried, as in iprep_should_count() */
	size_t nusers;
	int check_only; /* 1: say what is wrong with it, record nothing */
};
enum iprep_recorded {
	IPREP_QUEUED = 0,      /* report and lookup wait */
	IPREP_LOOKUP_ONLY = 1, /* no key, reported within [report] interval, fewer than
				* min_users names, or three others of its IPv6 /64 reported */
	IPREP_SKIPPED = 2,     /* guard, pardon or skip_jails */
};
/*
 * Record that an ordinary jail banned an address: on disk for good when this returns 0.
 * Recording the same event twice changes nothing.
 * @ret_recorded  enum iprep_recorded; may be NULL
 * @ret_wake      as in iprep_should_count()
 * Errors: _ADDR, _ARG (category, comment, time, failures), _STORE, _BUSY, _PERM, _NOMEM.
 */
IPREP_API int iprep_record_report(struct iprep_ctx *ctx, const struct iprep_report *report,
				  int *ret_recorded, bool *ret_wake) IPREP_MUST_CHECK;

/*
 * Whether a caller that was told to wake the worker should start one: [worker] start is
 * spawn and none holds the lock. With start = none this leaves the wake file for systemd.
 * Errors: _CREATE.
 */
IPREP_API int iprep_worker_wanted(struct iprep_ctx *ctx, bool *ret_wanted) IPREP_MUST_CHECK;

/* Configuration, state database, key file and verdict log are usable. No network. The database is
 * read for a second at most, to see damage anywhere in it.
 * Errors: _PERM, _STORE, _BUSY, _IO, _CREATE, _OS. */
IPREP_API int iprep_check_setup(struct iprep_ctx *ctx) IPREP_MUST_CHECK;

/* ---- the worker ---- */

struct iprep_worker_stats {
	size_t lookups, reports, blocks, lines, failed;
};
/*
 * Do all work that is due: send reports, look addresses up, make and announce blocks;
 * linger for more; end when there is none. One worker at a time.
 * @linger_s  how long to wait after the last job; negative: [worker] linger
 * @ret_stats may be NULL
 * Blocks for ten minutes at most.
 * Errors: _BUSY (another worker runs), _STORE, _PERM, _OS, _NOMEM; _IO or _CREATE if the verdict
 * log cannot be written: all else was done, and blocks keep their lines for the next worker.
 */
IPREP_API int iprep_run_worker(struct iprep_ctx *ctx, int linger_s,
			       struct iprep_worker_stats *ret_stats) IPREP_MUST_CHECK;

/* ---- taking reports back ---- */

enum iprep_retract_state {
	IPREP_RETRACT_WAITS = 0, /* the worker will try, or try again */
	IPREP_RETRACT_DONE = 1,
	IPREP_RETRACT_REFUSED = 2, /* by the service, for good */
};
/*
 * Cancel what waits to be reported of an address, and have our reports of it deleted at the
 * service: recorded for good when this returns 0; iprep_run_worker() sends it, now or later.
 * @ret_cancelled  reports that waited; may be NULL
 * Blocks for at most 10 s on the database's lock.
 * Errors: _ADDR, _NOSOURCE (no API key), _STORE, _BUSY, _PERM. Source: API v2, "CLEAR-ADDRESS".
 */
IPREP_API int iprep_retract(struct iprep_ctx *ctx, const char *address,
			    int64_t *ret_cancelled) IPREP_MUST_CHECK;

/*
 * What became of the last iprep_retract() of an address.
 * @ret_state    enum iprep_retract_state
 * @ret_deleted  reports that the service deleted
 * @ret_why      one printable line, or empty: why it is not done; 160 bytes of room
 * Errors: _ADDR, _ARG (none known), _STORE, _BUSY.
 */
IPREP_API int iprep_retraction_status(struct iprep_ctx *ctx, const char *address, int *ret_state,
				      int64_t *ret_deleted, char ret_why[160]) IPREP_MUST_CHECK;

/* ---- what waits, what is blocked ---- */

struct iprep_endpoint {			   /* of AbuseIPDB; fields are only ever appended */
	const char *name;		   /* "report" */
	int64_t limit, remaining;	   /* calls a day; left today, as far as is known */
	int64_t stopped_until;		   /* 0: not stopped */
	int key_refused;		   /* 1: until the key file or the configuration changes */
	int64_t last_ok_at, last_error_at; /* 0: never */
	const char *last_error;		   /* one printable line or NULL; foreign origin, masked */
};
struct iprep_stuck { /* a report that will not be sent (again) */
	const char *address;
	const char *state; /* "parked": refused for good; "unknown": sent, never answered */
	int64_t at;
	const char *why; /* one printable line */
};
/* Four ages each: under a minute, an hour, a day; older. Fields are only ever appended. */
struct iprep_queue {
	int64_t queued[4], sending[4]; /* reports; sending: may have reached the service */
	int64_t lookups[4], retractions[4];
	int64_t parked, unknown;  /* reports, as in struct iprep_stuck */
	int64_t oldest_s;	  /* of reports and lookups that wait */
	int worker_runs, has_key; /* 1, 0 */
	size_t nendpoints;
	const struct iprep_endpoint *const *endpoints;
	size_t nstuck; /* the newest hundred */
	const struct iprep_stuck *const *stuck;
};
/*
 * How the queue stands.
 * @ret_status  release with iprep_queue_free()
 * Blocks for at most 2 s on the database's lock. Errors: _STORE, _BUSY, _PERM, _CONFIG, _NOMEM.
 */
IPREP_API int iprep_queue_status(struct iprep_ctx *ctx,
				 struct iprep_queue **ret_status) IPREP_MUST_CHECK;
IPREP_API void iprep_queue_free(struct iprep_queue *status);
/* One block. Valid during the callback; fields are only ever appended. */
struct iprep_block {
	const char *address; /* or prefix, as in verdict lines: "2001:db8::/64" */
	const char *tier;
	int score;
	int64_t since, announced_at, until;
	const char *jail;    /* that saw it; NULL: not known */
	const char *sources; /* that gave points when it was made; NULL: not known */
	size_t nfindings;    /* what is still kept of the evidence */
	const struct iprep_finding *const *findings;
	const char *exempt; /* why it must not be refused (any more): [allow], an address of
			     * this host's, special-purpose; NULL: nothing speaks against */
};
enum iprep_blocks_flags {
	IPREP_BLOCKS_NEW = 1,  /* only those not yet given out with this flag */
	IPREP_BLOCKS_BARE = 2, /* without findings, which makes long lists faster */
};
/*
 * What is blocked now, in the order of announcing.
 * @flags  enum iprep_blocks_flags; what row() has taken with IPREP_BLOCKS_NEW is not new any more,
 *         until its tier rises
 * @row    returns 0 when it has taken the block, written it out, that is; anything else ends the
 *         call with _IO, and this one and all after it stay new
 * Errors: _IO, _STORE, _BUSY, _PERM, _NOMEM.
 */
IPREP_API int iprep_blocks(struct iprep_ctx *ctx, unsigned flags,
			   int (*row)(void *user, const struct iprep_block *block),
			   void *user) IPREP_MUST_CHECK;

/* Addresses that begin with the same bits. IPv4 stands as ::ffff:a.b.c.d, its bits are 96 to 128.
 */
struct iprep_prefix {
	unsigned char address[16];
	int bits;
};
/* "192.0.2.0/24", "2001:db8::/32", or an address; host bits must be zero. Errors: _ADDR. */
IPREP_API int iprep_parse_prefix(const char *text,
				 struct iprep_prefix *ret_prefix) IPREP_MUST_CHECK;

enum iprep_order {
	IPREP_BY_ANNOUNCING = 0, /* first announced, first given */
	IPREP_BY_ADDRESS = 1,	 /* IPv4 first; each family as numbers */
	IPREP_BY_END = 2,	 /* what ends next, first */
};
struct iprep_blocks_query {	   /* zeroed members are absent; fields are only ever appended */
	unsigned flags;		   /* enum iprep_blocks_flags */
	int order;		   /* enum iprep_order */
	const char *tier, *source; /* only that tier; only those to which this source gave points */
	int64_t since_at;	   /* only those made, or risen to their tier, then or later */
	const struct iprep_prefix
		*prefix; /* only those in it, or that hold it; ::/0 is IPv6 alone */
	int (*row)(void *user, const struct iprep_block *block);
	void *user;
};
/*
 * What is blocked now, as iprep_blocks(), but chosen and sorted. In memory that does not grow with
 * the list; each block comes once, unless it is announced again meanwhile and sorted by its end.
 * Errors: as iprep_blocks(); _ARG (a tier or source that neither the configuration nor a block
 * has).
 */
IPREP_API int iprep_blocks_where(struct iprep_ctx *ctx,
				 const struct iprep_blocks_query *query) IPREP_MUST_CHECK;

/* ---- forgetting ---- */

struct iprep_purge_stats {
	int64_t findings, lookups, reports, blocks, pardons;
	int64_t sightings, logins;     /* failed logins by name; successful ones */
	int64_t failures, retractions; /* sums of an hour; reports taken back */
	int64_t released;	       /* of iprep_released() */
};
/*
 * Remove what is past its retention, in short transactions with pauses, and give free space back.
 * Blocks, pardons, reports, releases and good logins go only by the time on which this run agrees
 * with one at least an hour before it (by the clock that counts from boot), or a week before it if
 * the clock jumped between them: one wrong clock frees nobody. Blocks and logins of the future, as
 * both say, are of now instead. First the database is read, for half a minute at most: damage is an
 * error (_STORE), and nothing is removed.
 * @dry_run  only count
 * Blocks as long as there is something to remove; never holds the lock for over 50 ms.
 * Errors: _STORE, _BUSY.
 */
IPREP_API int iprep_purge(struct iprep_ctx *ctx, bool dry_run,
			  struct iprep_purge_stats *ret_stats) IPREP_MUST_CHECK;

/*
 * Forget an address completely, in freed space of the database's file too; with pardon_s > 0 leave
 * it alone for so long. Its waiting jobs are cancelled, and what a worker is asking of it is not
 * kept.
 * @ret_key   the address or prefix as it stood in verdict lines; 64 bytes of room; may be NULL
 * Errors: _ADDR, _ARG (pardon over ten years), _STORE, _BUSY.
 */
IPREP_API int iprep_forget(struct iprep_ctx *ctx, const char *address, int64_t pardon_s,
			   bool dry_run, char ret_key[64]) IPREP_MUST_CHECK;

struct iprep_recheck_stats { /* fields are only ever appended */
	int64_t done;	     /* looked up; with dry_run: would be */
	int64_t released, listed, undecided;
	int gave_up; /* 1: nobody answers, the rest is for the next run */
};
/*
 * Look long blocks up again, a week after they were made and then every 30 days, and release those
 * that nobody lists any more. Sources that cost nothing first, and never the last 30 % of the day's
 * checks. Only a positively clean verdict releases: every source that can give points has answered
 * that it gives none, those that once named the address are still configured, and of these the
 * lists still have their test entry 127.0.0.2. What could not be decided is due again the next day.
 * @dry_run  only count what is due; no network
 * Blocks for an hour at most. Errors: _NOSOURCE, _STORE, _BUSY, _PERM, _CONFIG, _OS, _NOMEM.
 * Source: RFC 5782, 5; AbuseIPDB API v2, "CHECK".
 */
IPREP_API int iprep_recheck(struct iprep_ctx *ctx, bool dry_run,
			    struct iprep_recheck_stats *ret_stats) IPREP_MUST_CHECK;

/* One block that was released. Valid during the callback; fields are only ever appended. */
struct iprep_release {
	const char *address; /* or prefix, as in verdict lines */
	const char *tier;
	int64_t at;
};
/*
 * What iprep_recheck() released in the last [retention] released and was not blocked since, oldest
 * first. Changes nothing: the same again until its time is over.
 * @row  returns 0; anything else ends the call with _IO
 * Errors: _IO, _STORE, _BUSY, _PERM.
 */
IPREP_API int iprep_released(struct iprep_ctx *ctx,
			     int (*row)(void *user, const struct iprep_release *release),
			     void *user) IPREP_MUST_CHECK;

enum iprep_reset_flags {
	IPREP_RESET_SOUND = 1,	 /* set it aside even if nothing is wrong with it */
	IPREP_RESET_DRY_RUN = 2, /* only look */
};
struct iprep_reset {	   /* fields are only ever appended */
	const char *why;   /* what is wrong with it: a few words */
	const char *aside; /* the path under which it lies now; NULL: there was none, or dry run */
	int64_t blocks, reports, lookups; /* that last, or wait: as far as they can be read; gone */
	int64_t pardons, logins; /* as far as they can be read; taken over into the new one */
	int all_read;		 /* 0: there may have been more of each */
	int dry_run;		 /* 1: nothing of it was done */
};
/*
 * Begin anew where the state database is damaged, or was written by a newer version. The file, its
 * log and its index are renamed, never overwritten, and never mended:
 * "iprep.db.2026-11-26T03:10:00Z". A new one, made before, takes their place, with a key of its own
 * for user names. What protects people is taken over, pardons and logins; what accuses is not: a
 * bit that fell over in a block would accuse somebody else. Bans that fail2ban holds stand. A
 * missing database is made.
 * @flags      enum iprep_reset_flags
 * @ret_reset  release with iprep_reset_free()
 * Nothing is changed unless 0 is returned, but by _IO. Blocks for 10 s on whoever has the database
 * open, and while it is read. Errors: _ARG (nothing is wrong with it), _BUSY (a worker runs, or
 * another program has it open), _STORE (another program's, or no file), _PERM, _CREATE, _IO,
 * _NOMEM.
 */
IPREP_API int iprep_reset(struct iprep_ctx *ctx, unsigned flags,
			  const struct iprep_reset **ret_reset) IPREP_MUST_CHECK;
IPREP_API void iprep_reset_free(const struct iprep_reset *reset);
/* A duration as in fail2ban's configuration: "90", "15m", "1d", "52w". Errors: _ARG. */
IPREP_API int iprep_parse_duration(const char *text, int64_t *ret_s) IPREP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif

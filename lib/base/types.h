/* SPDX-License-Identifier: MIT */
/* types.h - the nouns every layer shares */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCES_MAX   63 /* one bit each in a source_set, and SOURCE_WAIT */
#define ANSWERS_MAX   16 /* A records kept of one DNS answer */
#define JAIL_MAX      64 /* with terminator; fail2ban itself wants < 26 */
#define DETAIL_MAX    160
#define VALIDATOR_MAX 256 /* ETag, Last-Modified; terminated */
typedef uint64_t source_set;
#define SOURCE_BIT(i) ((source_set)1 << (i))
#define SOURCE_WAIT   SOURCE_BIT(63) /* nothing yet: settle again, it is not its turn */

struct addr {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d; made only by addr.h */
};

/* Not F_OK: unistd.h has a macro of that name, and it is 0. */
enum finding_status {
	FINDING_NONE, /* not asked (yet) */
	FINDING_OK,   /* answered: listed or not */
	FINDING_TIMEOUT,
	FINDING_ERROR,	     /* asked, and nothing that counts came back */
	FINDING_DENIED,	     /* could not be asked: quota used up or reserved, 401 */
	FINDING_QUARANTINED, /* the list fails its own test points: worth 0 */
	FINDING_SKIPPED,     /* not asked by policy: worth 0 */
};
enum finding_rule {
	RULE_NONE,
	RULE_LOWEST_TIER,
	RULE_VETO
}; /* Tor, shared: cap; whitelisted: veto */

/* What one source says of one address. findings[i] belongs to conf->sources[i]. */
struct finding {
	uint8_t status; /* enum finding_status */
	uint8_t rule;	/* enum finding_rule */
	bool listed;
	bool trusted; /* came over a path on which it cannot be forged */
	bool partial; /* the score in the answer to a report: no whitelist, Tor or age */
	int points;
	int waited_ms; /* for the answer, at least 1; 0: it did not come over the network now */
	uint8_t na;
	uint32_t a[ANSWERS_MAX];	 /* DNSBL answers, host order: 0x7f000004 */
	int64_t answered_at, expires_at; /* Unix seconds; expires_at 0: not for the cache */
	char detail[DETAIL_MAX];	 /* masked, one line, may be empty */
};

enum origin { /* who wants to know */
	      BY_HAND,
	      AMBIGUOUS, /* only wrote a suspicious line: came through the gate */
	      SURE,	 /* banned by an ordinary jail: came through rep-report */
};

/* What the headers of an API answer say of the quota of one endpoint. */
struct quota_seen {
	bool seen;		  /* an answer came at all */
	int64_t limit, remaining; /* -1: unknown */
	int64_t stopped_until;	  /* 429, Retry-After, 401: do not ask before; 0: none */
	bool auth_failed;	  /* 401: until key or configuration change */
	char error[DETAIL_MAX];	  /* empty: the answer was good */
};

/* What the probes of a DNS list have shown; kept by the store. */
enum zone_state_kind {
	ZONE_UNKNOWN,
	ZONE_GOOD,
	ZONE_BAD,      /* lists what no list may */
	ZONE_EMPTY,    /* does not list its test entry */
	ZONE_REFUSING, /* answers with error codes, or, an allowlist, has not answered for a day */
};
struct zone_state {
	uint8_t state[2];     /* enum zone_state_kind, of IPv4 and of IPv6 */
	int latency_ms;	      /* of the last probe that decided */
	int64_t probed_at[2]; /* likewise; 0: never */
	int64_t silent_since; /* 0: not silent */
	bool is_applied;      /* quarantined, and what it alone confirmed was released */
	char why[DETAIL_MAX]; /* of a quarantine; else empty */
};

enum task_kind {
	TASK_LOOKUP,
	TASK_REPORT,
	TASK_BULK,
	TASK_RETRACT,
	TASK_FETCH,
	TASK_RESOLVE,
	TASK_FLEET
};
enum outcome { OUT_NONE, OUT_DONE, OUT_DUPLICATE, OUT_LATER, OUT_PARKED };

/* A row of a bulk report that was not taken. */
struct refused_row {
	struct addr addr;
	bool duplicate;
	char why[64];
};

/* One address on its way through the engine. Belongs to the supplier, lent to the engine. */
struct task {
	enum task_kind kind;
	struct addr addr;
	struct addr key;	  /* of what it is about: engine_has_key() */
	int64_t id;		  /* the supplier's: report row, line number */
	void *owner;		  /* the supplier's */
	source_set ask;		  /* to be asked when it starts */
	source_set asked;	  /* asked so far */
	source_set tcp;		  /* to be asked over TCP */
	bool tcp_works;		  /* a resolver has replied over TCP */
	char no_tcp[DETAIL_MAX];  /* none has, and why; empty: not tried */
	bool reported;		  /* by us: that alone is no evidence */
	bool late;		  /* its deadline is over: no more waiting */
	struct finding *findings; /* one for each of conf->sources */
	struct quota_seen quota;  /* of the endpoint asked last */
	int patience_ms;	  /* its deadline; 0: the supply's */
	/* all but TASK_LOOKUP */
	const char *body; /* made of what was stored before; NULL: none */
	enum outcome outcome;
	bool not_accepted;	     /* OUT_LATER: the service cannot have taken it */
	int64_t retry_after_s;	     /* OUT_LATER: at least; 0: unknown */
	char why[DETAIL_MAX];	     /* OUT_LATER, OUT_PARKED */
	int64_t count;		     /* OUT_DONE: rows saved, reports taken back */
	struct refused_row *refused; /* TASK_BULK, OUT_DONE; the supplier frees it */
	size_t nrefused;
	struct feed_download *download; /* TASK_FETCH: source/feed.h */
	struct allow_query *query;	/* TASK_RESOLVE: source/allow.h; no source is asked */
	struct fleet_call *call;	/* TASK_FLEET: engine.h; likewise */
};

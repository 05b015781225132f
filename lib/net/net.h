/* SPDX-License-Identifier: MIT */
/*
 * net.h - everything that uses the network: net.so, c-ares and curl in one loop
 *
 * Knows no reputation. A module, so that hooks never map libcurl: load.c opens it from
 * its compiled-in absolute path when the first request is made. Unit tests pass a fake table.
 */
#pragma once
#include "base/err.h"
#include "base/log.h"
#include "base/types.h"
#include "conf/resolver.h"

enum net_status {
	NET_OK,
	NET_NXDOMAIN,
	NET_NODATA, /* DNS: an honest "no" */
	NET_TIMEOUT,
	NET_REFUSED,
	NET_SERVFAIL,
	NET_BROKEN, /* anything else: malformed, reset, TLS, too big */
};
const char *net_status_text(enum net_status status); /* "timeout", "SERVFAIL"; in load.c */

enum { NET_A = 1, NET_TXT = 16, NET_AAAA = 28 };

/* Different A records kept of one DNS answer: in the list of a fleet each host has its own. BIND
 * takes no more than 100 of a name (max-records-per-type). */
#define A_MAX	 128
#define TXTS_MAX 64   /* TXT records kept of one DNS answer; large companies have 40 */
#define TXT_MAX	 4096 /* bytes kept of each; SPF's stay below 512 (RFC 7208, 3.4) */

struct dns_txt {
	struct dns_txt *next;
	const char *bytes; /* its strings, joined without blanks; raw, not terminated */
	size_t len;
	bool is_cut; /* it is longer */
};
struct dns_answer {
	enum net_status status;
	size_t na;
	uint32_t a[A_MAX]; /* host order, of the name asked (CNAMEs followed inside the
				    answer), each once */
	size_t na6;
	uint8_t a6[ANSWERS_MAX][16]; /* the same of AAAA records */
	bool is_cut;		     /* there are more different ones than a[], a6[] or txts hold */
	uint32_t ttl_s; /* least TTL of the records and the CNAMEs to them; of a "no": min(SOA TTL,
			   SOA minimum) */
	bool has_ttl;	/* a "no" without SOA has none */
	size_t txt_len;
	char txt[256]; /* first TXT record, raw bytes, cut */
	struct dns_txt
		*txts; /* all of them, in the order of the answer; valid during the callback */
	char why[96];  /* NET_BROKEN: printable */
	int waited_ms; /* from the question to this answer, or to giving up */
	bool replied;  /* a resolver sent a message, whatever it says */
	char from[96]; /* who replied, or did not: "192.0.2.53:53 over TCP"; empty: not asked */
};

struct http_request {
	const char *method; /* "GET", "POST", "DELETE" */
	const char *url;
	const char *const
		*headers; /* NULL-terminated "Name: value"; may hold a key: never logged */
	const char *body; /* NULL: none; copied */
	const char
		*upload; /* body goes as a file in this field of a multipart form; NULL: as it is */
	size_t body_len, answer_max; /* a larger answer, decoded, is NET_BROKEN */
	/* May be sent compressed; it is decoded. libcurl does not notice if its end is missing. */
	bool gzip;
	/*
	 * The body of a 2xx answer, piece by piece, decoded, before the callback, which then has
	 * none; with that one's user. False ends the request: NET_BROKEN. It is called from inside
	 * turn(), and must not call any of net_ops. NULL: the body is collected. The body of
	 * another answer is collected, and cut to HTTP_OTHER_MAX.
	 */
	bool (*take)(void *user, const char *bytes, size_t len);
};
#define HTTP_OTHER_MAX 4096
#define HTTP_ETAG_MAX  256 /* terminated; servers have 20 to 80 characters */
#define HTTP_DATE_MAX  48
struct http_answer {
	enum net_status status; /* NET_OK: there is an HTTP status */
	int code;
	/* Headers; -1: absent, not a number, or more than makes sense (http.c), so that sums and
	 * products of them never overflow. */
	int64_t limit, remaining; /* X-RateLimit-Limit, -Remaining */
	int64_t reset_at;	  /* X-RateLimit-Reset */
	int64_t retry_after_s;	  /* Retry-After; a date: until then, at least 0 */
	/* Headers; empty: absent, given twice, too long, or not what it should be. */
	char etag[HTTP_ETAG_MAX], last_modified[HTTP_DATE_MAX]; /* as they came: for a later
								   request */
	char content_type[64], generated_at[HTTP_DATE_MAX];	/* masked; X-Generated-At */
	bool is_encoded;  /* Content-Encoding: it was compressed */
	const char *body; /* valid during the callback; not terminated */
	size_t body_len;
	bool sent;     /* the request may have reached the server */
	char why[160]; /* not NET_OK: printable, without secrets */
};

/* What a process next to this one is asked to run: iprep.h, "runner". */
struct run_request {
	int kind;	  /* IPREP_RUN_UPDATE, _SERIAL, _TRANSFER or _IDENTITY */
	int value;	  /* the frame's */
	const char *text; /* copied */
	size_t len;
	/* The output, piece by piece, before the callback, with that one's user. False: the rest is
	 * not wanted. Called from inside turn(); it must not call any of net_ops. NULL: the first
	 * RUN_OUTPUT_MAX bytes are collected. */
	bool (*take)(void *user, const char *bytes, size_t len);
};
#define RUN_OUTPUT_MAX 8192
struct run_answer {
	enum net_status status; /* NET_OK: the program ended, or was never started */
	int exit_status;	/* of the program, or a negative IPREP_RUN_* */
	const char *output;	/* stdout and stderr; valid during the callback; not terminated */
	size_t len;
	char why[96]; /* NET_BROKEN: printable */
};

struct net;
struct net_conf { /* open() copies it, texts included */
	const struct resolver *resolvers;
	size_t nresolvers;	     /* RESOLVERS_MAX at most; 0: those of /etc/resolv.conf */
	const char *ca_file, *proxy; /* empty: the system's; none */
	const char *user_agent;
	struct log log;
	int64_t (*now_ms)(void); /* monotonic; deadlines are of this clock */
};

/* The module's only symbol. No call blocks but turn(). */
struct net_ops {
	const char *version; /* must equal IPREP_VERSION of the library */
	int (*open)(const struct net_conf *conf, struct net **ret_net, struct err *error);
	/* Each callback still owed is made, with NET_TIMEOUT. Returns NULL. */
	struct net *(*close)(struct net *net);
	/* Calls back exactly once, at the latest by deadline_ms, and never from inside this call:
	 * from turn() or close(). tcp: over TCP only. name is copied. */
	void (*dns)(struct net *net, const char *name, int type, bool tcp, int64_t deadline_ms,
		    void (*cb)(void *user, const struct dns_answer *answer), void *user);
	void (*http)(struct net *net, const struct http_request *req, int64_t deadline_ms,
		     void (*cb)(void *user, const struct http_answer *answer), void *user);
	/* One at a time for each fd, which is always the same: another one is NET_BROKEN. */
	void (*run)(struct net *net, int fd, const struct run_request *request, int64_t deadline_ms,
		    void (*cb)(void *user, const struct run_answer *answer), void *user);
	/* True if all resolvers are on this host, so that no other host can forge their answers. */
	bool (*is_local)(const struct net *net);
	/* One round of the loop: waits for events until until_ms at most, handles what came.
	 * Returns how many requests still owe a callback. */
	size_t (*turn)(struct net *net, int64_t until_ms);
};
extern const struct net_ops iprep_net; /* in the module */

/* Load the module once; the table stays valid until the process ends. Errors: _OS. */
int net_load(const struct net_ops **ret_ops, struct err *error);

/* SPDX-License-Identifier: MIT */
/*
 * conf.h - iprep.conf, declared once as data
 *
 * Every key is a row of conf_keys[]: section, name, type, default, bounds, place. Unknown or
 * duplicate key, bad value, overlong line: _CONFIG with file:line, never a guess.
 */
#pragma once
#include "base/addr.h"
#include "base/err.h"
#include "conf/points.h"
#include "conf/resolver.h"
#include "base/types.h"

#define CONF_TEXT_MAX	  256
#define IPV6_PREFIX_MIN	  32
#define TIERS_MAX	  16
#define CONF_GLOBS_MAX	  32
#define SPRAY_USERS_MAX	  64
#define GATE_FAILURES_MAX 64
#define FLEET_HOST_MAX	  65279 /* 254.255: readers expect a first byte of 0 to 254 */
#define CONF_PATH_MAX	  (CONF_TEXT_MAX * 2)
#define CONF_DEFAULT_PATH "/etc/iprep/iprep.conf"

struct conf_tier {
	char name[32];
	int score;
	int64_t bantime_s;
};

enum source_type { SOURCE_DNSBL, SOURCE_FEED, SOURCE_ABUSEIPDB };
enum feed_format { FEED_PLAIN, FEED_IPSUM, FEED_DROP_JSON, FEED_ABUSEIPDB };
struct conf_source { /* [dnsbl X] and [feed X] in file order, then AbuseIPDB, if on */
	enum source_type type;
	char name[48];
	bool enabled;
	bool test_entry;	      /* DNSBL: it lists 127.0.0.2, as RFC 5782 wants it */
	bool is_fleet;		      /* DNSBL: it is conf->fleet_list */
	bool costs;		      /* quota: asked last, never for --file */
	char zone[CONF_TEXT_MAX];     /* DNSBL; as written, a key only as %{key:FILE} */
	char key_file[CONF_TEXT_MAX]; /* of %{key:FILE}; empty: none */
	char *asked_zone;	      /* with the key; NULL: as zone. Wiped by conf_free() */
	bool no_key;		      /* its key cannot be read: not asked */
	/* [feed X]: one of url and file; the other is empty */
	char url[CONF_TEXT_MAX], file[CONF_TEXT_MAX];
	enum feed_format format;
	int64_t every_s, keep_s;
	struct pattern points;
	int least, most; /* points_range() */
};
/* An entry of [allow]: networks first, by address; then host names and SPF domains, by name. */
struct conf_allow {
	enum allow_kind { ALLOW_NET, ALLOW_HOST, ALLOW_SPF } kind;
	struct prefix net; /* ALLOW_NET */
	int outer;	   /* ALLOW_NET: row of the smallest network around it; -1: none */
	char *name;	   /* the others: lower case, without a dot at its end */
	int64_t until;	   /* Unix seconds, the end of that day in UTC; 0: forever */
	char *why;	   /* the comment; NULL: none */
	const char *file;  /* NULL: of [allow] addresses or spf */
	int line;
};
enum check_policy { CHECK_UNDECIDED, CHECK_ALWAYS, CHECK_NEVER };
enum confirm_tcp { CONFIRM_AUTO, CONFIRM_YES, CONFIRM_NO };
enum worker_start { WORKER_SPAWN, WORKER_NONE };
enum digest { DIGEST_NEVER, DIGEST_DAILY, DIGEST_WEEKLY };

struct conf {
	/* [general] */
	char state[CONF_TEXT_MAX], verdict_log[CONF_TEXT_MAX];
	int timeout_ms, ipv6_prefix;
	/* [tier X], by score, lowest first */
	size_t ntiers;
	struct conf_tier tiers[TIERS_MAX];
	/* [dns] */
	size_t nresolvers; /* 0: those of /etc/resolv.conf */
	struct resolver resolvers[RESOLVERS_MAX];
	int64_t cache_min_s, cache_max_s, health_s;
	enum confirm_tcp confirm_tcp;
	/* [dnsbl X] that are enabled, and AbuseIPDB last unless it is off */
	size_t nsources;
	struct conf_source *sources;
	/* [abuseipdb]; abuseipdb is its row in sources, -1 while there is no key file */
	int abuseipdb;
	char api_url[CONF_TEXT_MAX], key_file[CONF_TEXT_MAX], ca_file[CONF_TEXT_MAX],
		proxy[CONF_TEXT_MAX];
	struct pattern api_points;
	int max_age_days;
	int64_t api_cache_s;
	enum check_policy check;
	/* [report] */
	char categories[CONF_TEXT_MAX];
	int64_t report_interval_s, report_window_s;
	int min_users; /* fewer different names within the window: no report; 0: any */
	char comment[CONF_TEXT_MAX];
	size_t nskip_jails;
	char skip_jails[CONF_GLOBS_MAX][JAIL_MAX]; /* fnmatch(3) patterns */
	/* [spray], [login] */
	int spray_users;
	int64_t spray_window_s, login_window_s;
	/* [gate] */
	int gate_failures; /* number of ambiguous lines within the window that earns a lookup */
	int64_t gate_window_s;
	/* [allow] */
	size_t nallow, nallow_nets; /* all; those of kind ALLOW_NET, which come first */
	struct conf_allow *allow;
	char allow_files[CONF_TEXT_MAX]; /* patterns, separated by blanks */
	size_t nallow_paths;
	char **allow_paths; /* the files that were read */
	/* [worker] */
	enum worker_start start;
	int64_t linger_s;
	int max_new_blocks;
	int64_t max_blocks_s;
	/* [fleet] */
	char fleet_zone[CONF_TEXT_MAX]; /* lower case, without a dot at its end; empty: off */
	struct resolver fleet_server;	/* the primary */
	char fleet_key_file[CONF_TEXT_MAX];
	int fleet_host;
	int64_t fleet_ttl_s;
	int fleet_list; /* row in sources: of this zone, else named "fleet"; -1: none */
	/* [notify] */
	char notify_command[CONF_TEXT_MAX]; /* run by sh; empty: sendmail */
	enum digest digest;
	/* [retention] */
	int64_t keep_findings_s, keep_reports_s, keep_released_s, keep_counters_s;
};

/* Read path and its .local; owner and mode are checked. Errors: _CONFIG, _PERM, _NOMEM.
 * ret_conf is never changed on failure. A default path may be missing. */
int conf_load(const char *path, bool may_be_missing, struct conf **ret_conf, struct err *error);
/* iprep.conf -> iprep.local; another name gets .local at its end. */
void conf_local_path(const char *path, char dst[CONF_PATH_MAX]);
/* Differs if a file changed that conf was read from, if one was added to the directories of [allow]
 * files, or if the key of AbuseIPDB came or went. */
uint64_t conf_stamp(const struct conf *conf, const char *path);
/* The defaults alone. */
int conf_new(struct conf **ret_conf);
struct conf *conf_free(struct conf *conf);

/* Put the key into the zone of a list that has a key file. Errors: _CONFIG (no label), _NOMEM. */
int conf_zone_key(struct conf_source *source, const char *key, struct err *error);
/* AbuseIPDB becomes the last source (conf->abuseipdb), if it is not yet one. */
int conf_enable_abuseipdb(struct conf *conf);
/* Undoes it: there is no key any more. */
void conf_disable_abuseipdb(struct conf *conf);
/* True if an enabled source can give positive points. */
bool conf_gives_points(const struct conf *conf);
/* Row in tiers of that name; -1: none (any more). */
int conf_tier_row(const struct conf *conf, const char *name);
bool conf_allow_is_over(const struct conf_allow *entry, int64_t now);
/* The network of [allow] that has the address, and one that begins within the prefix; NULL: none.
 * An entry whose time is over (now: Unix seconds) does not count. */
const struct conf_allow *conf_allowed(const struct conf *conf, const struct addr *addr,
				      int64_t now);
const struct conf_allow *conf_allowed_inside(const struct conf *conf, const struct prefix *prefix,
					     int64_t now);
bool conf_skips_jail(const struct conf *conf, const char *jail);

/* "never", "daily", "weekly". */
const char *conf_digest_name(enum digest digest);
/* What is wrong with the template of a comment, as a sentence's end; NULL: nothing. */
const char *conf_template_wrong(const char *text);
/* "90", "15m", "1d", "52w", "1h30m" as fail2ban has them; whole seconds. */
bool duration_parse(const char *text, int64_t max_s, int64_t *ret_s);
/* As people write it there: "90s", "15m", "1h", "14d", "0". Returns dst. */
#define DURATION_TEXT_MAX 24
const char *duration_text(int64_t seconds, char dst[DURATION_TEXT_MAX]);

/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the table of keys and how each type of value is read
 *
 * A parser reports what is wrong with a value; read.c adds file, line, section, key and value.
 */
#include "conf/keys.h"
#include "base/buf.h"
#include "conf/allow.h"
#include "conf/categories.h"
#include "base/parse.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define YEAR_S (366 * 86400LL)
/* Ten years with their leap days: a block that ends later is not believed. */
#define BAN_MAX_S  (3653 * 86400LL)
#define INT_VALUES 1000000

bool key_error(struct err *error, const char *what)
{
	err_set(error, IPREP_E_CONFIG, "%s", what);
	return false;
}

static bool p_int(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	int64_t number;

	if (!int_parse(text, key->min, key->max, &number)) {
		err_set(error, IPREP_E_CONFIG, "expected a whole number from %lld to %lld",
			(long long)key->min, (long long)key->max);
		return false;
	}
	*(int *)dst = (int)number;
	return true;
}

static bool p_duration(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
	int64_t seconds;

	if (!duration_parse(text, key->max, &seconds) || seconds < key->min) {
		err_set(error, IPREP_E_CONFIG,
			"expected a duration such as 90, 15m, 1d, 52w, from %s to %s",
			duration_text(key->min, least), duration_text(key->max, most));
		return false;
	}
	*(int64_t *)dst = seconds;
	return true;
}

static bool p_yes(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	(void)key;
	if (strcasecmp(text, "yes") && strcasecmp(text, "no"))
		return key_error(error, "expected yes or no");
	*(bool *)dst = !strcasecmp(text, "yes");
	return true;
}

/* The next word of a list at *at, which then points behind it. False: none, or no room for it. */
static bool next_word(const char **at, char *dst, size_t room)
{
	size_t len;

	*at += strspn(*at, ", \t");
	len = strcspn(*at, ", \t");
	if (!len || len >= room)
		return false;
	snprintf(dst, room, "%.*s", (int)len, *at);
	*at += len;
	return true;
}

bool key_copy(char dst[CONF_TEXT_MAX], const char *text, struct err *error)
{
	if (strlen(text) >= CONF_TEXT_MAX)
		return key_error(error, "too long");
	memcpy(dst, text, strlen(text) + 1);
	return true;
}

static bool p_path(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	bool may_be_empty = key->min == 0;

	if (*text != '/' && (*text || !may_be_empty))
		return key_error(error, "expected an absolute path");
	if (*text && text[strlen(text) - 1] == '/')
		return key_error(error, "expected a file, not a directory");
	return key_copy(dst, text, error);
}

static bool zone_name(const char *text, struct err *error)
{
	size_t len = strlen(text), label = 0;

	if (!len || len > 253 - 64) /* 32 nibbles and their dots go before it */
		return key_error(error, "expected a zone name of 1 to 189 characters");
	for (size_t i = 0; i < len; i++) {
		label = text[i] == '.' ? 0 : label + 1;
		if ((text[i] == '.' && (!i || text[i - 1] == '.')) || label > 63)
			return key_error(error, "not a zone name: empty or overlong label");
		if (!isalnum((unsigned char)text[i]) && !strchr(".-_", text[i]))
			return key_error(error,
					 "not a zone name: only letters, digits, '.', '-', '_'");
	}
	return true;
}

/* A zone may hold one key as a label of its own, "%{key:/etc/iprep/dqs.key}.zen.dq.spamhaus.net".
 */
static bool p_zone(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	struct conf_source *source = (struct conf_source *)(void *)((char *)dst - key->offset);
	const char *from = strstr(text, "%{"), *to;
	char plain[CONF_TEXT_MAX];

	if (!key_copy(source->zone, text, error))
		return false;
	source->key_file[0] = '\0';
	if (!from)
		return zone_name(text, error);
	to = strchr(from, '}');
	if (strncmp(from, "%{key:/", 7) || !to || to == from + 7)
		return key_error(error, "knows only %{key:/absolute/path}");
	for (const char *pos = from; pos < to; pos++)
		if (*pos <= ' ' || *pos > '~' || *pos == '"')
			return key_error(error, "the key's path may hold printable ASCII only");
	if ((from > text && from[-1] != '.') || to[1] != '.')
		return key_error(error, "the key must be a label of its own, with dots around it");
	snprintf(source->key_file, sizeof(source->key_file), "%.*s", (int)(to - from - 6),
		 from + 6);
	snprintf(plain, sizeof(plain), "%.*sk%s", (int)(from - text), text, to + 1);
	return zone_name(plain, error);
}

static bool p_points(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	return points_parse(text, (int)key->min, dst, error) == 0;
}

static bool p_resolvers(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	static const char expected[] = "expected addresses such as 127.0.0.1:5353, [::1]:53";
	struct conf *conf = (struct conf *)(void *)((char *)dst - key->offset);
	char one[ADDR_TEXT_MAX];

	conf->nresolvers = 0;
	while (next_word(&text, one, sizeof(one))) {
		if (conf->nresolvers == RESOLVERS_MAX)
			return key_error(error, "more than 8 resolvers");
		if (!resolver_parse(one, &conf->resolvers[conf->nresolvers++]))
			return key_error(error, expected);
	}
	return !*text || key_error(error, expected);
}

/* The row of text in names; -1: none. */
static int name_row(const char *const *names, int count, const char *text)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(text, names[i]))
			return i;
	return -1;
}

static bool p_check(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	static const char *const names[] = { "undecided", "always", "never" };
	int row = name_row(names, 3, text);

	(void)key;
	if (row < 0)
		return key_error(error, "expected undecided, always or never");
	*(enum check_policy *)dst = (enum check_policy)row;
	return true;
}

static bool p_confirm(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	static const char *const names[] = { "auto", "yes", "no" };
	int row = name_row(names, 3, text);

	(void)key;
	if (row < 0)
		return key_error(error, "expected auto, yes or no");
	*(enum confirm_tcp *)dst = (enum confirm_tcp)row;
	return true;
}

static bool p_start(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	(void)key;
	if (strcmp(text, "spawn") && strcmp(text, "none"))
		return key_error(error, "expected spawn or none");
	*(enum worker_start *)dst = *text == 's' ? WORKER_SPAWN : WORKER_NONE;
	return true;
}

static const char *const digests[] = {
	[DIGEST_NEVER] = "never", [DIGEST_DAILY] = "daily", [DIGEST_WEEKLY] = "weekly"
};

const char *conf_digest_name(enum digest digest)
{
	return digests[digest];
}

static bool p_digest(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	int row = name_row(digests, 3, text);

	(void)key;
	if (row < 0)
		return key_error(error, "expected never, daily or weekly");
	*(enum digest *)dst = (enum digest)row;
	return true;
}

/* sh runs it, for root: what it may hold is what a person can read in a file. */
static bool p_command(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	(void)key;
	for (const char *pos = text; *pos; pos++)
		if ((*pos < ' ' && *pos != '\t') || *pos > '~')
			return key_error(error, "a command may hold printable ASCII only");
	return key_copy(dst, text, error);
}

static bool p_rate(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	struct conf *conf = (struct conf *)(void *)((char *)dst - key->offset);
	const char *slash = strchr(text, '/');
	char number[24];
	int64_t n, seconds;

	if (!slash || slash - text >= (int)sizeof(number))
		return key_error(error, "expected a rate such as 2000/1h");
	snprintf(number, sizeof(number), "%.*s", (int)(slash - text), text);
	if (!int_parse(number, key->min, key->max, &n) ||
	    !duration_parse(slash + 1, YEAR_S, &seconds) || !seconds)
		return key_error(error, "expected a rate such as 2000/1h");
	conf->max_new_blocks = (int)n;
	conf->max_blocks_s = seconds;
	return true;
}

static bool p_categories(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	char numbers[CONF_TEXT_MAX];

	(void)key;
	if (categories_parse(text, numbers, NULL))
		return key_error(error,
				 "expected AbuseIPDB categories such as 18,22 or ssh,brute-force");
	return key_copy(dst, numbers, error);
}

static bool p_comment(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	const char *what = conf_template_wrong(text);

	(void)key;
	if (what)
		return key_error(error, what);
	return key_copy(dst, text, error);
}

static bool p_globs(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	struct conf *conf = (struct conf *)(void *)((char *)dst - key->offset);
	char jail[JAIL_MAX];

	conf->nskip_jails = 0;
	while (next_word(&text, jail, sizeof(jail))) {
		if (conf->nskip_jails == CONF_GLOBS_MAX)
			return key_error(error, "more than 32 names");
		memcpy(conf->skip_jails[conf->nskip_jails++], jail, strlen(jail) + 1);
	}
	return !*text || key_error(error, "a name has more than 63 bytes");
}

static bool p_format(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	static const char *const names[] = { "plain", "ipsum", "drop-json", "abuseipdb" };
	int row = name_row(names, 4, text);

	(void)key;
	if (row < 0)
		return key_error(error, "expected plain, ipsum, drop-json or abuseipdb");
	*(enum feed_format *)dst = (enum feed_format)row;
	return true;
}

/* A feed accuses: it cannot be an allowlist, whose terms of trust are others. */
static bool p_feed_points(const struct conf_key *key, const char *text, void *dst,
			  struct err *error)
{
	struct pattern pattern;

	if (!p_points(key, text, &pattern, error))
		return false;
	for (size_t i = 0; i < pattern.nentries; i++)
		if (pattern.entries[i].points <= 0)
			return key_error(error, "expected points of 1 or more, such as *2");
	*(struct pattern *)dst = pattern;
	return true;
}

/* The default is none. */
static bool p_fleet_zone(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	char zone[CONF_TEXT_MAX];
	size_t len;

	(void)key;
	if (!key_copy(zone, text, error) || (*zone && !zone_name(zone, error)))
		return false;
	len = strlen(zone);
	if (len && zone[len - 1] == '.')
		zone[--len] = '\0';
	for (size_t i = 0; i < len; i++)
		zone[i] = (char)tolower((unsigned char)zone[i]);
	memcpy(dst, zone, len + 1);
	return true;
}

/* The default is none. */
static bool p_fleet_server(const struct conf_key *key, const char *text, void *dst,
			   struct err *error)
{
	(void)key;
	if (!*text)
		return true;
	return resolver_parse(text, dst) ||
	       key_error(error, "expected an address such as 192.0.2.53, 192.0.2.53:5353 or "
				"[2001:db8::53]:53");
}

/* The default is none. */
static bool p_fleet_host(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	if (*text)
		return p_int(key, text, dst, error);
	*(int *)dst = 0;
	return true;
}

/* One row per line. */
/* clang-format off */
#define CONF(section, name, text, parse, min, max, member) \
	{ { section, name, text }, parse, min, max, offsetof(struct conf, member), false }
#define TIER(name, parse, min, max, member) \
	{ { "tier", name, NULL }, parse, min, max, offsetof(struct conf_tier, member), true }
#define LIST(name, text, parse, min, max, member, required) \
	{ { "dnsbl", name, text }, parse, min, max, offsetof(struct conf_source, member), required }
#define FEED(name, text, parse, min, max, member, required) \
	{ { "feed", name, text }, parse, min, max, offsetof(struct conf_source, member), required }

const struct conf_key conf_keys[] = {
	CONF("general", "state", "/var/lib/iprep/iprep.db", p_path, 1, 0, state),
	CONF("general", "verdict_log", "/var/log/iprep/verdict.log", p_path, 1, 0, verdict_log),
	CONF("general", "timeout_ms", "5000", p_int, 100, 60000, timeout_ms),
	CONF("general", "ipv6_prefix", "128", p_int, IPV6_PREFIX_MIN, 128, ipv6_prefix),
	TIER("threshold", p_int, 1, 1000, score),
	TIER("bantime", p_duration, 60, BAN_MAX_S, bantime_s),
	CONF("dns", "resolvers", "", p_resolvers, 0, 0, resolvers),
	CONF("dns", "cache_min", "60", p_duration, 1, 86400, cache_min_s),
	CONF("dns", "cache_max", "1h", p_duration, 1, 7 * 86400, cache_max_s),
	CONF("dns", "health_interval", "1h", p_duration, 60, 7 * 86400, health_s),
	CONF("dns", "confirm_tcp", "auto", p_confirm, 0, 0, confirm_tcp),
	LIST("zone", NULL, p_zone, 0, 0, zone, true),
	LIST("points", NULL, p_points, 4, 0, points, true),
	LIST("enabled", "yes", p_yes, 0, 0, enabled, false),
	LIST("test_entry", "yes", p_yes, 0, 0, test_entry, false),
	FEED("url", "", p_feed_url, 0, 0, url, false),
	FEED("file", "", p_path, 0, 0, file, false),
	FEED("format", "plain", p_format, 0, 0, format, false),
	FEED("points", NULL, p_feed_points, 1, 0, points, true),
	FEED("every", "6h", p_duration, 900, 30 * 86400, every_s, false),
	FEED("keep", "0", p_duration, 0, 90 * 86400, keep_s, false),
	FEED("enabled", "no", p_yes, 0, 0, enabled, false),
	CONF("abuseipdb", "url", "https://api.abuseipdb.com/api/v2", p_url, 0, 0, api_url),
	CONF("abuseipdb", "key_file", "/etc/iprep/abuseipdb.key", p_path, 0, 0, key_file),
	CONF("abuseipdb", "points", "[90..99]*3 100*10", p_points, 1, 0, api_points),
	CONF("abuseipdb", "max_age_days", "30", p_int, 1, 365, max_age_days),
	CONF("abuseipdb", "cache", "6h", p_duration, 60, 7 * 86400, api_cache_s),
	CONF("abuseipdb", "check", "undecided", p_check, 0, 0, check),
	CONF("abuseipdb", "ca_file", "", p_path, 0, 0, ca_file),
	CONF("abuseipdb", "proxy", "", p_proxy, 0, 0, proxy),
	CONF("report", "categories", "18", p_categories, 0, 0, categories),
	CONF("report", "interval", "1d", p_duration, 900, YEAR_S, report_interval_s),
	CONF("report", "min_users", "0", p_int, 0, SPRAY_USERS_MAX, min_users),
	CONF("report", "window", "1d", p_duration, 60, 30 * 86400, report_window_s),
	CONF("report", "comment", "Brute force on %{jail}: %{failures} failures, "
	     "%{users} user names in %{window}", p_comment, 0, 0, comment),
	CONF("report", "skip_jails", "rep-confirmed rep-notorious rep-login "
	     "rep-*-ambiguous recidive", p_globs, 0, 0, skip_jails),
	CONF("spray", "users", "3", p_int, 2, SPRAY_USERS_MAX, spray_users),
	CONF("spray", "window", "1d", p_duration, 60, 30 * 86400, spray_window_s),
	CONF("gate", "failures", "1", p_int, 1, GATE_FAILURES_MAX, gate_failures),
	CONF("gate", "window", "1d", p_duration, 60, 30 * 86400, gate_window_s),
	CONF("login", "window", "30d", p_duration, 60, YEAR_S, login_window_s),
	CONF("allow", "addresses", "", p_allow_addresses, 0, 0, allow),
	CONF("allow", "files", "/etc/iprep/allow.d/*.list", p_allow_files, 0, 0, allow_files),
	CONF("allow", "spf", "", p_allow_spf, 0, 0, allow),
	CONF("worker", "start", "spawn", p_start, 0, 0, start),
	CONF("worker", "linger", "5", p_duration, 0, 300, linger_s),
	CONF("worker", "max_new_blocks", "2000/1h", p_rate, 1, INT_VALUES, max_new_blocks),
	CONF("fleet", "zone", "", p_fleet_zone, 0, 0, fleet_zone),
	CONF("fleet", "server", "", p_fleet_server, 0, 0, fleet_server),
	CONF("fleet", "key_file", "", p_path, 0, 0, fleet_key_file),
	CONF("fleet", "host", "", p_fleet_host, 1, FLEET_HOST_MAX, fleet_host),
	CONF("fleet", "ttl", "5m", p_duration, 60, 86400, fleet_ttl_s),
	CONF("notify", "command", "", p_command, 0, 0, notify_command),
	CONF("notify", "digest", "weekly", p_digest, 0, 0, digest),
	CONF("retention", "findings", "7d", p_duration, 3600, YEAR_S, keep_findings_s),
	CONF("retention", "reports", "60d", p_duration, 86400, YEAR_S, keep_reports_s),
	CONF("retention", "released", "7d", p_duration, 3600, YEAR_S, keep_released_s),
	CONF("retention", "counters", "400d", p_duration, 86400, 10 * YEAR_S, keep_counters_s),
};
/* clang-format on */
const size_t conf_nkeys = sizeof(conf_keys) / sizeof(conf_keys[0]);

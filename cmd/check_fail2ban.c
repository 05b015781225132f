/* SPDX-License-Identifier: MIT */
#include "check_fail2ban.h"
#include "f2b_unit.h"
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JAILS_MAX 10000
#define UNKNOWN_S (-2)                     /* a bantime that only Python understands */

struct jail {
	char name[64], tiers[256];         /* tiers: the expression of rep-verdict, empty if it reads another log */
	char category[256];
	char missing[64];                  /* the firewall's program, where it is not installed */
	int64_t bantime_s;                 /* -1: for ever */
	bool has_log, reads_log, gated, reports, no_prefixes;
};
struct model {
	const struct iprep_settings *settings;
	struct jail *jails;
	size_t njails, room;
	f2b_row *row;
	void *user;
	bool wrong, skips;                 /* skips: fail2ban does without a jail, and has said why */
};

__attribute__((format(printf, 4, 5)))
static void say(struct model *m, const char *what, enum f2b_state state, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (char *p = why; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	m->wrong |= state == F2B_WRONG;
	m->row(m->user, what, state, why);
}

/* ---- what the lines say ---- */

static struct jail *jail_of(struct model *m, const char *name)
{
	for (size_t i = 0; i < m->njails; i++)
		if (!strcmp(m->jails[i].name, name))
			return &m->jails[i];
	if (m->njails == JAILS_MAX || !*name || strlen(name) >= sizeof(m->jails[0].name))
		return NULL;
	if (m->njails == m->room) {
		struct jail *more = realloc(m->jails, (m->room + 64) * sizeof(*more));

		if (!more)
			return NULL;
		m->jails = more;
		m->room += 64;
	}
	m->jails[m->njails] = (struct jail){ 0 };
	snprintf(m->jails[m->njails].name, sizeof(m->jails[0].name), "%s", name);
	return &m->jails[m->njails++];
}

/* rep-verdict.conf: "... verdict=confirmed ... tier=<F-TIER>EXPRESSION</F-TIER>..." */
static void note_regex(struct jail *j, const char *regex)
{
	const char *tier = strstr(regex, "tier=<F-TIER>"), *end;

	if (!strstr(regex, "verdict=confirmed") || !tier)
		return;
	tier += strlen("tier=<F-TIER>");
	end = strstr(tier, "</F-TIER>");
	if (end)
		snprintf(j->tiers, sizeof(j->tiers), "%.*s", (int)(end - tier), tier);
}

/* As fail2ban's shell would find it. A name that another tag makes cannot be told: taken for good. */
static bool is_installed(const char *program)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	char path[128];

	if (!*program || strchr(program, '<'))
		return true;
	if (*program == '/')
		return !access(program, X_OK);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

/* Stock actions name it in a tag of their own, options behind it. fail2ban says "banned" without it, too. */
static void note_firewall(struct jail *j, const char *command)
{
	char program[sizeof(j->missing)];

	snprintf(program, sizeof(program), "%.*s", (int)strcspn(command, " \t\n"), command);
	if (!is_installed(program))
		snprintf(j->missing, sizeof(j->missing), "%s", program);
}

/* Stock sets of nft and ipset refuse a prefix, and fail2ban says "banned" all the same. */
static void note_action(struct jail *j, const struct f2b_value *pairs)
{
	bool set = false, interval = false;

	for (const struct f2b_value *p = pairs->items; p; p = p->next) {
		const char *name = f2b_text(p, 0), *value = f2b_text(p, 1);

		set |= strstr(value, "add set") || strstr(value, "hash:ip");
		interval |= strstr(value, "interval") != NULL;
		if (!strcmp(name, "actionban"))
			j->reports |= strstr(value, "rep-report") != NULL;
		if (!strcmp(name, "iptables") || !strcmp(name, "nftables"))
			note_firewall(j, value);
		if (!strcmp(name, "category"))
			snprintf(j->category, sizeof(j->category), "%s", value);
	}
	j->no_prefixes |= set && !interval;
}

static void note_set(struct model *m, struct jail *j, const struct f2b_value *list)
{
	const char *key = f2b_text(list, 2), *value = f2b_text(list, 3);

	if (!strcmp(key, "bantime") && iprep_parse_duration(value, &j->bantime_s))
		j->bantime_s = !strcmp(value, "-1") ? -1 : UNKNOWN_S;
	else if (!strcmp(key, "ignorecommand"))
		j->gated = strstr(value, "--gate") != NULL;
	else if (!strcmp(key, "addfailregex") && *value)
		note_regex(j, value);
	if (strcmp(key, "addlogpath"))
		return;
	j->has_log = true;
	j->reads_log |= !strcmp(value, m->settings->verdict_log);
}

static void on_line(void *user, const struct f2b_value *list)
{
	const char *verb = f2b_text(list, 0), *key = f2b_text(list, 2);
	struct model *m = user;
	struct jail *j;

	if (!strcmp(verb, "config-error")) {
		m->skips = true;
		say(m, "fail2ban", F2B_WRONG, "%s", f2b_text(list, 1));
	}
	if (strcmp(verb, "set") && strcmp(verb, "multi-set"))
		return;
	j = jail_of(m, f2b_text(list, 1));
	if (!j)
		return;
	if (!strcmp(verb, "set"))
		note_set(m, j, list);
	else if (!strcmp(key, "action") && f2b_item(list, 4))
		note_action(j, f2b_item(list, 4));
	else if (!strcmp(key, "addfailregex") && f2b_item(list, 3))
		for (const struct f2b_value *v = f2b_item(list, 3)->items; v; v = v->next)
			note_regex(j, v->text ? v->text : "");
}

/* ---- what they come to ---- */

/* Python's expression as one of POSIX: the classes that a tier's name can need. */
static bool translate(const char *python, char *dst, size_t room)
{
	bool in_class = false;
	size_t n = (size_t)snprintf(dst, room, "^(");

	for (const char *p = python; *p; p++) {
		char one[2] = { *p, '\0' };
		const char *put = one;

		in_class = *p == '[' ? true : *p == ']' ? false : in_class;
		if (p[0] == '\\' && (p[1] == 'w' || p[1] == 'd')) {
			p++;
			put = *p == 'w' ? (in_class ? "[:alnum:]_" : "[[:alnum:]_]") : in_class ? "0-9" : "[0-9]";
		} else if (!strncmp(p, "(?:", 3)) {
			p += 2;
			put = "(";
		}
		n += (size_t)snprintf(dst + n, room - n, "%s", put);
		if (n >= room)
			return false;
	}
	n += (size_t)snprintf(dst + n, room - n, ")$");
	return n < room;
}

static bool jail_reads(const struct jail *j, const char *tier)
{
	char posix[1024];
	regex_t re;
	bool does;

	if (!j->reads_log || !*j->tiers || !translate(j->tiers, posix, sizeof(posix)) ||
	    regcomp(&re, posix, REG_EXTENDED | REG_NOSUB))
		return false;
	does = !regexec(&re, tier, 0, NULL, 0);
	regfree(&re);
	return does;
}

static const char *span(int64_t s, char dst[32])
{
	if (s == UNKNOWN_S)
		snprintf(dst, 32, "a time not understood here");
	else if (s < 0)
		snprintf(dst, 32, "for ever");
	else if (s % 86400)
		snprintf(dst, 32, "%lld s", (long long)s);
	else
		snprintf(dst, 32, "%lld d", (long long)(s / 86400));
	return dst;
}

/* A jail that reads this tier and not the lowest one, too. */
static bool has_jail_of_its_own(const struct model *m, const struct iprep_tier *t)
{
	const char *lowest = m->settings->tiers[0]->name;

	if (!strcmp(t->name, lowest))
		return true;
	for (size_t i = 0; i < m->njails; i++)
		if (jail_reads(&m->jails[i], t->name) && !jail_reads(&m->jails[i], lowest))
			return true;
	return false;
}

/* Of several jails that read a tier, the longest ban is the one that matters. */
static void judge_tier(struct model *m, const struct iprep_tier *t)
{
	const struct jail *best = NULL;
	char what[80], jail[32], tier[32];

	snprintf(what, sizeof(what), "tier %s", t->name);
	for (size_t i = 0; i < m->njails; i++) {
		const struct jail *j = &m->jails[i];

		if (!jail_reads(j, t->name))
			continue;
		if (!best || (best->bantime_s >= 0 && (j->bantime_s < 0 || j->bantime_s > best->bantime_s)))
			best = j;
	}
	if (!best)
		say(m, what, F2B_OFF, "no enabled jail reads %s for it: its blocks stay known to iprep only",
		    m->settings->verdict_log);
	else if (best->bantime_s != t->bantime_s)
		say(m, what, F2B_DIFFERS, "jail %s bans %s, the block lasts %s: %s",
		    best->name, span(best->bantime_s, jail), span(t->bantime_s, tier),
		    best->bantime_s < 0 || best->bantime_s > t->bantime_s || has_jail_of_its_own(m, t) ?
		    "set the same bantime in both" : "enable a jail for this tier alone, as rep-notorious is");
	else
		say(m, what, F2B_GOOD, "jail %s bans for %s", best->name, span(t->bantime_s, tier));
}

static bool reads_any(const struct model *m, const struct jail *j)
{
	for (size_t i = 0; i < m->settings->ntiers; i++)
		if (jail_reads(j, m->settings->tiers[i]->name))
			return true;
	return false;
}

static void judge_category(struct model *m, const struct cli *cli, const struct jail *j, const char *what)
{
	const struct iprep_report r = { .address = "192.0.2.1", .categories = j->category, .check_only = 1 };

	if (iprep_enqueue(cli->ctx, &r, NULL, &(bool){ false }) == IPREP_OK)
		say(m, what, F2B_GOOD, "reports%s%s", *j->category ? " as " : "", j->category);
	else
		say(m, what, F2B_WRONG, "action iprep: %s", iprep_errmsg(cli->ctx));
}

static void judge_jail(struct model *m, const struct cli *cli, const struct jail *j)
{
	const struct iprep_settings *s = m->settings;
	char what[80], jail[32], tier[32];

	snprintf(what, sizeof(what), "jail %s", j->name);
	if (j->reports)
		judge_category(m, cli, j, what);
	if (*j->tiers && !j->has_log)
		say(m, what, F2B_WRONG, "its log file is missing: fail2ban does not start with it (is it %s?)",
		    s->verdict_log);
	else if (*j->tiers && !j->reads_log)
		say(m, what, F2B_WRONG, "its filter is for verdicts, and it does not read %s", s->verdict_log);
	else if (j->reads_log && !reads_any(m, j))
		say(m, what, F2B_WRONG, "tier=%s is no tier of iprep.conf: it will ban nobody", j->tiers);
	if (j->reads_log && j->no_prefixes && s->ipv6_prefix < 128)
		say(m, what, F2B_WRONG, "its sets refuse prefixes, and [general] ipv6_prefix is %d: "
		    "banaction = iprep-nftables", s->ipv6_prefix);
	if (*j->missing && (j->reads_log || j->reports || j->gated))
		say(m, what, F2B_WRONG, "it bans nobody: %s is not installed: install it, or set another banaction",
		    j->missing);
	if (j->gated && s->ntiers && (j->bantime_s < 0 || j->bantime_s > s->tiers[0]->bantime_s))
		say(m, what, F2B_DIFFERS, "it bans %s, the block of a suspicious address lasts %s",
		    span(j->bantime_s, jail), span(s->tiers[0]->bantime_s, tier));
	else if (j->gated)
		say(m, what, F2B_GOOD, "its lines count for blocked addresses only");
}

static void judge(struct model *m, const struct cli *cli, int status, const char *error)
{
	if (status == 127) {
		say(m, "fail2ban", F2B_OFF, "not installed: nobody acts on verdicts");
	} else if (status && !m->skips) {
		say(m, "fail2ban", F2B_WRONG, "fail2ban-client -d failed (status %d): %s", status,
		    status < 0 ? "too slow, or too much" : *error ? error : "it says nothing");
	} else if (!status) {
		for (size_t i = 0; i < m->settings->ntiers; i++)
			judge_tier(m, m->settings->tiers[i]);
		for (size_t i = 0; i < m->njails; i++)
			judge_jail(m, cli, &m->jails[i]);
	}
}

bool check_fail2ban(const struct cli *cli, struct f2b_dump *dump, f2b_row *row, void *user)
{
	struct model *m = calloc(1, sizeof(*m));
	char error[300];
	bool good;
	int status;

	if (!m || iprep_settings(cli->ctx, &m->settings)) {
		free(m);
		row(user, "fail2ban", F2B_WRONG, "out of memory");
		return false;
	}
	m->row = row;
	m->user = user;
	status = f2b_dump_read(dump, on_line, m, error, sizeof(error));
	judge(m, cli, status, error);
	if (f2b_unit_see() == F2B_UNIT_MAY_NOT)
		say(m, "fail2ban", F2B_WRONG, "it runs without CAP_SETUID or CAP_SETGID, so every hook fails: "
		    "add both to CapabilityBoundingSet of its unit");
	good = !m->wrong;
	iprep_settings_free(m->settings);
	free(m->jails);
	free(m);
	return good;
}

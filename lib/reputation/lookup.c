/* SPDX-License-Identifier: MIT */
#include "reputation/lookup.h"
#include "base/buf.h"
#include "base/local_addr.h"
#include "reputation/quota.h"
#include "reputation/dnsbl_health_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESERVE_PERCENT 30 /* of the day's checks that gate jobs and re-checks never use */

const char *lookup_guard(const struct conf *conf, const struct addr *a, bool hook)
{
	const char *special = addr_special(a);

	if (special)
		return special;
	if (conf_allowed(conf, a))
		return "allowed by [allow] addresses";
	if (!hook && local_addr_has(a))
		return "an address of this host";
	return NULL;
}

static int note_own_report(const struct session *session, struct lookup *l)
{
	struct report_job last;
	int r = store_report_last(session->store, &l->task.addr, &last);

	l->task.reported = r > 0 && (last.state == REPORT_SENDING || last.state == REPORT_DONE ||
				     last.state == REPORT_UNKNOWN);
	return r < 0 ? r : 0;
}

int lookup_note_login(const struct session *session, struct lookup *l)
{
	int r = store_login_at(session->store, &l->key, &l->login_at);

	if (l->login_at < clock_now_s(&session->clock) - session->conf->login_window_s)
		l->login_at = 0;
	return r;
}

static int read_known(const struct session *session, struct lookup *l)
{
	int r = store_pardoned(session->store, &l->key);

	if (r > 0)
		text_put(l->exempt, sizeof(l->exempt), "pardoned");
	if (r >= 0) {
		r = store_block_of(session->store, &l->task.addr, &l->key, &l->block);
		l->blocked = r > 0;
	}
	if (r >= 0)
		r = lookup_note_login(session, l);
	if (r >= 0 && !(l->flags & LOOKUP_FRESH))
		r = store_findings_get(session->store, session->conf, &l->key, l->findings);
	dnsbl_health_mark(session, l->findings);
	return r < 0 ? r : 0;
}

static int read_state(const struct session *session, struct lookup *l, struct err *e)
{
	int r;

	if (!session->store)
		return 0;
	r = dnsbl_health_load(session);
	if (!r && session->conf->abuseipdb >= 0)
		r = note_own_report(session, l);
	if (!r)
		r = store_knows(session->store, &l->key);
	if (!r && memcmp(l->key.b, l->task.addr.b, sizeof(l->key.b)))
		r = store_knows(session->store, &l->task.addr);
	if (r > 0)
		r = read_known(session, l);
	if (r < 0)
		return err_set(e, r, "%s",
			       r == IPREP_E_NOMEM ? "out of memory"
						  : store_err(session->store)->text);
	return 0;
}

/* The score in the answer to a report counts only while a report could bring one. */
static source_set askable(const struct session *session)
{
	source_set all = 0;

	for (size_t i = 0; i < session->conf->nsources; i++)
		if (session->conf->sources[i].type != SOURCE_ABUSEIPDB ||
		    session->conf->check != CHECK_NEVER)
			all |= SOURCE_BIT(i);
	return all;
}

/* --cached: what is not on disk could not be asked, and nobody knows what it would have said. */
static void ask_nobody(const struct session *session, struct lookup *l)
{
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *f = &l->findings[i];

		if (f->status != FINDING_NONE || !(l->may_ask & SOURCE_BIT(i)))
			continue;
		if (session->health && dnsbl_health_is_bad(&session->health->rows[i])) {
			f->status = FINDING_QUARANTINED;
			text_put(f->detail, sizeof(f->detail), session->health->rows[i].z.why);
			continue;
		}
		f->status = FINDING_DENIED;
		text_put(f->detail, sizeof(f->detail), "not in the cache, and nobody was asked");
	}
	l->may_ask = 0;
}

/* --file: 200,000 addresses would use the quota of months up. */
static void leave_out_paid(const struct session *session, struct lookup *l)
{
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *f = &l->findings[i];

		if (!session->conf->sources[i].costs)
			continue;
		l->may_ask &= ~SOURCE_BIT(i);
		if (f->status != FINDING_NONE)
			continue;
		f->status = FINDING_SKIPPED;
		text_put(f->detail, sizeof(f->detail), "not asked: --file");
	}
}

static const char *clock_text(int64_t at, char dst[32])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(dst, 32, "%Y-%m-%d %H:%M UTC", &tm))
		dst[0] = '\0';
	return dst;
}

enum turn { TURN_GO, TURN_WAIT, TURN_NO };

/* May AbuseIPDB be asked now? TURN_NO: dst says why not. */
static enum turn quota_allows(const struct lookup *l, const struct quota *q, char dst[DETAIL_MAX])
{
	char when[32];

	dst[0] = '\0';
	if (q->auth_failed)
		snprintf(dst, DETAIL_MAX, "not asked: the API key was refused");
	else if (q->stopped_until)
		snprintf(dst, DETAIL_MAX, "not asked: stopped until %s",
			 clock_text(q->stopped_until, when));
	else if (q->remaining <= 0)
		snprintf(dst, DETAIL_MAX, "not asked: quota used up until 00:00 UTC");
	else if ((l->origin == AMBIGUOUS || l->flags & LOOKUP_LOW_PRIORITY) &&
		 q->remaining * 100 <= q->limit * RESERVE_PERCENT)
		snprintf(dst, DETAIL_MAX, "not asked: the rest of today's quota is reserved");
	else if (q->first_under_way && !l->task.late)
		return TURN_WAIT;
	else if (q->first_under_way)
		snprintf(dst, DETAIL_MAX,
			 "not asked: the first call of the day, which tells the quota, is "
			 "not answered yet");
	return *dst ? TURN_NO : TURN_GO;
}

#define KEY_WAIT_S 3600 /* for another key */

/* When a check that was not allowed may be; 0: at any time. Only the worker, for sure addresses,
 * waits for it. */
static int64_t opens_at(const struct session *session, const struct quota *q)
{
	int64_t now = clock_now_s(&session->clock);

	if (q->auth_failed)
		return now + KEY_WAIT_S;
	if (q->stopped_until)
		return q->stopped_until;
	return q->remaining <= 0 ? (now / 86400 + 1) * 86400 : 0;
}

/* TURN_GO: the call is counted. The first one of an unknown quota goes alone. */
static enum turn quota_take(const struct session *session, struct lookup *l, char dst[DETAIL_MAX])
{
	enum turn turn = TURN_GO;
	struct quota q;
	int r;

	dst[0] = '\0';
	if (!session->store)
		return TURN_GO;
	r = store_quota_get(session->store, "check", session->auth_mark, &q);
	if (!r) /* without the lock, for those who wait */
		turn = quota_allows(l, &q, dst);
	if (!r && turn == TURN_GO) {
		r = store_begin(session->store, STORE_FAST);
		if (!r)
			r = store_quota_get(session->store, "check", session->auth_mark, &q);
		turn = r ? TURN_NO : quota_allows(l, &q, dst);
		if (turn == TURN_GO)
			r = store_quota_take(session->store, "check", 1);
		r = store_end(session->store, r);
	}
	if (!r && turn == TURN_NO)
		l->ask_again_at = opens_at(session, &q);
	if (!r)
		return turn;
	snprintf(dst, DETAIL_MAX, "not asked: the quota ledger cannot be written");
	return TURN_NO;
}

static void weigh(const struct session *session, struct lookup *l)
{
	verdict_weigh(session->conf, l->findings, l->origin, l->may_ask, &l->verdict);
}

/*
 * A listing that would make a block is asked for again over TCP, unless it came over a path that
 * nobody can forge (DESIGN of the score: iprep.conf(5), confirm_tcp).
 */
static source_set unproven(const struct session *session, struct lookup *l)
{
	source_set again = 0;

	if (l->origin == BY_HAND || l->verdict.kind != V_CONFIRMED)
		return 0;
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *f = &l->findings[i];

		if (session->conf->sources[i].type != SOURCE_DNSBL || f->status != FINDING_OK ||
		    f->points <= 0 || f->trusted || l->task.tcp & SOURCE_BIT(i))
			continue;
		*f = (struct finding){ 0 };
		again |= SOURCE_BIT(i);
	}
	l->task.tcp |= again;
	l->may_ask |= again;
	return again;
}

/* What the verdict wants to ask, less what the quota refuses. */
static source_set next_questions(const struct session *session, struct lookup *l)
{
	int paid = session->conf->abuseipdb;
	char why[DETAIL_MAX];
	struct finding *f;

	weigh(session, l);
	if (!l->verdict.ask)
		return unproven(session, l);
	if (paid < 0 || !(l->verdict.ask & SOURCE_BIT(paid)))
		return l->verdict.ask;
	switch (quota_take(session, l, why)) {
	case TURN_GO:
		l->paying = true;
		return l->verdict.ask;
	case TURN_WAIT:
		return SOURCE_WAIT;
	case TURN_NO:
		break;
	}
	l->may_ask &= ~SOURCE_BIT(paid);
	f = &l->findings[paid];
	if (!f->partial) /* what the report's answer said still holds */
		*f = (struct finding){ .status = FINDING_DENIED };
	f->detail[0] = '\0';
	text_put(f->detail, sizeof(f->detail), why);
	weigh(session, l);
	return l->verdict.ask ? l->verdict.ask : unproven(session, l);
}

int lookup_new(const struct session *session, const struct addr *a, enum origin origin,
	       unsigned flags, struct lookup **ret, struct err *e)
{
	size_t n = session->conf->nsources;
	struct lookup *l = calloc(1, sizeof(*l) + n * sizeof(l->findings[0]));
	const char *guard;
	int r;

	if (!l)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	l->task = (struct task){ .kind = TASK_LOOKUP, .addr = *a, .owner = l };
	l->task.findings = l->findings;
	l->key = addr_key(a, session->conf->ipv6_prefix);
	l->origin = origin;
	l->flags = flags;
	l->verdict.tier = -1;
	guard = lookup_guard(session->conf, a, session->own != NULL);
	if (!guard && session->own && local_addr_list_has(session->own, a))
		guard = "an address of this host";
	if (guard)
		text_put(l->exempt, sizeof(l->exempt), guard);
	r = guard ? 0 : read_state(session, l, e);
	if (r < 0) {
		lookup_free(l);
		return r;
	}
	if (*l->exempt) {
		l->verdict.kind = V_EXEMPT;
	} else {
		l->may_ask = askable(session);
		if (flags & LOOKUP_FREE)
			leave_out_paid(session, l);
		if (flags & LOOKUP_CACHED)
			ask_nobody(session, l);
		l->task.ask = next_questions(session, l);
		if (l->task.ask == SOURCE_WAIT) /* settles at once, and waits there */
			l->task.ask = 0;
	}
	*ret = l;
	return 0;
}

struct lookup *lookup_free(struct lookup *l)
{
	free(l);
	return NULL;
}

/*
 * The check was answered, or was not: then the score of a report's answer is not enough for a
 * block, since only the check knows about whitelist, Tor and age.
 */
static void check_settled(const struct session *session, struct lookup *l)
{
	if (session->store)
		quota_note(session, "check", &l->task.quota);
	if (l->task.quota.auth_failed)
		l->ask_again_at = clock_now_s(&session->clock) + KEY_WAIT_S;
	else if (l->task.quota.stopped_until)
		l->ask_again_at = l->task.quota.stopped_until;
	l->paying = false;
	l->task.quota = (struct quota_seen){ 0 };
}

source_set lookup_settled(const struct session *session, struct lookup *l)
{
	if (l->verdict.kind == V_EXEMPT)
		return 0;
	if (l->paying)
		check_settled(session, l);
	dnsbl_health_keep(session);
	l->may_ask &= ~l->task.asked;
	return next_questions(session, l);
}

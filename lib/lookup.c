/* SPDX-License-Identifier: MIT */
#include "lookup.h"
#include "buf.h"
#include "own.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RESERVE_PERCENT 30                 /* of the day's checks that gate jobs never use */

const char *lookup_guard(const struct conf *conf, const struct addr *a, bool hook)
{
	const char *special = addr_special(a);

	if (special)
		return special;
	if (conf_allowed(conf, a))
		return "allowed by [allow] addresses";
	if (!hook && own_has(a))
		return "an address of this host";
	return NULL;
}

static int read_state(const struct env *env, struct lookup *l, struct err *e)
{
	int r;

	if (!env->store)
		return 0;
	r = store_pardoned(env->store, &l->key);
	if (r > 0)
		text_put(l->exempt, sizeof(l->exempt), "pardoned");
	if (r >= 0) {
		r = store_block_get(env->store, &l->key, &l->block);
		l->blocked = r > 0;
	}
	if (r >= 0 && !(l->flags & LOOKUP_FRESH))
		r = store_findings_get(env->store, env->conf, &l->key, l->findings);
	if (r < 0)
		err_set(e, r, "%s", store_err(env->store)->text);
	return r < 0 ? r : 0;
}

/* The score in the answer to a report counts only while a report could bring one. */
static source_set askable(const struct env *env, const struct lookup *l)
{
	source_set all = 0;

	if (l->flags & LOOKUP_CACHED)
		return 0;
	for (size_t i = 0; i < env->conf->nsources; i++)
		if (env->conf->sources[i].type != SOURCE_ABUSEIPDB || env->conf->check != CHECK_NEVER)
			all |= SOURCE_BIT(i);
	return all;
}

static const char *clock_text(int64_t at, char dst[32])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(dst, 32, "%Y-%m-%d %H:%M UTC", &tm))
		dst[0] = '\0';
	return dst;
}

/* Why AbuseIPDB cannot be asked now, in dst; empty: it can, and the call is counted. */
static int quota_take(const struct env *env, const struct lookup *l, char dst[DETAIL_MAX])
{
	struct quota q;
	char when[32];
	int r;

	dst[0] = '\0';
	if (!env->store)
		return 0;
	r = store_begin(env->store, STORE_FAST);
	if (!r)
		r = store_quota_get(env->store, "check", env->auth_mark, &q);
	if (r)
		return store_end(env->store, r);
	if (q.auth_failed)
		snprintf(dst, DETAIL_MAX, "not asked: the API key was refused");
	else if (q.stopped_until)
		snprintf(dst, DETAIL_MAX, "not asked: stopped until %s",
			 clock_text(q.stopped_until, when));
	else if (q.remaining <= 0)
		snprintf(dst, DETAIL_MAX, "not asked: quota used up until 00:00 UTC");
	else if (l->origin == AMBIGUOUS && q.remaining * 100 <= q.limit * RESERVE_PERCENT)
		snprintf(dst, DETAIL_MAX, "not asked: the rest of today's quota is reserved");
	else
		r = store_quota_take(env->store, "check");
	return store_end(env->store, r);
}

static void weigh(const struct env *env, struct lookup *l)
{
	verdict_weigh(env->conf, l->findings, l->origin, l->may_ask, &l->verdict);
}

/* What the verdict wants to ask, less what the quota refuses. */
static source_set next_questions(const struct env *env, struct lookup *l)
{
	int paid = env->conf->abuseipdb;
	char why[DETAIL_MAX];
	struct finding *f;

	weigh(env, l);
	if (paid < 0 || !(l->verdict.ask & SOURCE_BIT(paid)))
		return l->verdict.ask;
	if (quota_take(env, l, why))
		snprintf(why, sizeof(why), "not asked: the quota ledger cannot be written");
	if (!*why) {
		l->paying = true;
		return l->verdict.ask;
	}
	l->may_ask &= ~SOURCE_BIT(paid);
	f = &l->findings[paid];
	if (!f->partial)                   /* what the report's answer said still holds */
		*f = (struct finding){ .status = FINDING_DENIED };
	f->detail[0] = '\0';
	text_put(f->detail, sizeof(f->detail), why);
	weigh(env, l);
	return l->verdict.ask;
}

int lookup_new(const struct env *env, const struct addr *a, enum origin origin, unsigned flags,
	       struct lookup **ret, struct err *e)
{
	size_t n = env->conf->nsources;
	struct lookup *l = calloc(1, sizeof(*l) + n * sizeof(l->findings[0]));
	const char *guard;
	int r;

	if (!l)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	l->task = (struct task){ .kind = TASK_LOOKUP, .addr = *a, .owner = l };
	l->task.findings = l->findings;
	l->key = addr_key(a, env->conf->ipv6_prefix);
	l->origin = origin;
	l->flags = flags;
	l->verdict.tier = -1;
	guard = lookup_guard(env->conf, a, false);
	if (guard)
		text_put(l->exempt, sizeof(l->exempt), guard);
	r = guard ? 0 : read_state(env, l, e);
	if (r < 0) {
		lookup_free(l);
		return r;
	}
	if (*l->exempt) {
		l->verdict.kind = V_EXEMPT;
	} else {
		l->may_ask = askable(env, l);
		l->task.ask = next_questions(env, l);
	}
	*ret = l;
	return 0;
}

struct lookup *lookup_free(struct lookup *l)
{
	free(l);
	return NULL;
}

source_set lookup_settled(const struct env *env, struct lookup *l)
{
	if (l->verdict.kind == V_EXEMPT)
		return 0;
	if (env->store && l->paying)
		store_quota_seen(env->store, "check", env->auth_mark, &l->task.quota);
	l->paying = false;
	l->task.quota = (struct quota_seen){ 0 };
	l->may_ask &= ~l->task.asked;
	return next_questions(env, l);
}

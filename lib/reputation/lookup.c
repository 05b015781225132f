/* SPDX-License-Identifier: MIT */
#include "reputation/lookup.h"
#include "base/buf.h"
#include "reputation/feeds.h"
#include "reputation/fleet.h"
#include "reputation/guard.h"
#include "reputation/quota.h"
#include "reputation/dnsbl_health_store.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int note_own_report(const struct session *session, struct lookup *lookup)
{
	struct report_job last;
	int rc = store_report_last(session->store, &lookup->task.addr, &last);

	lookup->task.reported = rc > 0 &&
				(last.state == REPORT_SENDING || last.state == REPORT_DONE ||
				 last.state == REPORT_UNKNOWN);
	if (rc < 0)
		return rc;
	return 0;
}

int lookup_note_login(const struct session *session, struct lookup *lookup)
{
	int rc = store_login_at(session->store, &lookup->key, &lookup->login_at);

	if (lookup->login_at < clock_now_s(&session->clock) - session->conf->login_window_s)
		lookup->login_at = 0;
	return rc;
}

static int read_known(const struct session *session, struct lookup *lookup)
{
	int rc = store_pardoned(session->store, &lookup->key);

	if (rc > 0)
		text_put(lookup->exempt, sizeof(lookup->exempt), "pardoned");
	if (rc >= 0) {
		rc = store_block_of(session->store, &lookup->task.addr, &lookup->key,
				    &lookup->block);
		lookup->blocked = rc > 0;
		if (rc > 0)
			rc = store_block_seen(session->store, &lookup->block);
	}
	if (rc >= 0)
		rc = lookup_note_login(session, lookup);
	if (rc >= 0 && !(lookup->flags & LOOKUP_FRESH))
		rc = store_findings_get(session->store, session->conf, &lookup->key,
					lookup->findings);
	dnsbl_health_mark(session, lookup->findings);
	if (rc < 0)
		return rc;
	return 0;
}

static int read_state(const struct session *session, struct lookup *lookup)
{
	int rc;

	if (!session->store)
		return 0;
	rc = dnsbl_health_load(session);
	if (!rc && session->conf->abuseipdb >= 0)
		rc = note_own_report(session, lookup);
	if (!rc)
		rc = store_knows(session->store, &lookup->key);
	if (!rc && !addr_equal(&lookup->key, &lookup->task.addr))
		rc = store_knows(session->store, &lookup->task.addr);
	if (rc > 0)
		rc = read_known(session, lookup);
	if (rc < 0)
		return rc;
	return 0;
}

/* The score in the answer to a report counts only while a report could bring one. A feed is on
 * disk. */
static source_set askable_sources(const struct session *session)
{
	source_set all = 0;

	for (size_t i = 0; i < session->conf->nsources; i++) {
		enum source_type type = session->conf->sources[i].type;

		if (type == SOURCE_DNSBL ||
		    (type == SOURCE_ABUSEIPDB && session->conf->check != CHECK_NEVER))
			all |= SOURCE_BIT(i);
	}
	return all;
}

/* --cached: a source without a cached answer is not queried, and its answer is unknown. */
static void use_cache_only(const struct session *session, struct lookup *lookup)
{
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *finding = &lookup->findings[i];

		if (finding->status != FINDING_NONE || !(lookup->may_ask & SOURCE_BIT(i)))
			continue;
		if (session->health && dnsbl_health_is_bad(&session->health->rows[i])) {
			finding->status = FINDING_QUARANTINED;
			text_put(finding->detail, sizeof(finding->detail),
				 session->health->rows[i].state.why);
			continue;
		}
		finding->status = FINDING_DENIED;
		text_put(finding->detail, sizeof(finding->detail),
			 "not in the cache, and not queried");
	}
	lookup->may_ask = 0;
}

/* --file: 200,000 addresses would use the quota of months up. */
static void leave_out_paid(const struct session *session, struct lookup *lookup)
{
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *finding = &lookup->findings[i];

		if (!session->conf->sources[i].costs)
			continue;
		if (finding->status == FINDING_NONE && lookup->may_ask & SOURCE_BIT(i))
			lookup->left_out += session->conf->sources[i].most;
		lookup->may_ask &= ~SOURCE_BIT(i);
		if (finding->status != FINDING_NONE)
			continue;
		finding->status = FINDING_SKIPPED;
		text_put(finding->detail, sizeof(finding->detail), "not asked: --file");
	}
}

static void weigh_lookup(const struct session *session, struct lookup *lookup)
{
	feeds_defer(session, lookup->findings);
	verdict_weigh(session->conf, lookup->findings, lookup->origin, lookup->may_ask,
		      &lookup->verdict);
	if (lookup->left_out && lookup->verdict.kind == V_CLEAN && session->conf->ntiers &&
	    lookup->verdict.high + lookup->left_out >= session->conf->tiers[0].score)
		lookup->verdict.kind = V_UNLISTED;
}

/* Does it come from a cache, or from before the list was last probed? A new query probes it. */
static bool lacks_probe(const struct session *session, const struct lookup *lookup, size_t i)
{
	return session->health && !(lookup->asked_again & SOURCE_BIT(i)) &&
	       !dnsbl_health_is_fresh(&session->health->rows[i], addr_is_v4(&lookup->task.addr),
				      clock_now_s(&session->clock));
}

/*
 * A listing that would create a block is queried again over TCP, unless its path cannot be
 * forged (DESIGN of the score: iprep.conf(5), confirm_tcp), and if the list was not probed within
 * the last minute.
 */
static source_set unproven_listings(const struct session *session, struct lookup *lookup)
{
	source_set over_tcp = 0, again = 0;

	if (lookup->origin == BY_HAND || lookup->verdict.kind != V_CONFIRMED)
		return 0;
	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *finding = &lookup->findings[i];

		if (session->conf->sources[i].type != SOURCE_DNSBL ||
		    finding->status != FINDING_OK || finding->points <= 0)
			continue;
		if (!finding->trusted && !(lookup->task.tcp & SOURCE_BIT(i)))
			over_tcp |= SOURCE_BIT(i);
		else if (!lacks_probe(session, lookup, i))
			continue;
		*finding = (struct finding){ 0 };
		again |= SOURCE_BIT(i);
	}
	lookup->task.tcp |= over_tcp;
	lookup->asked_again |= again;
	lookup->may_ask |= again;
	return again;
}

source_set lookup_unproven_denials(const struct session *session, struct lookup *lookup)
{
	source_set again = 0;

	for (size_t i = 0; i < session->conf->nsources; i++) {
		struct finding *finding = &lookup->findings[i];

		if (session->conf->sources[i].type != SOURCE_DNSBL ||
		    session->conf->sources[i].most <= 0 || finding->status != FINDING_OK ||
		    finding->points > 0 || finding->trusted || lookup->task.tcp & SOURCE_BIT(i))
			continue;
		*finding = (struct finding){ 0 };
		again |= SOURCE_BIT(i);
	}
	lookup->task.tcp |= again;
	return again;
}

/* A pardon that would lift a block is asked for again over TCP, unless its path cannot be forged.
 */
static source_set unproven_pardon(const struct session *session, struct lookup *lookup)
{
	int row = session->conf->fleet_list;
	source_set again;

	if (!lookup->blocked || !fleet_pardons(session->conf, lookup->findings) ||
	    lookup->findings[row].trusted)
		return 0;
	again = SOURCE_BIT(row) & ~lookup->task.tcp;
	if (again)
		lookup->findings[row] = (struct finding){ 0 };
	lookup->task.tcp |= again;
	lookup->may_ask |= again;
	return again;
}

/*
 * The score in the answer to our report is worth the lowest tier, whether its check failed, is not
 * sent any more, or is not in the cache: for one address as for the next, and with --cached.
 */
static void note_unchecked(struct finding *finding, const char *why)
{
	finding->detail[strcspn(finding->detail, ";")] = '\0'; /* of an earlier try */
	if (*finding->detail)
		text_put(finding->detail, sizeof(finding->detail), "; ");
	text_put(finding->detail, sizeof(finding->detail), why);
}

static enum quota_use use_of_check(const struct lookup *lookup)
{
	if (lookup->verdict.spare)
		return QUOTA_SPARE;
	if (lookup->origin == AMBIGUOUS || lookup->flags & LOOKUP_LOW_PRIORITY)
		return QUOTA_LOW;
	return QUOTA_ANY;
}

/* A spare check that is refused is left out by policy: its answer is not missed. */
static void refuse_check(const struct session *session, struct lookup *lookup, const char *why)
{
	struct finding *finding = &lookup->findings[session->conf->abuseipdb];
	bool spare = lookup->verdict.spare;

	lookup->may_ask &= ~SOURCE_BIT(session->conf->abuseipdb);
	if (!finding->partial)
		*finding = (struct finding){ .status = spare ? FINDING_SKIPPED : FINDING_DENIED };
	note_unchecked(finding, why);
}

/* What the verdict wants to ask, less what the quota refuses. */
static source_set next_questions(const struct session *session, struct lookup *lookup)
{
	int paid = session->conf->abuseipdb;
	char why[DETAIL_MAX];

	weigh_lookup(session, lookup);
	if (!lookup->verdict.ask)
		return unproven_listings(session, lookup);
	if (paid < 0 || !(lookup->verdict.ask & SOURCE_BIT(paid)))
		return lookup->verdict.ask;
	switch (quota_take_check(session, use_of_check(lookup), !lookup->task.late, why,
				 &lookup->ask_again_at)) {
	case QUOTA_GO:
		lookup->paying = true;
		lookup->report = lookup->findings[paid];
		return lookup->verdict.ask;
	case QUOTA_WAIT:
		return SOURCE_WAIT;
	case QUOTA_NO:
		break;
	}
	refuse_check(session, lookup, why);
	weigh_lookup(session, lookup);
	if (lookup->verdict.ask)
		return lookup->verdict.ask;
	return unproven_listings(session, lookup);
}

int lookup_new(const struct session *session, const struct addr *addr, enum origin origin,
	       unsigned flags, struct lookup **ret)
{
	size_t count = session->conf->nsources;
	struct lookup *lookup = calloc(1, sizeof(*lookup) + count * sizeof(lookup->findings[0]));
	char text[ADDR_TEXT_MAX];
	const char *guard;
	int rc;

	if (!lookup)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	lookup->task = (struct task){ .kind = TASK_LOOKUP, .addr = *addr, .owner = lookup };
	lookup->task.findings = lookup->findings;
	lookup->key = addr_key(addr, session->conf->ipv6_prefix);
	lookup->task.key = lookup->key;
	lookup->origin = origin;
	lookup->flags = flags;
	lookup->verdict.tier = -1;
	guard = guard_check(session, addr);
	if (guard_is_error(guard)) {
		lookup_free(lookup);
		return err_set(session->err, IPREP_E_OS, "%s: %s", addr_text(addr, text), guard);
	}
	if (guard)
		text_put(lookup->exempt, sizeof(lookup->exempt), guard);
	if (guard || feeds_spf(session, addr, lookup->exempt))
		rc = 0;
	else
		rc = read_state(session, lookup);
	if (rc < 0) {
		lookup_free(lookup);
		return rc;
	}
	if (*lookup->exempt) {
		lookup->verdict.kind = V_EXEMPT;
	} else {
		feeds_find(session, addr, lookup->findings);
		lookup->may_ask = askable_sources(session);
		if (flags & LOOKUP_FREE)
			leave_out_paid(session, lookup);
		if (flags & LOOKUP_CACHED)
			use_cache_only(session, lookup);
		lookup->task.ask = next_questions(session, lookup);
		if (lookup->task.ask == SOURCE_WAIT) /* settles immediately, and waits there */
			lookup->task.ask = 0;
	}
	*ret = lookup;
	return 0;
}

struct lookup *lookup_free(struct lookup *lookup)
{
	free(lookup);
	return NULL;
}

/* A check without an answer leaves the score of the report's answer. */
static void keep_report_score(const struct session *session, struct lookup *lookup)
{
	struct finding *finding = &lookup->findings[session->conf->abuseipdb];
	char why[DETAIL_MAX] = "";

	if (!lookup->report.partial || finding->status == FINDING_OK)
		return;
	text_put(why, sizeof(why), finding->detail);
	*finding = lookup->report;
	note_unchecked(finding, why);
}

static void check_settled(const struct session *session, struct lookup *lookup)
{
	if (session->store)
		quota_note(session, "check", &lookup->task.quota);
	if (lookup->task.quota.auth_failed)
		lookup->ask_again_at = clock_now_s(&session->clock) + QUOTA_KEY_WAIT_S;
	else if (lookup->task.quota.stopped_until)
		lookup->ask_again_at = lookup->task.quota.stopped_until;
	keep_report_score(session, lookup);
	lookup->paying = false;
	lookup->task.quota = (struct quota_seen){ 0 };
}

void lookup_note_tcp(const struct session *session, struct task *task)
{
	int rc = 0;

	if (session->store && task->tcp_works)
		rc = store_tcp_note(session->store, NULL);
	else if (session->store && *task->no_tcp)
		rc = store_tcp_note(session->store, task->no_tcp);
	if (rc > 0)
		log_line(session->log, LOG_WARNING,
			 "[dns] confirm_tcp: %s; listings create no blocks until a resolver "
			 "answers over TCP: rep-check --self-test",
			 task->no_tcp);
	else if (rc < 0)
		log_line(session->log, LOG_DEBUG, "DNS over TCP: %s", session->err->text);
	task->tcp_works = false;
	task->no_tcp[0] = '\0';
}

source_set lookup_settled(const struct session *session, struct lookup *lookup)
{
	source_set more;

	if (lookup->verdict.kind == V_EXEMPT)
		return 0;
	if (lookup->paying)
		check_settled(session, lookup);
	dnsbl_health_keep(session);
	dnsbl_health_mark(session, lookup->findings); /* answered before its list was quarantined */
	lookup_note_tcp(session, &lookup->task);
	lookup->may_ask &= ~lookup->task.asked;
	more = next_questions(session, lookup);
	if (more)
		return more;
	return unproven_pardon(session, lookup);
}

/* SPDX-License-Identifier: MIT */
#include "reputation/enqueue.h"
#include "base/buf.h"
#include "reputation/gate.h"
#include "reputation/guard.h"

/*
 * A report made, on its way, or too young: this event does not make another. One of an event that
 * is yet to come was made under a wrong clock, and counts from when it was over.
 */
static bool is_covered(const struct session *session, const struct report_job *last,
		       const struct event *ev)
{
	bool future = last->seen_at > clock_now_s(&session->clock) && last->ended_at;
	int64_t at = future ? last->ended_at : last->seen_at;

	return last->state != REPORT_QUEUED && ev->seen_at < at + session->conf->report_interval_s;
}

#define NEIGHBOURS_MAX 3 /* addresses of an IPv6 /64 that are reported within interval */

/* Enough others of its /64 were reported: a single attacker has all of it. */
static int is_crowded(const struct session *session, const struct event *ev)
{
	int count;

	if (addr_is_v4(&ev->addr))
		return 0;
	count = store_report_neighbours(session->store, &ev->addr,
					clock_now_s(&session->clock) -
						session->conf->report_interval_s);
	if (count < 0)
		return count;
	return count >= NEIGHBOURS_MAX;
}

/* A jail that passes user names reports only if there are enough distinct ones. */
static int too_few_users(const struct session *session, const struct event *ev,
			 const struct addr *key)
{
	int count;

	if (!ev->nusers || !session->conf->min_users)
		return 0;
	count = store_sightings(session->store, key, session->conf->report_window_s);
	if (count < 0)
		return count;
	return count < session->conf->min_users;
}

/* What the comment of this report, or of a later one, sums up. */
static int note_failures(const struct session *session, const struct event *ev,
			 const struct addr *key)
{
	int rc = ev->failures ? store_failures_put(session->store, key, ev->failures, ev->seen_at)
			      : 0;

	for (size_t i = 0; i < ev->nusers && !rc; i++)
		rc = store_sighting_put(session->store, key, ev->users[i], ev->user_lens[i]);
	return rc;
}

static int add_report(const struct session *session, const struct event *ev, const struct addr *key)
{
	int64_t now = clock_now_s(&session->clock);
	struct report_job job = { .key = *key,
				  .addr = ev->addr,
				  .failures = ev->failures,
				  .first_at = ev->seen_at,
				  .seen_at = ev->seen_at,
				  .next_at = now };

	text_put(job.jail, sizeof(job.jail), ev->jail);
	text_put(job.categories, sizeof(job.categories), ev->categories);
	return store_report_add(session->store, &job, ev->comment);
}

/* fail2ban runs a failed action again: the same time means the same event. */
static int put_report(const struct session *session, const struct event *ev, const struct addr *key,
		      int *ret_recorded)
{
	struct report_job last;
	int rc;

	*ret_recorded = IPREP_LOOKUP_ONLY;
	if (session->conf->abuseipdb < 0 || ev->by_hand)
		return 0;
	rc = store_report_last(session->store, &ev->addr, &last);
	if (rc < 0)
		return rc;
	if (rc > 0 && is_covered(session, &last, ev))
		return 0;
	*ret_recorded = IPREP_QUEUED;
	if (rc > 0 && last.state == REPORT_QUEUED) {
		if (ev->seen_at <= last.seen_at)
			return 0;
		return store_report_merge(session->store, last.id, ev->failures, ev->seen_at);
	}
	rc = too_few_users(session, ev, key);
	if (!rc)
		rc = is_crowded(session, ev);
	if (!rc)
		return add_report(session, ev, key);
	*ret_recorded = IPREP_LOOKUP_ONLY;
	if (rc < 0)
		return rc;
	return 0;
}

static int put_lookup(const struct session *session, const struct event *ev, const struct addr *key)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job job = {
		.key = *key, .addr = ev->addr, .origin = SURE, .since = now, .next_at = now
	};

	text_put(job.jail, sizeof(job.jail), ev->jail);
	return store_lookup_put(session->store, &job);
}

/*
 * The block on disk is the answer. A lookup follows all the same: in the lowest tier a sure address
 * may rise, and one that is seen again although it is blocked may be prolonged.
 */
static int note_block(const struct session *session, const struct event *ev, const struct addr *key,
		      bool *ret_settled)
{
	int64_t now = clock_now_s(&session->clock);
	struct block block;
	int rc = store_block_of(session->store, &ev->addr, key, &block);

	*ret_settled = rc > 0 && gate_is_announced(&block, now, now) &&
		       (ev->by_hand || conf_tier_row(session->conf, block.tier) > 0);
	if (rc < 0)
		return rc;
	return 0;
}

static int record_event(const struct session *session, const struct event *ev, int *ret_recorded)
{
	struct addr key = addr_key(&ev->addr, session->conf->ipv6_prefix);
	bool settled;
	int rc = store_pardoned(session->store, &key);

	*ret_recorded = IPREP_SKIPPED;
	if (rc)
		return rc;
	rc = note_failures(session, ev, &key);
	if (rc)
		return rc;
	rc = put_report(session, ev, &key, ret_recorded);
	if (rc)
		return rc;
	rc = note_block(session, ev, &key, &settled);
	if (rc || settled)
		return rc;
	/* no attack on this host is known: the limits of ambiguous lines hold, for long lists too
	 */
	if (ev->by_hand)
		return gate_queue_lookup(session, &ev->addr, &key, ev->jail);
	return put_lookup(session, ev, &key);
}

int enqueue_event(const struct session *session, const struct event *ev, int *ret_recorded,
		  bool *ret_wake)
{
	int recorded, rc;

	if (guard_check_in_hook(session, &ev->addr) || conf_skips_jail(session->conf, ev->jail)) {
		*ret_recorded = IPREP_SKIPPED;
		*ret_wake = false;
		return 0;
	}
	rc = store_begin(session->store, STORE_DURABLE);
	if (rc)
		return rc;
	rc = store_end(session->store, record_event(session, ev, &recorded));
	if (rc < 0)
		return rc;
	*ret_recorded = recorded;
	*ret_wake = recorded != IPREP_SKIPPED;
	return 0;
}

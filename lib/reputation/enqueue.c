/* SPDX-License-Identifier: MIT */
#include "reputation/enqueue.h"
#include "base/buf.h"
#include "reputation/gate.h"
#include "reputation/lookup.h"

/*
 * A report made, on its way, or too young: this event does not make another. One of an event that
 * is yet to come was made under a clock gone wrong, and counts from when it was over.
 */
static bool covered(const struct session *session, const struct report_job *last,
		    const struct event *ev)
{
	bool future = last->seen_at > clock_now_s(&session->clock) && last->ended_at;
	int64_t at = future ? last->ended_at : last->seen_at;

	return last->state != REPORT_QUEUED && ev->seen_at < at + session->conf->report_interval_s;
}

#define NEIGHBOURS_MAX 3 /* addresses of an IPv6 /64 that are reported within interval */

/* The others of its /64 were reported enough: a single attacker has the whole of it. */
static int crowded(const struct session *session, const struct event *ev)
{
	int n;

	if (addr_is_v4(&ev->addr))
		return 0;
	n = store_report_neighbours(session->store, &ev->addr,
				    clock_now_s(&session->clock) -
					    session->conf->report_interval_s);
	return n < 0 ? n : n >= NEIGHBOURS_MAX;
}

/* A jail that tells user names reports only from so many different ones on. */
static int too_few_users(const struct session *session, const struct event *ev,
			 const struct addr *key)
{
	int n;

	if (!ev->nusers || !session->conf->min_users)
		return 0;
	n = store_sightings(session->store, key, session->conf->report_window_s);
	return n < 0 ? n : n < session->conf->min_users;
}

/* What the comment of this report, or of a later one, sums up. */
static int note_failures(const struct session *session, const struct event *ev,
			 const struct addr *key)
{
	int r = ev->failures ? store_failures_put(session->store, key, ev->failures, ev->seen_at)
			     : 0;

	for (size_t i = 0; i < ev->nusers && !r; i++)
		r = store_sighting_put(session->store, key, ev->users[i], ev->user_lens[i]);
	return r;
}

static int add_report(const struct session *session, const struct event *ev, const struct addr *key)
{
	int64_t now = clock_now_s(&session->clock);
	struct report_job r = { .key = *key,
				.addr = ev->addr,
				.failures = ev->failures,
				.first_at = ev->seen_at,
				.seen_at = ev->seen_at,
				.next_at = now };

	text_put(r.jail, sizeof(r.jail), ev->jail);
	text_put(r.categories, sizeof(r.categories), ev->categories);
	return store_report_add(session->store, &r, ev->comment);
}

/* fail2ban runs a failed action again: the same time means the same event. */
static int put_report(const struct session *session, const struct event *ev, const struct addr *key,
		      int *ret_recorded)
{
	struct report_job last;
	int r;

	*ret_recorded = IPREP_LOOKUP_ONLY;
	if (session->conf->abuseipdb < 0)
		return 0;
	r = store_report_last(session->store, &ev->addr, &last);
	if (r < 0 || (r > 0 && covered(session, &last, ev)))
		return r < 0 ? r : 0;
	*ret_recorded = IPREP_QUEUED;
	if (r > 0 && last.state == REPORT_QUEUED)
		return ev->seen_at > last.seen_at ? store_report_merge(session->store, last.id,
								       ev->failures, ev->seen_at)
						  : 0;
	r = too_few_users(session, ev, key);
	if (!r)
		r = crowded(session, ev);
	if (!r)
		return add_report(session, ev, key);
	*ret_recorded = IPREP_LOOKUP_ONLY;
	return r < 0 ? r : 0;
}

static int put_lookup(const struct session *session, const struct event *ev, const struct addr *key)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job j = {
		.key = *key, .addr = ev->addr, .origin = SURE, .since = now, .next_at = now
	};

	text_put(j.jail, sizeof(j.jail), ev->jail);
	return store_lookup_put(session->store, &j);
}

/* The block on disk is the answer, but a sure address may rise above the lowest tier. */
static int note_block(const struct session *session, const struct event *ev, const struct addr *key,
		      bool *ret_settled)
{
	struct block b;
	int r = store_block_of(session->store, &ev->addr, key, &b);

	*ret_settled = false;
	if (r <= 0)
		return r;
	*ret_settled = conf_tier_row(session->conf, b.tier) > 0;
	r = gate_seen_again(session, &b, ev->jail);
	return r < 0 ? r : 0;
}

static int record(const struct session *session, const struct event *ev, int *ret_recorded)
{
	struct addr key = addr_key(&ev->addr, session->conf->ipv6_prefix);
	bool settled;
	int r = store_pardoned(session->store, &key);

	*ret_recorded = IPREP_SKIPPED;
	if (r)
		return r;
	r = note_failures(session, ev, &key);
	if (!r)
		r = put_report(session, ev, &key, ret_recorded);
	if (!r)
		r = note_block(session, ev, &key, &settled);
	if (!r && !settled)
		r = put_lookup(session, ev, &key);
	return r;
}

int enqueue_event(const struct session *session, const struct event *ev, int *ret_recorded,
		  bool *ret_wake, struct err *e)
{
	int recorded, r;

	if (lookup_guard(session->conf, &ev->addr, true) ||
	    conf_skips_jail(session->conf, ev->jail)) {
		*ret_recorded = IPREP_SKIPPED;
		*ret_wake = false;
		return 0;
	}
	r = store_begin(session->store, STORE_DURABLE);
	if (!r)
		r = store_end(session->store, record(session, ev, &recorded));
	if (r < 0)
		return err_set(e, r, "%s", store_err(session->store)->text);
	*ret_recorded = recorded;
	*ret_wake = recorded != IPREP_SKIPPED;
	return 0;
}

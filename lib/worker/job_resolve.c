/* SPDX-License-Identifier: MIT */
/*
 * job_resolve.c - what a host name or an SPF domain of [allow] stands for, through DNS
 *
 * The networks go into the compiled file of the feeds. If a name cannot be resolved, its last
 * networks stay: an outage of DNS must not lock out the people that the entry is for.
 */
#include "base/buf.h"
#include "reputation/feeds.h"
#include "feed/accept.h"
#include "source/allow.h"
#include "worker/feed_lists.h"
#include "worker/job.h"
#include "worker/lift.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define RESOLVE_MS 20000
#define HOST_MIN_S 300 /* whatever the TTL */
#define HOST_MAX_S 3600
#define SPF_S	   86400

struct resolve_work {
	struct job job;
	struct task task;
	struct allow_query query;
	const struct conf_allow *entry;
	enum feed_kind kind;
	uint64_t identity;
	struct fetch fetch;
	struct feed_entries *entries; /* what it resolved to, sorted; made when it has settled */
};

static struct resolve_work *resolve_work_of(struct job *job)
{
	return JOB_OF(job, struct resolve_work, job);
}

static void resolve_work_free(struct job *job)
{
	struct resolve_work *work = resolve_work_of(job);

	feed_entries_free(work->entries);
	free(work->query.nets);
	free(work);
}

static enum feed_kind list_kind(const struct conf_allow *entry)
{
	return entry->kind == ALLOW_HOST ? FEED_HOST : FEED_SPF;
}

/*
 * A time further away than any name waits was written under another clock. A name whose networks
 * are not in the file was removed in the meantime, or lost with it.
 */
static bool is_time_to_resolve(const struct session *session, const struct conf_allow *entry,
			       const struct fetch *fetch, int64_t now)
{
	int64_t most_s = entry->kind == ALLOW_HOST ? HOST_MAX_S : SPF_S;

	if (fetch->next_at <= now || fetch->next_at > now + most_s || fetch->tried_at > now)
		return true;
	return !*fetch->why && fetch->tried_at + HOST_MIN_S <= now &&
	       feed_table_row(feeds_table(session), list_kind(entry), entry->name,
			      feed_name_identity(entry->name)) < 0;
}

/* 1: *ret_entry is due for the longest time, so that names that are never answered keep no other
 * one waiting, and *ret_fetch what is known of it. */
static int next_name(const struct job_queue *queue, const struct conf_allow **ret_entry,
		     struct fetch *ret_fetch)
{
	const struct session *session = queue->session;
	int64_t now = clock_now_s(&session->clock);
	int found = 0;

	if (engine_in_flight_of(queue->engine, TASK_RESOLVE))
		return 0;
	for (size_t i = 0; i < session->conf->nallow; i++) {
		const struct conf_allow *entry = &session->conf->allow[i];
		struct fetch fetch;
		int rc;

		if (entry->kind == ALLOW_NET || conf_allow_is_over(entry, now))
			continue;
		rc = store_fetch_get(session->store, (int)list_kind(entry), entry->name,
				     feed_name_identity(entry->name), &fetch);
		if (rc < 0)
			return rc;
		if (!is_time_to_resolve(session, entry, &fetch, now) ||
		    (found && fetch.next_at >= ret_fetch->next_at))
			continue;
		*ret_entry = entry;
		*ret_fetch = fetch;
		found = 1;
	}
	return found;
}

static int resolve_write_ahead(const struct session *session, const struct resolve_work *work)
{
	struct fetch ahead = work->fetch;

	ahead.tried_at = clock_now_s(&session->clock);
	ahead.next_at = ahead.tried_at + HOST_MIN_S;
	return store_fetch_put(session->store, (int)work->kind, work->entry->name, work->identity,
			       &ahead);
}

static int resolve_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct conf_allow *entry = NULL;
	struct resolve_work *work;
	struct fetch fetch;
	int rc = next_name(queue, &entry, &fetch);

	if (rc <= 0 || !max)
		return rc;
	work = calloc(1, sizeof(*work));
	if (!work)
		return err_set(queue->session->err, IPREP_E_NOMEM, "out of memory");
	*work = (struct resolve_work){ .entry = entry,
				       .kind = list_kind(entry),
				       .identity = feed_name_identity(entry->name),
				       .fetch = fetch };
	work->job = (struct job){ .kind = &job_resolve, .task = &work->task };
	work->query = (struct allow_query){ .name = entry->name,
					    .is_spf = entry->kind == ALLOW_SPF };
	work->task = (struct task){ .kind = TASK_RESOLVE,
				    .owner = &work->job,
				    .query = &work->query,
				    .patience_ms = RESOLVE_MS };
	rc = resolve_write_ahead(queue->session, work);
	if (rc) {
		resolve_work_free(&work->job);
		return rc;
	}
	*ret = &work->job;
	return 1;
}

/* ---- what came of it ---- */

/* One record can name all addresses in pieces, and so can those that it includes. */
static bool covers_too_much(const struct feed_entries *entries)
{
	return feed_entries_cover_v4(entries) > FEED_COVER_MAX ||
	       feed_entries_cover_v6(entries) > FEED_COVER_V6_MAX;
}

/* The file is not written again for a name that has not changed, but once an hour for its age. */
static bool is_unchanged(const struct session *session, const struct resolve_work *work)
{
	const struct feed_entries *entries = work->entries;
	int row = feed_table_row(feeds_table(session), work->kind, work->entry->name,
				 work->identity);
	size_t count = feed_entries_count(entries);
	struct prefix *kept, one;
	struct feed_list list;
	bool same;

	if (row < 0)
		return false;
	feed_table_list(feeds_table(session), (size_t)row, &list);
	if (list.entries != count || list.good_at <= clock_now_s(&session->clock) - HOST_MAX_S)
		return false;
	kept = calloc(count + 1, sizeof(*kept));
	same = kept && feed_table_networks(feeds_table(session), (size_t)row, kept, count) == count;
	for (size_t i = 0; i < count && same; i++) {
		int number;

		feed_entries_at(entries, i, &one, &number);
		same = one.bits == kept[i].bits && addr_equal(&one.addr, &kept[i].addr);
	}
	free(kept);
	return same;
}

/* What the name had of the type that was not answered. */
static bool add_last_known(const struct session *session, struct resolve_work *work)
{
	const struct feed_table *table = feeds_table(session);
	int row = feed_table_row(table, work->kind, work->entry->name, work->identity);
	bool wants_v4 = work->query.lost == NET_A, fits = true;
	struct feed_list list;
	struct prefix *kept;
	size_t count;

	if (row < 0)
		return true;
	feed_table_list(table, (size_t)row, &list);
	count = (size_t)list.entries;
	kept = calloc(count + 1, sizeof(*kept));
	if (!kept)
		return false;
	count = MIN(count, feed_table_networks(table, (size_t)row, kept, count));
	for (size_t i = 0; i < count && fits; i++)
		if (addr_is_v4(&kept[i].addr) == wants_v4)
			fits = feed_entries_add(work->entries, &kept[i], 1);
	free(kept);
	return fits;
}

static bool collect_networks(const struct session *session, struct resolve_work *work)
{
	bool fits;

	if (work->entries)
		return true;
	work->entries = feed_entries_new();
	fits = work->entries != NULL;
	for (size_t i = 0; i < work->query.nnets && fits; i++)
		fits = feed_entries_add(work->entries, &work->query.nets[i], 1);
	if (fits && work->query.lost)
		fits = add_last_known(session, work);
	if (fits)
		feed_entries_sort(work->entries);
	else
		work->entries = feed_entries_free(work->entries);
	return fits;
}

static bool resolve_is_long(const struct session *session, struct job *job)
{
	struct resolve_work *work = resolve_work_of(job);

	return work->query.is_good && collect_networks(session, work) &&
	       feed_lists_are_long(session, feed_entries_count(work->entries)) &&
	       !is_unchanged(session, work);
}

static int write_networks(const struct session *session, struct resolve_work *work)
{
	int64_t now = clock_now_s(&session->clock);
	struct feed_change change = {
		.list = { .kind = work->kind, .identity = work->identity, .good_at = now }
	};

	if (!collect_networks(session, work))
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	if (work->kind == FEED_SPF && covers_too_much(work->entries))
		return err_set(session->err, IPREP_E_CONFIG,
			       "its networks cover more than 1 %% "
			       "of all addresses");
	if (is_unchanged(session, work))
		return 0;
	text_put(change.list.name, sizeof(change.list.name), work->entry->name);
	change.entries = work->entries;
	return feed_lists_write(session, &change);
}

static int lift_blocks(const struct session *session, const struct resolve_work *work)
{
	char why[DETAIL_MAX];
	int64_t lifted;

	snprintf(why, sizeof(why),
		 work->kind == FEED_HOST ? "allowed as %.120s" : "sends mail for %.120s (SPF)",
		 work->entry->name);
	return lift_networks(session, work->query.nets, work->query.nnets, why, &lifted);
}

static int64_t wait_s(const struct resolve_work *work, bool is_good)
{
	if (work->kind == FEED_SPF && is_good)
		return SPF_S;
	if (is_good)
		return MAX(HOST_MIN_S, MIN((int64_t)work->query.ttl_s, HOST_MAX_S));
	return MIN(HOST_MIN_S * ((int64_t)1 << MIN(work->fetch.tries, 8)), HOST_MAX_S);
}

/* What of the name is allowed although it was not resolved. */
static const char *what_stays(const struct session *session, const struct resolve_work *work)
{
	if (feed_table_row(feeds_table(session), work->kind, work->entry->name, work->identity) < 0)
		return "nothing is allowed for it yet";
	if (work->query.lost)
		return "what it resolved to before of that type stays allowed";
	if (work->query.is_cut)
		return "only the first are allowed";
	return "what it resolved to before stays allowed";
}

/* Logged when it begins and when it ends, not with each try. */
static void resolve_log(const struct session *session, const struct resolve_work *work,
			const char *why)
{
	const char *key = work->kind == FEED_HOST ? "addresses" : "spf";
	bool in_part = work->query.is_good && *work->query.why;

	if (*why && strcmp(why, work->fetch.why))
		log_line(session->log, LOG_WARNING, "[allow] %s: %s: %s: %s; %s", key,
			 work->entry->name, in_part ? "resolved only in part" : "not resolved", why,
			 what_stays(session, work));
	else if (!*why && *work->fetch.why)
		log_line(session->log, LOG_NOTICE, "[allow] %s: %s: resolved again", key,
			 work->entry->name);
}

static int resolve_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct resolve_work *work = resolve_work_of(job);
	int64_t now = clock_now_s(&session->clock);
	struct fetch fetch = { .tried_at = now };
	int rc = 0;

	if (!work->query.is_good) {
		text_put(fetch.why, sizeof(fetch.why), text_filled(work->query.why, "no answer"));
	} else if (write_networks(session, work)) {
		text_put(fetch.why, sizeof(fetch.why), session->err->text);
	} else {
		text_put(fetch.why, sizeof(fetch.why), work->query.why);
		rc = lift_blocks(session, work);
	}
	if (rc)
		return rc;
	fetch.next_at = now + wait_s(work, !*fetch.why);
	if (*fetch.why) {
		fetch.tries = work->fetch.tries + 1;
		stats->failed++;
	}
	resolve_log(session, work, fetch.why);
	return store_fetch_put(session->store, (int)work->kind, work->entry->name, work->identity,
			       &fetch);
}

const struct job_kind job_resolve = {
	.name = "resolution",
	.take = resolve_take,
	.is_long = resolve_is_long,
	.keep = resolve_keep,
	.free = resolve_work_free,
};

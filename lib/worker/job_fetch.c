/* SPDX-License-Identifier: MIT */
/*
 * job_fetch.c - one download of a feed: asked, checked for extent, compiled with the others
 *
 * What is due is told by the clock and the table fetch. The time of the next try is written ahead,
 * so that a worker that dies in a download does not repeat it immediately. A download that fails or
 * is refused changes nothing but the reason that is shown; the last good one stays, with its age.
 */
#include "base/buf.h"
#include "feed/accept.h"
#include "reputation/feeds.h"
#include "reputation/guard.h"
#include "reputation/quota.h"
#include "source/feed.h"
#include "worker/feed_lists.h"
#include "worker/job.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define RETRY_MIN_S 900
#define RETRY_MAX_S 86400
#define OTHERS_MS   60000 /* for tasks in flight to end before the list is compiled */
#define LINE_BYTES  10	  /* "45.1.0.1", at least */

struct fetch_work {
	struct job job;
	struct task task;
	struct finding *findings;
	struct feed_download download;
	const struct conf_source *source;
	uint64_t identity;
	struct fetch fetch;
};

static struct fetch_work *fetch_work_of(struct job *job)
{
	return JOB_OF(job, struct fetch_work, job);
}

static void fetch_work_free(struct job *job)
{
	struct fetch_work *work = fetch_work_of(job);

	feed_download_done(&work->download);
	free(work->findings);
	free(work);
}

/* ---- which may go ---- */

/*
 * A time further away than any fetch can have set was written under another clock, or with a longer
 * `every`. A list that is not in the file was removed, or lost with it.
 */
static bool is_time_to_fetch(const struct session *session, const struct conf_source *source,
			     const struct fetch *fetch, int64_t now)
{
	int64_t every_s = source->every_s;

	if (fetch->next_at <= now || fetch->next_at > now + MAX(every_s, RETRY_MAX_S) ||
	    fetch->tried_at > now)
		return true;
	if (*fetch->why)
		return false;
	if (feed_table_row(feeds_table(session), FEED_LIST, source->name, feed_identity(source)) <
	    0)
		every_s = RETRY_MIN_S;
	return fetch->tried_at + every_s <= now;
}

/* 1: may be downloaded now; 0: not. */
static int may_go(const struct session *session, const struct conf_source *source)
{
	struct quota quota;
	int rc;

	if (!feed_needs_key(session->conf, source))
		return 1;
	if (!session->secret)
		return 0;
	rc = store_quota_get(session->store, abuseipdb_endpoint(TASK_FETCH), session->auth_mark,
			     &quota);
	if (rc)
		return rc;
	return quota_left(&quota) > 0 && !quota.first_under_way;
}

/* 1: *ret_source is due for the longest time, so that servers that do not answer keep no other one
 * waiting, and *ret_fetch what is known of it. */
static int next_fetch(const struct job_queue *queue, const struct conf_source **ret_source,
		      struct fetch *ret_fetch)
{
	const struct session *session = queue->session;
	int64_t now = clock_now_s(&session->clock);
	int found = 0;

	if (engine_in_flight_of(queue->engine, TASK_FETCH))
		return 0;
	for (size_t i = 0; i < session->conf->nsources; i++) {
		const struct conf_source *source = &session->conf->sources[i];
		struct fetch fetch;
		int rc;

		if (source->type != SOURCE_FEED)
			continue;
		rc = store_fetch_get(session->store, FEED_LIST, source->name, feed_identity(source),
				     &fetch);
		if (rc < 0)
			return rc;
		if (!is_time_to_fetch(session, source, &fetch, now) ||
		    (found && fetch.next_at >= ret_fetch->next_at))
			continue;
		rc = may_go(session, source);
		if (rc < 0)
			return rc;
		if (!rc)
			continue;
		*ret_source = source;
		*ret_fetch = fetch;
		found = 1;
	}
	return found;
}

/* Without its entries, "not modified" would leave us with nothing. */
static void use_validators(const struct session *session, struct fetch_work *work)
{
	if (feed_table_row(feeds_table(session), FEED_LIST, work->source->name, work->identity) < 0)
		return;
	memcpy(work->download.etag, work->fetch.etag, sizeof(work->download.etag));
	memcpy(work->download.modified, work->fetch.modified, sizeof(work->download.modified));
}

static int fetch_write_ahead(const struct session *session, struct fetch_work *work)
{
	struct fetch ahead = work->fetch;
	int rc;

	ahead.tried_at = clock_now_s(&session->clock);
	ahead.next_at = ahead.tried_at + RETRY_MIN_S;
	rc = store_begin(session->store, STORE_FAST);
	if (rc)
		return rc;
	rc = store_fetch_put(session->store, FEED_LIST, work->source->name, work->identity, &ahead);
	if (!rc && work->download.has_key)
		rc = store_quota_take(session->store, abuseipdb_endpoint(TASK_FETCH), 1);
	return store_end(session->store, rc);
}

static int fetch_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	const struct conf_source *source = NULL;
	struct fetch_work *work;
	struct fetch fetch;
	int rc = next_fetch(queue, &source, &fetch);

	if (rc <= 0 || !max)
		return rc;
	work = calloc(1, sizeof(*work));
	if (!work)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	work->job = (struct job){ .kind = &job_fetch, .task = &work->task };
	work->source = source;
	work->identity = feed_identity(source);
	work->fetch = fetch;
	work->findings = calloc(session->conf->nsources + 1, sizeof(*work->findings));
	work->download.has_key = feed_needs_key(session->conf, source);
	work->task = (struct task){ .kind = TASK_FETCH,
				    .owner = &work->job,
				    .findings = work->findings,
				    .patience_ms = FEED_TIME_MS + OTHERS_MS,
				    .download = &work->download };
	if (!*source->file) /* which is read when it is kept */
		work->task.ask = SOURCE_BIT(source - session->conf->sources);
	use_validators(session, work);
	if (work->findings)
		rc = fetch_write_ahead(session, work);
	else
		rc = err_set(session->err, IPREP_E_NOMEM, "out of memory");
	if (rc) {
		fetch_work_free(&work->job);
		return rc;
	}
	*ret = &work->job;
	return 1;
}

/* ---- what came of it ---- */

struct guarding {
	struct session session;
	char why[DETAIL_MAX];
};

/* The address that the network must not contain, and why; NULL: it is not known which. */
static const char *name_guarded(struct guarding *guarding, const struct prefix *net)
{
	const struct session *session = &guarding->session;
	const struct conf_allow *entry = conf_allowed_inside(session->conf, net,
							     clock_now_s(&session->clock));
	char text[ADDR_TEXT_MAX];

	if (entry) {
		snprintf(guarding->why, sizeof(guarding->why), "contains %s, allowed by [allow]",
			 prefix_text(&entry->net, text));
		return guarding->why;
	}
	for (size_t i = 0; i < session->own->count; i++) {
		if (!prefix_has(net, &session->own->addrs[i]))
			continue;
		snprintf(guarding->why, sizeof(guarding->why),
			 "contains %s, an address of this host",
			 addr_text(&session->own->addrs[i], text));
		return guarding->why;
	}
	return NULL;
}

static const char *guarded_net(void *user, const struct prefix *net)
{
	struct guarding *guarding = user;
	const char *why = guard_check(&guarding->session, &net->addr);

	if (why || net->bits == 128)
		return why;
	why = name_guarded(guarding, net);
	if (why)
		return why;
	return guard_check_own(&guarding->session, net);
}

/* An old list is compared with nothing, so that one that has really changed is taken at last. */
static bool last_good(const struct session *session, const struct fetch_work *work,
		      struct feed_list *ret)
{
	int row = feed_table_row(feeds_table(session), FEED_LIST, work->source->name,
				 work->identity);

	if (row < 0)
		return false;
	feed_table_list(feeds_table(session), (size_t)row, ret);
	return !feeds_is_stale(work->source, ret, clock_now_s(&session->clock));
}

/* With the addresses of this host read once, not for each of a million entries. */
static bool check_entries(const struct session *session, struct fetch_work *work,
			  struct feed_check *check)
{
	struct local_addr_list *own = local_addr_list_new();
	struct guarding guarding = { .session = *session };
	bool accepted;

	if (!own) {
		snprintf(work->task.why, sizeof(work->task.why),
			 "the addresses of this host cannot be read");
		return false;
	}
	guarding.session.own = own;
	check->guarded = guarded_net;
	check->user = &guarding;
	accepted = feed_accept(check, work->task.why);
	free(own);
	return accepted;
}

static bool is_accepted(const struct session *session, struct fetch_work *work)
{
	struct feed_list last;
	struct feed_check check = { .counts = &work->download.counts,
				    .entries = work->download.entries };

	if (work->download.is_full) {
		snprintf(work->task.why, sizeof(work->task.why), "more than %d entries",
			 FEED_ENTRIES_MAX);
		return false;
	}
	feed_entries_sort(work->download.entries);
	if (last_good(session, work, &last))
		check.last = &last;
	return check_entries(session, work, &check);
}

static int compile(const struct session *session, struct fetch_work *work)
{
	int64_t now = clock_now_s(&session->clock);
	struct feed_change change = { .list = { .kind = FEED_LIST,
						.identity = work->identity,
						.good_at = now,
						.made_at = work->download.counts.generated_at },
				      .keep_s = work->source->keep_s };

	text_put(change.list.name, sizeof(change.list.name), work->source->name);
	if (!work->download.unchanged)
		change.entries = work->download.entries;
	return feed_lists_write(session, &change);
}

/* Logged when it begins and when it ends, not with each try. */
static void fetch_log(const struct session *session, const struct fetch_work *work, const char *why)
{
	const char *name = work->source->name;

	if (*why && strcmp(why, work->fetch.why))
		log_line(
			session->log, LOG_WARNING,
			"[feed %s]: download not used: %s; the last good one, if any, stays in use "
			"until it is too old",
			name, why);
	else if (!*why && *work->fetch.why)
		log_line(session->log, LOG_NOTICE, "[feed %s]: downloads work again", name);
}

/* The wait after a failure grows up to the usual time; a server may ask for more. */
static int64_t next_at(const struct session *session, const struct fetch_work *work, bool failed)
{
	int64_t wait_s = work->source->every_s;

	if (failed)
		wait_s = MIN(wait_s, RETRY_MIN_S * ((int64_t)1 << MIN(work->fetch.tries, 8)));
	wait_s = MAX(wait_s, MIN(work->task.retry_after_s, RETRY_MAX_S));
	return clock_now_s(&session->clock) + wait_s;
}

static int fetch_keep_outcome(const struct session *session, struct fetch_work *work, bool failed)
{
	struct fetch fetch = { .tried_at = clock_now_s(&session->clock) };
	int rc;

	if (work->download.has_key && work->task.not_accepted) { /* nothing was sent */
		rc = store_quota_take(session->store, abuseipdb_endpoint(TASK_FETCH), -1);
		if (rc)
			return rc;
	} else if (work->download.has_key) {
		rc = quota_note(session, abuseipdb_endpoint(TASK_FETCH), &work->task.quota);
		if (!rc)
			rc = api_call_count(session, &work->task);
		if (rc)
			return rc;
	}
	fetch.next_at = next_at(session, work, failed);
	text_put(fetch.why, sizeof(fetch.why), work->task.why);
	if (*fetch.why) {
		fetch.tries = work->fetch.tries + 1;
		memcpy(fetch.etag, work->fetch.etag, sizeof(fetch.etag));
		memcpy(fetch.modified, work->fetch.modified, sizeof(fetch.modified));
	} else {
		memcpy(fetch.etag, work->download.etag, sizeof(fetch.etag));
		memcpy(fetch.modified, work->download.modified, sizeof(fetch.modified));
	}
	return store_fetch_put(session->store, FEED_LIST, work->source->name, work->identity,
			       &fetch);
}

static bool fetch_is_long(const struct session *session, struct job *job)
{
	const struct fetch_work *work = fetch_work_of(job);

	if (*work->source->file)
		return feed_lists_are_long(session, feed_file_size(work->source) / LINE_BYTES);
	return work->task.outcome == OUT_DONE && work->download.entries &&
	       feed_lists_are_long(session, feed_entries_count(work->download.entries));
}

static int fetch_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct fetch_work *work = fetch_work_of(job);
	bool failed;
	int rc;

	if (*work->source->file && feed_file_read(work->source, &work->download, work->task.why))
		work->task.outcome = OUT_DONE;
	failed = work->task.outcome != OUT_DONE;
	if (!failed)
		work->task.why[0] = '\0';
	if (!failed && (work->download.unchanged || is_accepted(session, work)) &&
	    compile(session, work)) {
		text_put(work->task.why, sizeof(work->task.why), session->err->text);
		failed = true;
	}
	if (*work->task.why)
		stats->failed++;
	fetch_log(session, work, work->task.why);
	rc = store_begin(session->store, STORE_FAST);
	if (rc)
		return rc;
	return store_end(session->store, fetch_keep_outcome(session, work, failed));
}

const struct job_kind job_fetch = {
	.name = "fetch",
	.take = fetch_take,
	.is_long = fetch_is_long,
	.keep = fetch_keep,
	.free = fetch_work_free,
};

/* SPDX-License-Identifier: MIT */
/*
 * job_fleet.c - what waits to be published or withdrawn, as messages to the server of the fleet
 *
 * One job is up to 500 rows, one client at a time. A message that the server refuses is halved
 * until the refused record is found: that one is tried again later and later, and holds up no
 * other. If the server refuses this host's own record as well, or does not answer, the next try is
 * a minute later, for all. Rows are written ahead, and everything sent can be repeated (RFC
 * 2136, 3.4.2): a worker that dies anywhere loses none.
 */
#include "base/random.h"
#include "source/fleet.h"
#include "store/publications.h"
#include "worker/fleet_serials.h"
#include "worker/job.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_S 60    /* after a failure that is not a record's */
#define JOB_MS	60000 /* the halves of a message included */
#define PARTS	40    /* halves, quarters, ...: nine of 500, and what did not fit */

enum fleet_step { STEP_UPDATE, STEP_IDENTITY, STEP_SERIALS };
enum row_state { ROW_WAITS, ROW_DONE, ROW_REFUSED };
struct fleet_part {
	size_t first, count;
};
struct fleet_work {
	struct job job;
	struct task task;
	struct fleet_call call;
	struct publication rows[PUBLICATIONS_MAX];
	struct fleet_record records[PUBLICATIONS_MAX];
	unsigned char states[PUBLICATIONS_MAX]; /* enum row_state */
	size_t nrows;
	struct fleet_part parts[PARTS]; /* still to be sent; the last one first */
	size_t nparts;
	enum fleet_step step;
	bool is_known; /* the server takes this host's own record */
	bool has_failed;
	int form; /* enum fleet_key_form */
	struct buf text;
	char why[DETAIL_MAX], refused[DETAIL_MAX];
	struct fleet_state state;
	struct serials_round serials;
};

static struct fleet_work *fleet_work_of(struct job *job)
{
	return JOB_OF(job, struct fleet_work, job);
}

static void fleet_work_free(struct job *job)
{
	struct fleet_work *work = fleet_work_of(job);

	buf_free(&work->text);
	free(work->call.output);
	free(work);
}

/* ---- what is sent next ---- */

static void request_update(struct fleet_work *work)
{
	work->call.request = (struct run_request){ .kind = IPREP_RUN_UPDATE,
						   .value = work->form,
						   .text = work->text.text,
						   .len = work->text.len };
}

/* What does not fit into one message stays on the list. */
static bool next_message(const struct session *session, struct fleet_work *work)
{
	struct fleet_part *part = &work->parts[work->nparts - 1];
	size_t fits;

	buf_free(&work->text);
	buf_init(&work->text, FLEET_TEXT_MAX);
	fits = fleet_message_put(&work->text, session->conf, work->records + part->first,
				 part->count);
	if (!fits)
		return false;
	if (fits < part->count && work->nparts < PARTS) {
		work->parts[work->nparts++] = (struct fleet_part){ part->first, fits };
		part->first += fits;
		part->count -= fits;
	}
	work->step = STEP_UPDATE;
	request_update(work);
	return true;
}

static bool ask_identity(const struct session *session, struct fleet_work *work)
{
	buf_free(&work->text);
	buf_init(&work->text, FLEET_TEXT_MAX);
	fleet_identity_put(&work->text, session->conf, work->state.identity);
	if (work->text.failed)
		return false;
	work->step = STEP_IDENTITY;
	request_update(work);
	return true;
}

static source_set give_up(struct fleet_work *work, const char *why)
{
	work->has_failed = true;
	work->nparts = 0;
	snprintf(work->why, sizeof(work->why), "%s", why);
	return 0;
}

static void mark_rows(struct fleet_work *work, struct fleet_part part, enum row_state state)
{
	memset(work->states + part.first, (int)state, part.count);
}

static source_set ask_next(const struct session *session, struct fleet_work *work)
{
	while (work->nparts) {
		if (!next_message(session, work))
			return give_up(work, "out of memory");
		if (work->text.len)
			return SOURCE_BIT(0);
		/* nothing is left to delete: other rows need both records */
		mark_rows(work, work->parts[--work->nparts], ROW_DONE);
	}
	if (!work->has_failed && serials_next(session, &work->serials, &work->call.request)) {
		work->call.request.value = work->form;
		work->step = STEP_SERIALS;
		return SOURCE_BIT(0);
	}
	return 0;
}

/* ---- an answer ---- */

/* The part on top of the list was refused. */
static source_set update_refused(const struct session *session, struct fleet_work *work,
				 const char *why)
{
	struct fleet_part *part = &work->parts[work->nparts - 1];
	size_t half = part->count / 2;

	if (why != work->refused)
		snprintf(work->refused, sizeof(work->refused), "%s", why);
	if (!work->is_known) {
		if (ask_identity(session, work))
			return SOURCE_BIT(0);
		return give_up(work, "out of memory");
	}
	if (part->count == 1) {
		mark_rows(work, *part, ROW_REFUSED);
		work->nparts--;
	} else {
		/* both fit: a list of halves is never longer than log2 of the whole */
		work->parts[work->nparts++] = (struct fleet_part){ part->first, half };
		part->first += half;
		part->count -= half;
	}
	return ask_next(session, work);
}

static source_set update_answered(const struct session *session, struct fleet_work *work)
{
	char why[DETAIL_MAX];
	enum fleet_outcome outcome = fleet_answer_judge(&work->call.answer, why);

	if (outcome == FLEET_DONE) {
		work->is_known = true;
		mark_rows(work, work->parts[--work->nparts], ROW_DONE);
		return ask_next(session, work);
	}
	if (outcome == FLEET_REFUSED && work->nparts < PARTS)
		return update_refused(session, work, why);
	return give_up(work, why);
}

static source_set identity_answered(const struct session *session, struct fleet_work *work)
{
	char why[DETAIL_MAX];

	if (fleet_answer_judge(&work->call.answer, why) != FLEET_DONE)
		return give_up(work, why);
	work->is_known = true;
	if (*work->refused)
		return update_refused(session, work, work->refused);
	return ask_next(session, work);
}

static source_set fleet_ask(const struct session *session, struct job *job)
{
	struct fleet_work *work = fleet_work_of(job);

	if (work->task.late && work->step != STEP_SERIALS) /* the rest is due again soon */
		return give_up(work, text_filled(work->refused, "no answer from the server"));
	switch (work->step) {
	case STEP_UPDATE:
		return update_answered(session, work);
	case STEP_IDENTITY:
		return identity_answered(session, work);
	case STEP_SERIALS:
		break;
	}
	serials_answered(&work->serials, &work->call.answer);
	return ask_next(session, work);
}

/* ---- which may go ---- */

static void make_identity(char identity[20])
{
	snprintf(identity, 20, "%08x%08x", random_below(UINT32_MAX), random_below(UINT32_MAX));
}

/* before: "HOST ZONE" */
static void say_place(const struct session *session, const char *before)
{
	const char *zone = strchr(before, ' ');
	int len = zone ? (int)(zone - before) : 0;

	if (!zone)
		return;
	zone++;
	log_line(session->log, LOG_NOTICE,
		 "[fleet] publishes as host %d in %s from now on; what it has as host %.*s in %s "
		 "is left: rep-purge --fleet-host %.*s removes it%s",
		 session->conf->fleet_host, session->conf->fleet_zone, len, before, zone, len,
		 before,
		 strcmp(zone, session->conf->fleet_zone) != 0 ? ", with [fleet] as before" : "");
}

static void put_place(const struct conf *conf, struct fleet_state *state)
{
	snprintf(state->place, sizeof(state->place), "%d %.300s", conf->fleet_host,
		 conf->fleet_zone);
}

/* Another zone or host number, or the first. */
static bool is_new_place(const struct session *session, const struct fleet_state *state)
{
	struct fleet_state now;

	put_place(session->conf, &now);
	return strcmp(now.place, state->place) != 0;
}

/* What was published is to be published there. */
static int take_place(const struct session *session, struct fleet_state *state)
{
	int rc;

	say_place(session, state->place);
	put_place(session->conf, state);
	if (!*state->identity)
		make_identity(state->identity);
	rc = store_begin(session->store, STORE_DURABLE);
	if (rc)
		return rc;
	rc = store_publications_again(session->store);
	if (rc >= 0)
		rc = store_fleet_put(session->store, state);
	return store_end(session->store, rc < 0 ? rc : 0);
}

static bool is_paused(const struct fleet_state *state, int64_t now)
{
	return state->last_error_at > state->last_ok_at && state->last_error_at <= now &&
	       now < state->last_error_at + PAUSE_S;
}

static void note_failure(const struct session *session, struct fleet_state *state, const char *why)
{
	if (strcmp(state->last_error, why) != 0 || state->last_ok_at >= state->last_error_at)
		log_line(session->log, LOG_WARNING, "[fleet] nothing can be published: %s", why);
	state->last_error_at = clock_now_s(&session->clock);
	snprintf(state->last_error, sizeof(state->last_error), "%s", why);
}

/* Nothing is taken, and nothing is written ahead: the file may be right a minute later. */
static int key_is_bad(const struct session *session, struct fleet_state *state)
{
	char why[DETAIL_MAX] = "";

	text_put(why, sizeof(why), session->err->text);
	note_failure(session, state, why);
	return store_fleet_put(session->store, state);
}

static void fill_records(struct fleet_work *work)
{
	for (size_t i = 0; i < work->nrows; i++) {
		const struct publication *row = &work->rows[i];

		work->records[i] = (struct fleet_record){
			.addr = row->addr,
			.octet = row->octet,
			.until = row->until,
			.is_added = row->state == PUBLICATION_WANTED,
			.keep_a = row->keep_a,
			.keep_text = row->keep_text,
		};
	}
	work->parts[0] = (struct fleet_part){ 0, work->nrows };
	work->nparts = work->nrows > 0;
}

static int keep_rows(const struct session *session, const struct fleet_work *work,
		     struct worker_stats *stats)
{
	int64_t now = clock_now_s(&session->clock);
	int rc = 0;

	for (size_t i = 0; i < work->nrows && rc >= 0; i++) {
		const struct publication *row = &work->rows[i];

		if (work->states[i] == ROW_DONE) {
			rc = store_publications_done(session->store, row, 1);
			continue;
		}
		stats->failed++;
		if (work->states[i] == ROW_REFUSED)
			rc = store_publications_failed(session->store, row, 1,
						       now + job_delay_s(row->tries));
		else
			rc = store_publications_failed(session->store, row, 1, now + PAUSE_S);
	}
	return rc < 0 ? rc : 0;
}

/* Nothing had to be sent. */
static int keep_done(const struct session *session, const struct fleet_work *work)
{
	struct worker_stats stats = { 0 };
	int rc = store_begin(session->store, STORE_FAST);

	if (rc)
		return rc;
	return store_end(session->store, keep_rows(session, work, &stats));
}

static int fleet_work_new(const struct session *session, const struct fleet_state *state,
			  bool is_new, struct job **ret)
{
	struct fleet_work *work = calloc(1, sizeof(*work));
	enum fleet_key_form form;
	int rc;

	if (!work)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	work->state = *state;
	work->job = (struct job){ .kind = &job_fleet, .task = &work->task };
	work->task = (struct task){
		.kind = TASK_FLEET, .owner = &work->job, .call = &work->call, .patience_ms = JOB_MS
	};
	rc = fleet_key_check(session->conf->fleet_key_file, &form, NULL, session->err);
	if (rc) {
		rc = key_is_bad(session, &work->state);
		goto fail;
	}
	work->form = (int)form;
	rc = store_publications_take(session->store, work->rows, PUBLICATIONS_MAX);
	if (rc < 0)
		goto fail;
	work->nrows = (size_t)rc;
	fill_records(work);
	serials_begin(&work->serials, state, clock_now_s(&session->clock), work->nrows > 0);
	if (is_new ? ask_identity(session, work) : ask_next(session, work) != 0) {
		*ret = &work->job;
		return 1;
	}
	rc = keep_done(session, work);
fail:
	fleet_work_free(&work->job);
	return rc;
}

static int fleet_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	int64_t now = clock_now_s(&session->clock);
	struct fleet_state state;
	bool is_new;
	int rc;

	if (!*session->conf->fleet_zone || session->runner_fd <= 0 ||
	    engine_in_flight_of(queue->engine, TASK_FLEET))
		return 0;
	rc = store_fleet_get(session->store, &state);
	if (rc < 0)
		return rc;
	if (is_paused(&state, now))
		return 0;
	rc = store_publications_take(session->store, NULL, 0);
	if (rc < 0)
		return rc;
	is_new = is_new_place(session, &state);
	if (!rc && !serials_due(&state, now) && !is_new)
		return 0;
	if (!max)
		return 1;
	rc = is_new ? take_place(session, &state) : 0;
	if (rc)
		return rc;
	return fleet_work_new(session, &state, is_new, ret);
}

/* ---- what came of it ---- */

static void keep_state(const struct session *session, struct fleet_work *work)
{
	struct fleet_state *state = &work->state;
	bool had_failed = state->last_error_at > state->last_ok_at;

	if (work->has_failed) {
		note_failure(session, state, work->why);
		return;
	}
	if (work->is_known)
		state->last_ok_at = clock_now_s(&session->clock);
	if (work->is_known && had_failed)
		log_line(session->log, LOG_NOTICE, "[fleet] the server takes updates again");
	if (*work->refused) {
		if (strcmp(state->last_error, work->refused) != 0)
			log_line(session->log, LOG_WARNING,
				 "[fleet] some records are not published: %s", work->refused);
		state->last_error_at = state->last_ok_at;
		snprintf(state->last_error, sizeof(state->last_error), "%s", work->refused);
	}
	serials_keep(&work->serials, state, clock_now_s(&session->clock));
}

static int fleet_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct fleet_work *work = fleet_work_of(job);
	int rc;

	keep_state(session, work);
	/* what is lost with the machine is sent once more, which changes nothing */
	rc = store_begin(session->store, STORE_FAST);
	if (rc)
		return rc;
	rc = keep_rows(session, work, stats);
	if (!rc)
		rc = store_fleet_put(session->store, &work->state);
	return store_end(session->store, rc);
}

const struct job_kind job_fleet = {
	.name = "fleet",
	.take = fleet_take,
	.ask = fleet_ask,
	.keep = fleet_keep,
	.free = fleet_work_free,
};

/* SPDX-License-Identifier: MIT */
#include "worker/purge.h"
#include "worker/counting.h"
#include "worker/lift.h"
#include "store/publications.h"
#include <unistd.h>

#define ROWS_MAX     200
#define PAGES_MAX    64
#define STEP_MS	     50 /* another process waits no longer than this for a step */
#define PAUSE_MS     8	/* as hooks poll: a waiting one has its turn (store.c) */
#define PAUSE_MAX_MS 50
#define PROGRESS_MS  200
#define CHECK_S	     30
#define FETCHES_S    (60 * 86400LL) /* no feed waits longer; a wrong clock costs a download */

struct purge {
	const struct session *session;
	void (*progress)(void *user, int64_t done, int64_t total);
	void *user;
	struct store_counts all; /* that will go, for progress */
	int64_t next_progress_ms;
};
/* Steps of a size that this disk finishes soon, but not so small that they never end. */
struct step {
	int max, size;
};

static int64_t sum_counts(const struct store_counts *counts)
{
	return counts->findings + counts->lookups + counts->reports + counts->blocks +
	       counts->pardons + counts->sightings + counts->logins + counts->failures +
	       counts->retractions + counts->released + counts->lines;
}

/* Between two steps: other processes have their turn. */
static void purge_rest(const struct session *session, struct step *step)
{
	int64_t pause_ms = store_held_ms(session->store);

	if (pause_ms <= STEP_MS)
		step->size += (step->max - step->size + 1) / 2;
	else if (step->size > step->max / 4)
		step->size -= step->size / 4;
	if (pause_ms < PAUSE_MS)
		pause_ms = PAUSE_MS;
	if (pause_ms > PAUSE_MAX_MS)
		pause_ms = PAUSE_MAX_MS;
	store_checkpoint(session->store);
	usleep((useconds_t)pause_ms * 1000);
}

static void purge_progress(struct purge *purge, const struct store_counts *done)
{
	if (!purge->progress || clock_mono_ms() < purge->next_progress_ms)
		return;
	purge->next_progress_ms = clock_mono_ms() + PROGRESS_MS;
	purge->progress(purge->user, sum_counts(done), sum_counts(&purge->all));
}

static int purge_rows(struct purge *purge, struct store_counts *done)
{
	const struct session *session = purge->session;
	struct step step = { ROWS_MAX, ROWS_MAX };
	int rc;

	if (purge->progress) {
		rc = store_purge_count(session->store, session->conf, &purge->all);
		if (rc)
			return rc;
	}
	while ((rc = store_purge_mend(session->store, step.size)) > 0)
		purge_rest(session, &step);
	if (rc)
		return rc;
	while ((rc = store_purge_step(session->store, session->conf, step.size, done)) > 0) {
		purge_progress(purge, done);
		purge_rest(session, &step);
	}
	if (rc)
		return rc;
	while ((rc = store_purge_counters(session->store, session->conf, step.size)) > 0)
		purge_rest(session, &step);
	return rc;
}

static int purge_pages(const struct session *session)
{
	struct step step = { PAGES_MAX, PAGES_MAX };
	int rc;

	while ((rc = store_purge_trim(session->store, step.size)) > 0)
		purge_rest(session, &step);
	return rc;
}

static int publications_tidy(struct store *store)
{
	int rc = store_publications_expire(store);

	if (rc)
		return rc;
	return store_publications_check(store);
}

int purge_run(const struct session *session, bool dry_run,
	      void (*progress)(void *user, int64_t done, int64_t total), void *user,
	      struct store_counts *ret)
{
	struct purge purge = { .session = session, .progress = progress, .user = user };
	int rc = store_check_noted(session->store, CHECK_S);

	if (rc)
		return rc;
	if (dry_run) {
		rc = store_purge_count(session->store, session->conf, ret);
		if (rc)
			return rc;
		return lift_allowed(session, true, &ret->lifted);
	}
	rc = lift_allowed(session, false, &ret->lifted);
	if (rc)
		return rc;
	rc = purge_rows(&purge, ret);
	if (rc)
		return rc;
	rc = store_fetches_forget(session->store, clock_now_s(&session->clock) - FETCHES_S);
	if (rc)
		return rc;
	rc = counting_take(session);
	if (!rc && *session->conf->fleet_zone)
		rc = publications_tidy(session->store);
	if (rc)
		return rc;
	rc = purge_pages(session);
	if (rc)
		return rc;
	return store_purge_seen(session->store);
}

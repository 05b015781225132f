/* SPDX-License-Identifier: MIT */
#include "worker/recheck_fleet.h"
#include "reputation/dnsbl_health_store.h"
#include "reputation/fleet.h"
#include <stdlib.h>

#define WINDOW	    256
#define PAGE	    64
#define RUN_S	    3600
#define SILENCE_MAX 64 /* in a row */

struct fleet_task { /* a block, while the list is asked for it */
	struct task task;
	struct recheck block;
	struct finding findings[]; /* one for each source */
};
struct fleet_run {
	const struct session *session;
	struct err failure; /* what ended the run early; code 0: nothing did */
	struct recheck_fleet_stats stats;
	int row;
	struct recheck page[PAGE];
	int next, count; /* of the page */
	struct addr last;
	int silent; /* in a row */
	int64_t end_ms;
};

static enum supply_state fleet_fail(struct fleet_run *run, int rc)
{
	if (!run->failure.code) {
		run->failure = *run->session->err;
		run->failure.code = rc;
	}
	run->end_ms = 0;
	return SUPPLY_END;
}

static enum supply_state fleet_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct fleet_run *run = user;
	const struct conf *conf = run->session->conf;
	struct fleet_task *asked;

	*ret_wait_ms = 0;
	if (clock_mono_ms() >= run->end_ms)
		return SUPPLY_END;
	if (run->next == run->count) {
		run->next = 0;
		run->count = store_blocks_asked_for(run->session->store, &run->last, run->page,
						    PAGE);
		if (run->count < 0)
			return fleet_fail(run, run->count);
		if (!run->count)
			return SUPPLY_END;
		run->last = run->page[run->count - 1].key;
	}
	asked = calloc(1, sizeof(*asked) + conf->nsources * sizeof(asked->findings[0]));
	if (!asked)
		return fleet_fail(run, err_set(run->session->err, IPREP_E_NOMEM, "out of memory"));
	asked->block = run->page[run->next++];
	asked->task = (struct task){ .kind = TASK_LOOKUP,
				     .addr = asked->block.addr,
				     .key = asked->block.key,
				     .owner = asked,
				     .ask = SOURCE_BIT(run->row),
				     .findings = asked->findings };
	*ret = &asked->task;
	return SUPPLY_TASK;
}

/* It may have been released, or made again, in the meantime. */
static int fleet_lift_pardoned(struct fleet_run *run, const struct recheck *block)
{
	struct store *store = run->session->store;
	int alive, rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	alive = store_recheck_alive(store, block);
	rc = alive;
	if (alive > 0)
		rc = fleet_lift_block(run->session, block);
	rc = store_end(store, rc < 0 ? rc : 0);
	if (!rc && alive > 0)
		run->stats.pardoned++;
	return rc;
}

static source_set fleet_settled(void *user, struct task *task)
{
	struct fleet_run *run = user;
	struct fleet_task *asked = task->owner;
	struct finding *finding = &asked->findings[run->row];
	bool pardons = fleet_pardons(run->session->conf, asked->findings);
	int rc = 0;

	dnsbl_health_keep(run->session);
	if (pardons && !finding->trusted && !(task->tcp & SOURCE_BIT(run->row))) {
		task->tcp |= SOURCE_BIT(run->row);
		*finding = (struct finding){ 0 };
		return SOURCE_BIT(run->row);
	}
	run->stats.asked++;
	run->silent = finding->status == FINDING_OK ? 0 : run->silent + 1;
	if (run->silent == SILENCE_MAX) {
		log_line(run->session->log, LOG_WARNING,
			 "[dnsbl %s]: %s; the next run looks for pardons of blocks",
			 run->session->conf->sources[run->row].name, finding->detail);
		run->end_ms = 0;
	}
	if (pardons && finding->trusted)
		rc = fleet_lift_pardoned(run, &asked->block);
	free(asked);
	if (rc < 0)
		fleet_fail(run, rc);
	return 0;
}

int recheck_fleet(const struct session *session, struct recheck_fleet_stats *ret)
{
	struct fleet_run run = { .session = session,
				 .row = session->conf->fleet_list,
				 .end_ms = clock_mono_ms() + (int64_t)RUN_S * 1000 };
	struct task_supply supply = { .user = &run,
				      .window_max = WINDOW,
				      .task_ms = session->conf->timeout_ms,
				      .next = fleet_next,
				      .settled = fleet_settled };
	int rc;

	*ret = run.stats;
	if (run.row < 0)
		return 0;
	rc = dnsbl_health_load(session);
	if (!rc)
		rc = engine_run(session, &supply);
	*ret = run.stats;
	if (run.failure.code)
		*session->err = run.failure;
	if (rc)
		return rc;
	return run.failure.code;
}

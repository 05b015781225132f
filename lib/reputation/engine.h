/* SPDX-License-Identifier: MIT */
/*
 * engine.h - drives tasks over sources: one loop for one address, a file, and the worker
 *
 * They differ only in their supply of tasks. The engine alone knows which tasks are in flight. The
 * network module is opened when the first question is asked.
 */
#pragma once
#include "reputation/session.h"
#include "source/source.h"

struct engine;
enum supply_state { SUPPLY_TASK, SUPPLY_LATER, SUPPLY_END };
struct task_supply {
	void *user;
	size_t window_max;   /* tasks in flight */
	int task_ms;	     /* deadline of each task, from its start */
	int64_t deadline_ms; /* monotonic; of the whole run; 0: none */
	/* SUPPLY_TASK: *ret is to be started; with ask 0 it settles immediately. SUPPLY_LATER:
	 * nothing now, ask again after *ret_wait_ms. Only called while there is room in the window.
	 */
	enum supply_state (*next)(void *user, struct task **ret, int *ret_wait_ms);
	/* All that was asked has answered: returns what to ask in addition, or SOURCE_WAIT: call
	 * this again a little later (never when task->late), or 0: the task is the supplier's
	 * again. */
	source_set (*settled)(void *user, struct task *task);
	const struct engine *engine; /* set by engine_run(), for as long as it runs */
};

/*
 * A program that the runner runs, of a task TASK_FLEET. Once it has ended, settled() may change the
 * request and return anything but 0 and SOURCE_WAIT: then the next one is run, in the time that is
 * left.
 */
struct fleet_call {
	struct run_request request; /* its text has to stay until settled(); take is not used */
	/* As request.take. NULL: the output is collected. */
	bool (*take)(void *user, const char *bytes, size_t len);
	void *user;
	int max_ms;		  /* of one program; 0: what an update or a question needs */
	struct run_answer answer; /* output: malloc'd, the supplier frees it */
	char *output;
};

/*
 * Runs until SUPPLY_END and nothing in flight. Uses of the session: conf, clock, log, secret,
 * health (NULL: no list is probed), ops (NULL: net_load() when needed), err. Errors: _OS (module),
 * _NOMEM; then tasks in flight have been settled as FINDING_ERROR.
 */
int engine_run(const struct session *session, struct task_supply *supply);

/* How many tasks are in flight; of one kind; is there one with this key? NULL: none is. */
size_t engine_in_flight(const struct engine *engine);
size_t engine_in_flight_of(const struct engine *engine, enum task_kind kind);
bool engine_has_key(const struct engine *engine, const struct addr *key);

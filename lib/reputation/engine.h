/* SPDX-License-Identifier: MIT */
/*
 * engine.h - drives tasks over sources: one loop for one address, a file, and the worker
 *
 * They differ only in their feed. The network module is opened when the first question is asked.
 */
#pragma once
#include "source/dnsbl_health.h"
#include "source/source.h"

enum feed_state { FEED_TASK, FEED_LATER, FEED_END };
struct feed {
	void *user;
	size_t window_max;   /* tasks in flight */
	int task_ms;	     /* deadline of each task, from its start */
	int64_t deadline_ms; /* monotonic; of the whole run; 0: none */
	/* FEED_TASK: *ret is to be started; with ask 0 it settles at once. FEED_LATER: nothing now,
	 * ask again after *ret_wait_ms. Only called while there is room in the window. */
	enum feed_state (*next)(void *user, struct task **ret, int *ret_wait_ms);
	/* All that was asked has answered: returns what to ask besides, or SOURCE_WAIT: call this
	 * again a little later (never when task->late), or 0: the task is the feed's again. */
	source_set (*settled)(void *user, struct task *task);
};

struct engine_conf {
	const struct conf *conf;
	struct clock clock;
	const struct log *log;
	const char *secret;		   /* API key or NULL; must live as long as the engine */
	struct dnsbl_health_table *health; /* NULL: no list is probed */
	const struct net_ops *ops;	   /* NULL: net_load() when needed */
};
struct engine;
int engine_new(const struct engine_conf *engine_conf, struct engine **ret_engine);
struct engine *engine_free(struct engine *engine);
/* Until FEED_END and nothing in flight. Errors: _OS (module), _NOMEM; then tasks in flight
 * have been settled as FINDING_ERROR. */
int engine_run(struct engine *engine, const struct feed *feed, struct err *err);

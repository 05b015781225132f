/* SPDX-License-Identifier: MIT */
/*
 * worker.h - one at a time: takes jobs, feeds the engine, keeps outcomes, announces
 *
 * The lock is an open file description lock on worker.lock next to the database. Before it ends
 * the worker unlocks, looks at the queue once more, and takes the lock again if there is work:
 * a hook that has committed its job either finds the lock free or is seen.
 */
#pragma once
#include "reputation/session.h"

#define WORKER_RUN_S 600 /* it ends after ten minutes at most */

struct worker_stats {
	size_t lookups, reports, blocks, lines, failed;
};
/* Errors: _BUSY another worker runs; _STORE, _IO, _CREATE, _OS, _NOMEM. */
int worker_run(const struct session *session, int64_t linger_s, struct worker_stats *ret);
/* 1 if a worker holds the lock, 0 if none. For hooks: never waits. */
int worker_runs(const struct conf *conf);
/* [worker] start = none: the file whose appearance starts systemd's unit. */
int worker_wake_file(const struct conf *conf, struct err *error);

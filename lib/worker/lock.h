/* SPDX-License-Identifier: MIT */
/* lock.h - worker.lock and the wake file, in the directory of the database */
#pragma once
#include "conf/conf.h"

/* Takes the lock. Returns a descriptor, or _BUSY, _CREATE. */
int worker_lock(const struct conf *conf, struct err *error);
/* Hands the lock back but keeps the descriptor; worker_relock(): 0, or _BUSY: another process has
 * it.
 */
int worker_unlock(int fd);
int worker_relock(int fd);
/* When a worker last began; 0: never, or not known. Unix seconds. */
int64_t worker_last_at(const struct conf *conf);
void worker_wake_clear(const struct conf *conf);

/* SPDX-License-Identifier: MIT */
/*
 * verdict_log.h - the verdict log: one line for each block that is due
 *
 * The block is the truth, the log its outbox: a block is committed as due, the line written
 * and synced, then the block marked. Lines hold generated fields only; filter.d/rep-verdict.conf
 * reads them.
 */
#pragma once
#include "reputation/session.h"

/* The line of a block, with its newline, in dst. Returns its length. */
size_t verdict_log_line(const struct conf *conf, const struct block *block, int64_t at, int pid,
			char dst[768]);
/*
 * Write a line for each block that is due, new ones within [worker] max_new_blocks.
 * Returns how many were written, or _IO, _CREATE (log), _STORE, _BUSY: what is left stays due.
 * @ret_held_back  set to true if more new ones wait than max_new_blocks allows, else left alone
 */
int verdict_log_due(const struct session *session, bool *ret_held_back);
/*
 * Write a line for up to max blocks that are held back, by key, if the caller allows it. Returns
 * how many were written; errors as above.
 */
int verdict_log_held(const struct session *session,
		     bool (*may_go)(const struct session *session, const struct block *block),
		     size_t max);
/* Can the log be written? Makes it if it is missing. Errors: _IO, _CREATE, _PERM. */
int verdict_log_ready(const struct session *session);

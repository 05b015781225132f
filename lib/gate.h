/* SPDX-License-Identifier: MIT */
/* gate.h - ignorecommand: does an ambiguous line of this address count? Disk only (layer 4) */
#pragma once
#include "env.h"

/*
 * *ret_count: the address has a block that was announced. *ret_wake: the worker has news.
 * restored: fail2ban restores a ban; nothing is written. A read-only store answers and records
 * nothing. Errors: _STORE, _BUSY: then the outputs are untouched.
 */
int gate_ask(const struct env *env, const struct addr *a, const char *jail, bool restored,
	     bool *ret_count, bool *ret_wake, struct err *e);

/* Announce a block again, unless its last line is younger than a minute: 1 due now, 0 not. */
int gate_seen_again(const struct env *env, const struct block *b, const char *jail);

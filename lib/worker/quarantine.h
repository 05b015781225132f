/* SPDX-License-Identifier: MIT */
/*
 * quarantine.h - blocks whose evidence is gone because a list was quarantined
 *
 * A block that was not announced yet is dropped if what remains of its score, without the lists
 * that are quarantined now or are no longer configured, reaches no tier by the rules of verdict.h;
 * if it reaches a lower one, it is lowered. A block that was announced is released (rep-purge
 * --released) if it does not reach its tier without the lists that have listed what no list may:
 * what such a list said before is in doubt. A list that refuses this resolver, or has lost its
 * data, said the truth before, and what it confirmed stays. A list that was disabled confirms what
 * was announced.
 */
#pragma once
#include "reputation/session.h"

/*
 * Each quarantine is applied once. held: go through all blocks that wait for their announcement,
 * whatever their lists. Changes of the health of lists are written. Errors: _STORE, _BUSY.
 */
int quarantine_apply(const struct session *session, bool held);

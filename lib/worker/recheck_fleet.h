/* SPDX-License-Identifier: MIT */
/*
 * recheck_fleet.h - the list of the fleet is asked for all live blocks; those pardoned are lifted
 *
 * A pardon on one host must not wait for the turn of a block on another. Nothing but this list is
 * asked, and nothing but a pardon that cannot be forged changes anything. A block that cannot be
 * asked for keeps its turn the next day.
 */
#pragma once
#include "reputation/session.h"

struct recheck_fleet_stats {
	int64_t asked, pardoned;
};
/*
 * Nothing without a list of the fleet. Ends after an hour, or when 64 in a row got no answer; that
 * is logged. Errors: as engine_run(); _STORE, _BUSY.
 */
int recheck_fleet(const struct session *session, struct recheck_fleet_stats *ret);

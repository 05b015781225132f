/* SPDX-License-Identifier: MIT */
/*
 * fleet.h - pardons in the list of the fleet: they spare an address, and lift its block
 *
 * A pardon is a listing with negative points. That it spares follows from its points (verdict.h).
 * It lifts a block only if it came over a path on which it cannot be forged, as a listing that
 * makes one must have.
 */
#pragma once
#include "reputation/lookup.h"

bool fleet_pardons(const struct conf *conf, const struct finding *findings);
/* Lifts the block of the lookup, if there is one and the pardon is proven; in a transaction. 1:
 * lifted. Errors: _STORE, _BUSY. */
int fleet_lift_lookup(const struct session *session, const struct lookup *lookup);
/* Lifts this very block; in a transaction. */
int fleet_lift_block(const struct session *session, const struct recheck *block);

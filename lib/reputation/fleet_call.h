/* SPDX-License-Identifier: MIT */
/* fleet_call.h - one program of the fleet, for who waits for its answer */
#pragma once
#include "reputation/engine.h"

/*
 * Run what call->request says, and wait for its end. call->answer has what came of it; also if
 * there is no runner. Blocks for call->max_ms, or 20 s. Errors: as engine_run().
 */
int fleet_call_wait(const struct session *session, struct fleet_call *call);
/* Frees its output. */
void fleet_call_done(struct fleet_call *call);

/* SPDX-License-Identifier: MIT */
/* fleet_serials.h - how far the resolver of this host is behind the server of the fleet */
#pragma once
#include "source/fleet.h"
#include "store/publications.h"
#include "reputation/session.h"

/* One question to each of the two, in one job. */
struct serials_round {
	bool is_wanted, asked_server, asked_resolver;
	int64_t server, resolver; /* -1: no answer */
	char text[ADDR_TEXT_MAX + 8];
};

/* After changes and while the resolver is behind, at most once a minute. */
bool serials_due(const struct fleet_state *state, int64_t now);
void serials_begin(struct serials_round *round, const struct fleet_state *state, int64_t now,
		   bool has_changes);
/* What to ask next; false: nothing more. */
bool serials_next(const struct session *session, struct serials_round *round,
		  struct run_request *ret);
void serials_answered(struct serials_round *round, const struct run_answer *answer);
void serials_keep(const struct serials_round *round, struct fleet_state *state, int64_t now);

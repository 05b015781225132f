/* SPDX-License-Identifier: MIT */
/*
 * fleet_serials.c - the serial of the zone at the server and at the resolver
 *
 * A secondary that has lost its primary answers until the SOA record's expire, for days, and
 * nothing else shows it. Serials are compared as RFC 1982 has it.
 */
#include "worker/fleet_serials.h"
#include <iprep.h>
#include <stdio.h>
#include <string.h>

#define SERIALS_S 60

bool serials_due(const struct fleet_state *state, int64_t now)
{
	if (state->serials_at <= now && now < state->serials_at + SERIALS_S)
		return false;
	return state->behind_since || (state->last_ok_at && state->last_ok_at >= state->serials_at);
}

void serials_begin(struct serials_round *round, const struct fleet_state *state, int64_t now,
		   bool has_changes)
{
	*round = (struct serials_round){ .server = -1, .resolver = -1 };
	round->is_wanted = serials_due(state, now) ||
			   (has_changes &&
			    (state->serials_at > now || now >= state->serials_at + SERIALS_S));
}

bool serials_next(const struct session *session, struct serials_round *round,
		  struct run_request *ret)
{
	char address[ADDR_TEXT_MAX];

	*ret = (struct run_request){ .kind = IPREP_RUN_SERIAL, .text = "" };
	if (!round->is_wanted || round->asked_resolver)
		return false;
	if (!round->asked_server) {
		round->asked_server = true;
		return true;
	}
	round->asked_resolver = true;
	snprintf(round->text, sizeof(round->text), "-");
	if (session->conf->nresolvers)
		snprintf(round->text, sizeof(round->text), "%s %d",
			 addr_text(&session->conf->resolvers[0].addr, address),
			 session->conf->resolvers[0].port);
	ret->text = round->text;
	ret->len = strlen(round->text);
	return true;
}

void serials_answered(struct serials_round *round, const struct run_answer *answer)
{
	struct fleet_soa soa;
	char why[DETAIL_MAX];

	fleet_soa_read(answer, &soa, why);
	if (round->asked_resolver)
		round->resolver = soa.serial;
	else
		round->server = soa.serial;
}

void serials_keep(const struct serials_round *round, struct fleet_state *state, int64_t now)
{
	if (!round->asked_resolver)
		return;
	state->serials_at = now;
	state->serial_primary = round->server;
	state->serial_resolver = round->resolver;
	if (round->server < 0)
		return;
	if (round->resolver >= 0 &&
	    (int32_t)((uint32_t)round->server - (uint32_t)round->resolver) <= 0)
		state->behind_since = 0;
	else if (!state->behind_since || state->behind_since > now)
		state->behind_since = now;
}

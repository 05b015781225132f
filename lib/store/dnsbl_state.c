/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_state.c - which DNS lists pass their test points
 *
 * The zone is kept as written in the configuration, without its key: a section that names another
 * zone today starts unknown.
 */
#include "store/store_private.h"
#include <string.h>

static void state_of(sqlite3_stmt *st, struct zone_state *state)
{
	state->state[0] = (uint8_t)sql_int(st, 2);
	state->state[1] = (uint8_t)sql_int(st, 3);
	sql_text(st, 4, state->why, sizeof(state->why));
	state->latency_ms = (int)sql_int(st, 5);
	state->probed_at = sql_int(st, 6);
	state->silent_since = sql_int(st, 7);
}

int store_zones_get(struct store *store, const struct conf *conf, struct zone_state *ret)
{
	char name[64], zone[CONF_TEXT_MAX];
	sqlite3_stmt *st;
	int rc = sql_row(store, &st,
			 "SELECT name, zone, state4, state6, why, latency_ms, probed_at,"
			 " silent_since FROM zone",
			 "");

	memset(ret, 0, conf->nsources * sizeof(*ret));
	for (; rc > 0; rc = sql_next(store, st)) {
		sql_text(st, 0, name, sizeof(name));
		sql_text(st, 1, zone, sizeof(zone));
		for (size_t i = 0; i < conf->nsources; i++)
			if (!strcmp(conf->sources[i].name, name) &&
			    !strcmp(conf->sources[i].zone, zone))
				state_of(st, &ret[i]);
	}
	sqlite3_finalize(st);
	return rc;
}

int store_zone_put(struct store *store, const struct conf_source *list,
		   const struct zone_state *state)
{
	return sql_run(store,
		       "INSERT OR REPLACE INTO zone(name, zone, state4, state6, why, latency_ms,"
		       " probed_at, silent_since) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
		       "ssiisiii", list->name, list->zone, (int64_t)state->state[0],
		       (int64_t)state->state[1], state->why, (int64_t)state->latency_ms,
		       state->probed_at, state->silent_since);
}

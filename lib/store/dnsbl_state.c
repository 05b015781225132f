/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_state.c - which DNS lists pass their test points
 *
 * The zone is kept as written in the configuration, without its key: a section that names another
 * zone today starts unknown.
 */
#include "store/store_private.h"
#include <string.h>

struct wanted_zones {
	const struct conf *conf;
	struct zone_state *states; /* one for each of conf->sources */
};

static void zone_state_read(sqlite3_stmt *row, struct zone_state *state)
{
	state->state[0] = (uint8_t)sql_int(row, 2);
	state->state[1] = (uint8_t)sql_int(row, 3);
	sql_text(row, 4, state->why, sizeof(state->why));
	state->latency_ms = sql_small(row, 5);
	state->probed_at[0] = sql_int(row, 6);
	state->silent_since = sql_int(row, 7);
	state->probed_at[1] = sql_int(row, 8);
	state->is_applied = sql_int(row, 9) != 0;
}

static bool zone_read(sqlite3_stmt *row, void *element)
{
	struct wanted_zones *wanted = element;
	char name[64], zone[CONF_TEXT_MAX];

	sql_text(row, 0, name, sizeof(name));
	sql_text(row, 1, zone, sizeof(zone));
	for (size_t i = 0; i < wanted->conf->nsources; i++) {
		const struct conf_source *source = &wanted->conf->sources[i];

		if (!strcmp(source->name, name) && !strcmp(source->zone, zone))
			zone_state_read(row, &wanted->states[i]);
	}
	return true;
}

int store_zones_get(struct store *store, const struct conf *conf, struct zone_state *ret)
{
	struct wanted_zones wanted = { .conf = conf, .states = ret };
	int rc;

	memset(ret, 0, conf->nsources * sizeof(*ret));
	rc = sql_each(store, zone_read, &wanted,
		      "SELECT name, zone, state4, state6, why, latency_ms, probed_at,"
		      " silent_since, probed6_at, applied FROM zone",
		      SQL_NONE);
	if (rc < 0)
		return rc;
	return 0;
}

int store_zone_put(struct store *store, const struct conf_source *list,
		   const struct zone_state *state)
{
	return sql_run(store,
		       "INSERT OR REPLACE INTO zone(name, zone, state4, state6, why, latency_ms,"
		       " probed_at, silent_since, probed6_at, applied)"
		       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
		       SQL_TEXT(list->name), SQL_TEXT(list->zone), SQL_INT(state->state[0]),
		       SQL_INT(state->state[1]), SQL_TEXT(state->why), SQL_INT(state->latency_ms),
		       SQL_INT(state->probed_at[0]), SQL_INT(state->silent_since),
		       SQL_INT(state->probed_at[1]), SQL_INT(state->is_applied));
}

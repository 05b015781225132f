/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_state.c - which DNS lists pass their test points
 *
 * The zone is kept as written in the configuration, without its key: a section that names another
 * zone today starts unknown.
 */
#include "store/store_private.h"
#include <string.h>

static void state_of(sqlite3_stmt *st, struct zone_state *z)
{
	z->state[0] = (uint8_t)sql_int(st, 2);
	z->state[1] = (uint8_t)sql_int(st, 3);
	sql_text(st, 4, z->why, sizeof(z->why));
	z->latency_ms = (int)sql_int(st, 5);
	z->probed_at = sql_int(st, 6);
	z->silent_since = sql_int(st, 7);
}

int store_zones_get(struct store *s, const struct conf *conf, struct zone_state *ret)
{
	char name[64], zone[CONF_TEXT_MAX];
	sqlite3_stmt *st;
	int r = sql_row(s, &st,
			"SELECT name, zone, state4, state6, why, latency_ms, probed_at,"
			" silent_since FROM zone",
			"");

	memset(ret, 0, conf->nsources * sizeof(*ret));
	for (; r > 0; r = sql_next(s, st)) {
		sql_text(st, 0, name, sizeof(name));
		sql_text(st, 1, zone, sizeof(zone));
		for (size_t i = 0; i < conf->nsources; i++)
			if (!strcmp(conf->sources[i].name, name) &&
			    !strcmp(conf->sources[i].zone, zone))
				state_of(st, &ret[i]);
	}
	sqlite3_finalize(st);
	return r;
}

int store_zone_put(struct store *s, const struct conf_source *list, const struct zone_state *z)
{
	return sql_run(s,
		       "INSERT OR REPLACE INTO zone(name, zone, state4, state6, why, latency_ms,"
		       " probed_at, silent_since) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
		       "ssiisiii", list->name, list->zone, (int64_t)z->state[0],
		       (int64_t)z->state[1], z->why, (int64_t)z->latency_ms, z->probed_at,
		       z->silent_since);
}

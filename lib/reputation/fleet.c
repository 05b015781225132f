/* SPDX-License-Identifier: MIT */
#include "reputation/fleet.h"

bool fleet_pardons(const struct conf *conf, const struct finding *findings)
{
	int row = conf->fleet_list;

	return row >= 0 && findings[row].status == FINDING_OK && findings[row].points < 0;
}

int fleet_lift_block(const struct session *session, const struct recheck *block)
{
	char text[ADDR_TEXT_MAX];
	int rc = store_release(session->store, block, "fleet");

	if (rc)
		return rc;
	log_line(session->log, LOG_NOTICE, "%s: the block is lifted: pardoned in the fleet",
		 addr_key_text(&block->key, session->conf->ipv6_prefix, text));
	return 0;
}

int fleet_lift_lookup(const struct session *session, const struct lookup *lookup)
{
	struct block block;
	struct recheck lifted = { 0 };
	int rc;

	if (!fleet_pardons(session->conf, lookup->findings) ||
	    !lookup->findings[session->conf->fleet_list].trusted ||
	    lookup->verdict.kind == V_CONFIRMED)
		return 0;
	rc = store_block_of(session->store, &lookup->task.addr, &lookup->key, &block);
	if (rc <= 0)
		return rc;
	lifted.key = block.key;
	lifted.since = block.since;
	rc = fleet_lift_block(session, &lifted);
	if (rc)
		return rc;
	return 1;
}

/* SPDX-License-Identifier: MIT */
/* fleet_probe.h - is the server of the fleet usable, and is this the only host with its number? */
#pragma once
#include "reputation/session.h"
#include <iprep.h>

struct fleet_probe {
	enum iprep_source_state state;
	int latency_ms; /* of the first question; -1: no answer */
	char why[700];	/* what is wrong, and what to do; or what is known */
};
/*
 * Asks the server of [fleet] for the zone, for the host number, and to delete a record that is not
 * there, which needs the same right as publishing and changes nothing (RFC 2136, 3.4.2.4).
 * @identity  of this host, as it published it; "": it has published nothing; NULL: not known
 * Blocks for three calls of 20 s. Errors: as engine_run().
 */
int fleet_probe_run(const struct session *session, const char *identity, struct fleet_probe *ret);

/* SPDX-License-Identifier: MIT */
/* check_tcp.c - the resolver does not answer over TCP, and listings create no blocks */
#include "health/health.h"

int check_tcp_missing(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	char why[DETAIL_MAX];
	int64_t at;
	int rc;

	if (session->conf->confirm_tcp == CONFIRM_NO)
		return 0;
	rc = store_tcp_failed(session->store, &at, why);
	if (rc <= 0)
		return rc;
	return trouble(checkup, "DNS over TCP", at,
		       "DNS over TCP: %s: listings create no blocks; allow TCP port 53 to the "
		       "resolver, use one on this host, or set [dns] confirm_tcp = no",
		       why);
}

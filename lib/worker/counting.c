/* SPDX-License-Identifier: MIT */
#include "worker/counting.h"
#include "store/hook_counts.h"

int counting_take(const struct session *session)
{
	int rc = store_count_logins(session->store);

	if (rc)
		return rc;
	return hook_counts_fold(session->store, session->conf->state);
}

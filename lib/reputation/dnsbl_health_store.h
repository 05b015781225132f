/* SPDX-License-Identifier: MIT */
/* dnsbl_health_store.h - health of the lists between the store and the engine; changes are logged
 */
#pragma once
#include "reputation/session.h"
#include "source/dnsbl_health.h"

/* Once per context; without a store nothing is known. Errors: as the store's. */
int dnsbl_health_load(const struct session *session);
/* Write and log what changed. If the store fails, the next run only has to probe again. */
void dnsbl_health_keep(const struct session *session);
/* Findings of quarantined lists, from the cache too, are worth nothing. */
void dnsbl_health_mark(const struct session *session, struct finding *findings);

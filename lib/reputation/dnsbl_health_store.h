/* SPDX-License-Identifier: MIT */
/* dnsbl_health_store.h - health of the lists between the store and the engine; who is told of a
 * change */
#pragma once
#include "reputation/session.h"
#include "source/dnsbl_health.h"

/* Once for a context; without a store nothing is known. Errors: as the store's. */
int zones_load(const struct env *env);
/* Keep and tell what changed. A store that refuses costs the next run its probes, nothing else. */
void zones_keep(const struct env *env);
/* Findings of quarantined lists, from the cache too, are worth nothing. */
void zones_mark(const struct env *env, struct finding *findings);

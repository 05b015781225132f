/* SPDX-License-Identifier: MIT */
/*
 * bulk_cache.h - findings of a long list on their way to the store, in batches
 *
 * One transaction writes many rows. It never waits for the lock, and takes at most a twentieth of
 * the time: a nearby resolver answers faster than a database writes. While there is no room
 * findings are not cached, listings last: asking again costs less than waiting.
 */
#pragma once
#include "reputation/session.h"
#include "reputation/lookup.h"

struct bulk_cache;
struct bulk_cache *bulk_cache_new(const struct session *session); /* NULL: no memory */
/* Take the fresh findings of a settled lookup. */
void bulk_cache_put(struct bulk_cache *cache, const struct lookup *lookup);
/* Write if it is time. */
void bulk_cache_tick(struct bulk_cache *cache);
/* Write all; waits 2 s at most for the lock. */
void bulk_cache_end(struct bulk_cache *cache);
uint64_t bulk_cache_lost(const struct bulk_cache *cache);
void bulk_cache_free(struct bulk_cache *cache);

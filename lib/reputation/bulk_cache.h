/* SPDX-License-Identifier: MIT */
/*
 * bulk_cache.h - findings of a long list on their way to the store, in batches
 *
 * One transaction for many rows, that takes the lock or goes on without, and at most a twentieth of
 * the time: a resolver next door answers faster than a database keeps. What comes while there is no
 * room is not cached, listings last: asking again costs less than waiting.
 */
#pragma once
#include "reputation/session.h"
#include "reputation/lookup.h"

struct listing_cache;
struct listing_cache *listing_cache_new(const struct env *env); /* NULL: no memory */
/* Take the fresh findings of a settled lookup. */
void listing_cache_put(struct listing_cache *c, const struct lookup *l);
/* Write if it is time. */
void listing_cache_tick(struct listing_cache *c);
/* Write all; waits 2 s at most for the lock. */
void listing_cache_end(struct listing_cache *c);
uint64_t listing_cache_lost(const struct listing_cache *c);
void listing_cache_free(struct listing_cache *c);

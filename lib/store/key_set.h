/* SPDX-License-Identifier: MIT */
/*
 * key_set.h - the keys of which the file knows something, in memory
 *
 * Of most addresses of a long list nothing is known, and the set shows that in a fraction of the
 * time that four tables take. It is read once many addresses were unknown, if it fits, and is valid
 * within one snapshot of the file: until another process has committed something, or this one has
 * written anything but the findings that were added to the set. 2 MB, freed with the store.
 */
#pragma once
#include "base/types.h"

struct store;
struct key_set;

/* False: nothing is known of the key in the snapshot that is open. True: there may be something. */
bool key_set_may_have(struct store *store, const struct addr *key);
/* A snapshot begins. */
void key_set_new_snapshot(struct store *store);
/* The file was asked and knows nothing of a key. */
void key_set_note_unknown(struct store *store);
/* Before a finding is written; after it: key is added, and the set stays as valid as it was. */
int key_set_before_write(const struct store *store);
void key_set_written(struct store *store, const struct addr *key, int before);
struct key_set *key_set_free(struct key_set *set);

/* SPDX-License-Identifier: MIT */
/*
 * place.h - a directory of a test's own, with a configuration and a database, and a clock to move
 *
 * FIXTURE(place_set_up, place_tear_down) gives each case a new one, and removes all that is in it.
 */
#pragma once
#include "conf/conf.h"
#include "store/store.h"
#include "unit.h"
#include <sys/types.h>

#define NOW	 1795426190 /* 2026-11-23T09:29:50Z */
#define SOMEBODY 65534	    /* a user who is not root */

struct place {
	char dir[64];
	struct conf *conf;   /* the defaults, without sources */
	struct store *store; /* NULL until place_open() */
	int64_t now;	     /* at first NOW */
	struct err error;
	size_t npaths;
};
extern struct place place;
extern const struct clock place_clock; /* shows place.now */

int place_set_up(void **state);
int place_tear_down(void **state);
/* The path of a file in it; good until the end of the case. */
const char *place_path(const char *name);
/* In place of what was there. */
void place_write(const char *name, const void *bytes, size_t len, mode_t mode);
/* What a call returns that another user makes, or one with another group too; the directory lets
 * others in from then on. */
int place_call_as_somebody(int (*call)(void), bool with_group);
/* A whole file, with a NUL after it; to be freed. */
char *file_read(const char *path);
/* iprep.db. Returns what store_open() does. */
int place_open(enum store_mode mode);

/* A text that must be an address. */
struct addr addr_of(const char *text);
/* A list of this name and zone, with points as in iprep.conf, at the end of place.conf. */
struct conf_source *place_add_list(const char *name, const char *zone, const char *points);
/* The tier "known" from 3 points, for a day, and "notorious" from 10, for a year. */
void place_add_tiers(size_t ntiers);
/* A due block of this address, from place.now, by the jail sshd and the list zen. */
void place_put_block(const char *key, int64_t until);

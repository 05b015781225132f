/* SPDX-License-Identifier: MIT */
/* feed_status.h - what is on disk of each feed and allowed name, and how its last download ended */
#pragma once
#include "base/types.h"
#include "iprep.h"
#include "reputation/session.h"

struct feed_status {
	struct iprep_feed feed; /* its texts are those below, or of the configuration */
	char why[DETAIL_MAX];
	int tries; /* downloads that failed or were refused, since the last that was accepted */
};
/* How many there are: the feeds in the order of the configuration, then the names of [allow], those
 * whose time is over too. */
size_t feed_status_count(const struct conf *conf);
/* ret has room for all of them. Returns how many have an effect, which are first in it. Errors:
 * _STORE, _BUSY. */
int feed_status_read(const struct session *session, struct feed_status *ret);

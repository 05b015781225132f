/* SPDX-License-Identifier: MIT */
/* enqueue.h - recording that an ordinary jail banned an address: one durable transaction */
#pragma once
#include "reputation/session.h"
#include "source/source.h"

struct event { /* validated by the caller */
	struct addr addr;
	char jail[JAIL_MAX];
	char categories[CONF_TEXT_MAX];	      /* numbers */
	char comment[REPORT_COMMENT_MAX + 1]; /* template */
	int failures;
	int64_t seen_at;
	const char *const *users; /* names that were tried; not kept, only their hashes */
	const size_t *user_lens;
	size_t nusers;
	bool by_hand; /* banned by a person or an imported list: no evidence for a report */
};
/*
 * *ret_recorded: enum iprep_recorded. Recording one event again changes nothing. The lookup
 * is queued in addition to the report; a live block is announced again. Errors: _STORE, _BUSY.
 */
int enqueue_event(const struct session *session, const struct event *ev, int *ret_recorded,
		  bool *ret_wake);

/* SPDX-License-Identifier: MIT */
/* asked.h - one task through the engine, against the scripted network of fake_net.h */
#pragma once
#include "fake_net.h"
#include "place.h"
#include "reputation/engine.h"

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* An HTTP answer without rate-limit headers. */
#define ANSWER(status_code, text)                                                      \
	{                                                                              \
		.status = NET_OK, .code = (status_code), .limit = -1, .remaining = -1, \
		.reset_at = -1, .retry_after_s = -1, .body = (text), .sent = true      \
	}

/* place.conf, place_clock and KEY. */
struct session asked_session(void);
/* settled: NULL: after its first answers the task is done. */
void asked_run(struct session *session, struct task *task, const struct fake_answer *script,
	       int task_ms, source_set (*settled)(void *user, struct task *task));

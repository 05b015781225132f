/* SPDX-License-Identifier: MIT */
#include "asked.h"

struct session asked_session(void)
{
	return (struct session){ .conf = place.conf,
				 .secret = KEY,
				 .ops = &fake_net,
				 .clock = place_clock,
				 .err = &place.error,
				 .auth_mark = "" };
}

static enum supply_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct task **left = user;

	(void)ret_wait_ms;
	*ret = *left;
	*left = NULL;
	return *ret ? SUPPLY_TASK : SUPPLY_END;
}

static source_set settled_at_once(void *user, struct task *task)
{
	(void)user;
	(void)task;
	return 0;
}

void asked_run(struct session *session, struct task *task, const struct fake_answer *script,
	       int task_ms, source_set (*settled)(void *user, struct task *task))
{
	struct task *left = task;
	struct task_supply supply = { .user = &left,
				      .window_max = 1,
				      .task_ms = task_ms,
				      .next = next,
				      .settled = settled ? settled : settled_at_once };

	fake_net_script(script);
	assert_int_equal(engine_run(session, &supply), 0);
}

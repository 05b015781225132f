/* SPDX-License-Identifier: MIT */
#include "reputation/fleet_call.h"
#include <stdio.h>
#include <stdlib.h>

#define CALL_MS 20000

struct fleet_wait {
	struct task task;
	bool is_given;
};

static enum supply_state next_call(void *user, struct task **ret, int *ret_wait_ms)
{
	struct fleet_wait *wait = user;

	*ret_wait_ms = 0;
	if (wait->is_given)
		return SUPPLY_END;
	wait->is_given = true;
	*ret = &wait->task;
	return SUPPLY_TASK;
}

static source_set call_settled(void *user, struct task *task)
{
	(void)user;
	(void)task;
	return 0;
}

int fleet_call_wait(const struct session *session, struct fleet_call *call)
{
	struct fleet_wait wait = { .task = { .kind = TASK_FLEET, .call = call } };
	struct task_supply supply = { .user = &wait,
				      .window_max = 1,
				      .task_ms = call->max_ms ? call->max_ms : CALL_MS,
				      .next = next_call,
				      .settled = call_settled };

	fleet_call_done(call);
	call->answer = (struct run_answer){ .status = NET_BROKEN, .output = "" };
	snprintf(call->answer.why, sizeof(call->answer.why), "no process runs the client");
	if (session->runner_fd <= 0)
		return 0;
	return engine_run(session, &supply);
}

void fleet_call_done(struct fleet_call *call)
{
	free(call->output);
	call->output = NULL;
}

/* SPDX-License-Identifier: MIT */
#include "worker/job.h"
#include "base/random.h"
#include <stdlib.h>

int api_call_count(const struct session *session, const struct task *task)
{
	if (task->outcome != OUT_LATER && task->outcome != OUT_NONE)
		return 0;
	return store_count(session->store, "api_error", abuseipdb_endpoint(task->kind), 1);
}

int64_t job_delay_s(int tries)
{
	static const int steps[] = { 15, 60, 180, 600, 1200, 1800, 3600 };
	size_t count = sizeof(steps) / sizeof(steps[0]);
	int64_t seconds = steps[(size_t)tries < count ? (size_t)tries : count - 1];

	return seconds + random_below((uint32_t)seconds / 4 + 1);
}

int api_call_init(struct api_call *call, const struct job_kind *kind, enum task_kind task_kind,
		  const struct session *session, const struct addr *addr)
{
	call->findings = calloc(session->conf->nsources + 1, sizeof(*call->findings));
	if (!call->findings)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	call->task = (struct task){ .kind = task_kind,
				    .addr = *addr,
				    .key = addr_key(addr, session->conf->ipv6_prefix),
				    .owner = &call->job,
				    .findings = call->findings,
				    .ask = SOURCE_BIT(session->conf->abuseipdb) };
	call->job = (struct job){ .kind = kind, .task = &call->task };
	return 0;
}

void api_call_done(struct api_call *call)
{
	free(call->task.refused);
	free(call->findings);
	free(call->body);
}

int64_t api_call_retry_at(const struct session *session, const struct task *task, int tries)
{
	int64_t delay_s = job_delay_s(tries);

	/* what was refused for its quota or key goes as soon as the endpoint does */
	if (task->quota.stopped_until || task->quota.auth_failed)
		return clock_now_s(&session->clock);
	if (task->retry_after_s > delay_s)
		delay_s = task->retry_after_s;
	return clock_now_s(&session->clock) + delay_s;
}

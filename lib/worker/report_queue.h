/* SPDX-License-Identifier: MIT */
/* report_queue.h - reports that wait: which may go now, alone or in bulk, and how they are frozen
 */
#pragma once
#include "worker/job.h"

/*
 * Makes queue->plan, once. One bulk if more reports wait than single calls are left, and bulk calls
 * are; these are spread over the rest of the day once they become few. Errors: _STORE, _BUSY.
 */
int report_plan(struct job_queue *queue);
/*
 * Freeze it, if it is not: comment and categories as they go out. In a transaction. 1: it is over,
 * not to be sent.
 */
int report_freeze(const struct session *session, struct report_job *report);
/*
 * The state of a report that was not sent or not answered. What the service cannot have taken, at
 * any try, may still get later events and never becomes "outcome unknown".
 */
enum report_state report_state_later(const struct task *task, bool sent_before);

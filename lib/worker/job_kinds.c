/* SPDX-License-Identifier: MIT */
/* job_kinds.c - the kinds of jobs: a new one is a file and a row here */
#include "worker/job.h"

/* Reports go before lookups, which wait for those of the same address. Nothing waits for a feed. */
const struct job_kind *const job_kinds[] = { &job_retract, &job_bulk,	&job_report,
					     &job_limit,   &job_lookup, &job_fleet,
					     &job_resolve, &job_fetch,	NULL };

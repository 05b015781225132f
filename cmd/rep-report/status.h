/* SPDX-License-Identifier: MIT */
/* status.h - rep-report --status: the queue, the quotas and what is stuck, for people */
#pragma once
#include "common/cli.h"

/* Returns an exit status. */
int report_status(struct cli *cli);

/* SPDX-License-Identifier: MIT */
/* status.h - rep-report --status: the queue, the quotas and what is stuck, for people */
#pragma once
#include "common/cli.h"
#include "common/json.h"

/* Returns an exit status. */
int report_status(struct cli *cli);
/* An element of "endpoints", also of the summary. */
void status_put_endpoint_json(struct json *json, const struct iprep_endpoint *endpoint);

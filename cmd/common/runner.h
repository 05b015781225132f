/* SPDX-License-Identifier: MIT */
/* runner.h - the process that runs the DNS client of the fleet for the library (iprep.h, "runner")
 */
#pragma once
#include "common/cli.h"

/*
 * Start the runner if [fleet] zone is set: call it after the end of root and before the process is
 * confined, because a confined process starts no other one. The runner knows zone, server and key
 * file; all that it can be asked for is an update, the SOA record, this host's identity or a
 * transfer of this zone. It
 * starts nsupdate or knsupdate, and dig or kdig, from /usr/bin or /usr/sbin, without a shell, with
 * an empty environment and a time limit. It ends with this process, and a client ends with it.
 * Without it, which is reported, nothing is published and all else goes on. Returns an exit status.
 */
int runner_start(struct cli *cli);

/* SPDX-License-Identifier: MIT */
/* self_test.h - rep-check --self-test: a table of what is usable and what is not */
#pragma once
#include "common/cli.h"

/* client: fail2ban-client, to ask for its jails. Returns the exit status: EX_UNAVAILABLE if
 * something is not usable. */
int check_self_test(struct cli *cli, int timeout_ms, const char *client);

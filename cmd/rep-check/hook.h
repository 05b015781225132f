/* SPDX-License-Identifier: MIT */
/* hook.h - what fail2ban runs under its global lock: from disk, in milliseconds */
#pragma once
#include "common/cli.h"

struct gate_options { /* texts as fail2ban passes them; NULL: not given */
	const char *jail, *user, *restored;
};

/* iprep_should_count() with them. */
int gate_should_count(struct iprep_ctx *ctx, const struct gate_options *options,
		      const char *address, bool *ret_count, bool *ret_wake);
/* All return an exit status; EX_CONFIRMED: count the line, or: the address is blocked. */
int check_gate(struct cli *cli, const struct gate_options *options, const char *address);
int check_login(struct cli *cli, const char *address);
int check_is_blocked(struct cli *cli, const char *address);
/* Are configuration, state and verdict log usable? */
int check_ready(struct cli *cli);

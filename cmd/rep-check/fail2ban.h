/* SPDX-License-Identifier: MIT */
/*
 * fail2ban.h - rep-check --self-test: will fail2ban do what iprep says?
 *
 * iprep-check-fail2ban, a Python program, does the check: it reads "fail2ban-client -d" and queries
 * the journal and the log files. It is started while we are still root, since jail.local and
 * logs may be readable by root only; what it prints is read after root has ended. Never used by a
 * hook: it takes half a second.
 */
#pragma once
#include "common/cli.h"
#include <sys/types.h>

enum f2b_state {
	F2B_OK,
	F2B_OFF,
	F2B_UNKNOWN, /* not seen: not root, or fail2ban does not run */
	F2B_MISMATCH,
	F2B_ERROR
}; /* only the last one fails a self-test */
extern const char *const f2b_state_names[5];
/* What is looked at; "tier known", "jail sshd". */
typedef void f2b_row(void *user, const char *what, enum f2b_state state, const char *why);

struct f2b_check {
	pid_t pid;
	int fd, error;
};

/* Start it. client: the fail2ban-client to ask, by PATH or with its path. An error is told by the
 * next call. */
void check_fail2ban_start(const struct cli *cli, const char *client, struct f2b_check *check);
/* Read what it finds, 60 s at most. True if nothing is wrong. */
bool check_fail2ban(const struct cli *cli, struct f2b_check *check, f2b_row *row, void *user);

/* SPDX-License-Identifier: MIT */
/*
 * limit.h - the time limit of a hook, whatever it finds
 *
 * The library bounds what it waits for. But what lies in the state directory belongs to the user
 * that the worker runs as: a worker that an attacker has taken over can stop the hook itself
 * (SIGSTOP), or put a file system there that never answers. So the hook works in a child, and this
 * process, which is still fail2ban's user, does nothing but wait and end it. The same as timeout(1)
 * in front of it, but for every way to call a hook, and without starting another program.
 */
#pragma once
#include "common/cli.h"

enum { LIMIT_CHILD = -1 };

/* Before the configuration is opened. Returns LIMIT_CHILD in the child, which goes on; in the
 * parent, after at most 4.8 s, the status to exit with: the child's, or EX_TEMPFAIL if it had to be
 * ended. */
int limit_begin(struct cli *cli);
/* In the child, again after each change of user: it ends when its parent is killed (prctl(2)). */
void limit_follow_parent(pid_t parent);

/* SPDX-License-Identifier: MIT */
/*
 * check_fail2ban.h - rep-check --self-test: will fail2ban do what iprep says?
 *
 * Does an enabled jail read each tier, for as long as the tier says? Do its sets take prefixes, where there
 * are some? Is the firewall's program there? Are the parameters of the action good? Told from "fail2ban-client -d".
 */
#pragma once
#include "cli.h"
#include "f2b_dump.h"

enum f2b_state { F2B_GOOD, F2B_OFF, F2B_DIFFERS, F2B_WRONG };   /* only the last one fails a self-test */
/* What is looked at; "tier known", "jail sshd". */
typedef void f2b_row(void *user, const char *what, enum f2b_state state, const char *why);
/* Reads and judges. True if nothing is wrong. */
bool check_fail2ban(const struct cli *cli, struct f2b_dump *dump, f2b_row *row, void *user);

/* SPDX-License-Identifier: MIT */
/* allowed.h - rep-check --allowed: the entries of section [allow], for people, programs, fail2ban
 */
#pragma once
#include "common/cli.h"

/* format: NULL, "text" or "ignoreip". Return an exit status. */
int check_allowed_options(struct cli *cli, const char *format);
int check_allowed(struct cli *cli, const char *format);

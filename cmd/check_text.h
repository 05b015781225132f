/* SPDX-License-Identifier: MIT */
/* check_text.h - one result on stdout: columns for people, or a line of JSON */
#pragma once
#include "cli.h"

/* As the options say: text, JSON, or with --quiet nothing. */
void check_put(const struct cli *cli, const struct iprep_result *r);

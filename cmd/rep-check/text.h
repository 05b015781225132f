/* SPDX-License-Identifier: MIT */
/* text.h - one result on stdout: columns for people, or a line of JSON */
#pragma once
#include "common/cli.h"

/* As the options say: text, JSON, or with --quiet nothing. */
void check_put(const struct cli *cli, const struct iprep_result *result);
/* One line of evidence; width: of the sources' names. */
void check_put_finding(const struct iprep_finding *finding, int width);

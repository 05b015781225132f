/* SPDX-License-Identifier: MIT */
/* text.h - one result on stdout: columns for people, or a line of JSON */
#pragma once
#include "common/cli.h"

/* Of what check_put() prints, on a terminal; once, before the first row: messages come before. */
void check_put_heads(const struct cli *cli, bool *has_heads);
/* As the options say: text, JSON, or with --quiet nothing. known: NULL, or what is on disk. */
void check_put(const struct cli *cli, const struct iprep_result *result,
	       const struct iprep_known *known);
/* Lines of evidence, indented; below heads on a terminal. */
void check_put_findings(const struct terminal *terminal, int indent,
			const struct iprep_finding *const *findings, size_t nfindings,
			bool has_heads);

/* SPDX-License-Identifier: MIT */
/* result_json.h - a result or a block as one line of JSON on stdout */
#pragma once
#include <iprep.h>

/* known: NULL, or what is on disk. */
void check_put_result_json(const struct iprep_result *result, const struct iprep_known *known);
void check_put_block_json(const struct iprep_block *block);

/* SPDX-License-Identifier: MIT */
/* lookup.h - rep-check ADDRESS...: look addresses up now and print what is known */
#pragma once
#include "common/cli.h"

/*
 * @flags       enum iprep_lookup_flags
 * @timeout_ms  for all of them; 0: [general] timeout_ms
 * Returns the exit status: EX_DATAERR, EX_CONFIRMED, EX_TEMPFAIL (unknown), EX_OK.
 */
int check_addresses(struct cli *cli, char *const *addresses, int count, unsigned flags,
		    int timeout_ms);

/* SPDX-License-Identifier: MIT */
/* known.h - why an address is treated as it is: what is on disk of it, below its lookup */
#pragma once
#include "common/cli.h"

/* NULL: nothing may be read. */
void check_put_known(const struct cli *cli, const struct iprep_result *result,
		     const struct iprep_known *known);

/* SPDX-License-Identifier: MIT */
/* pardons.h - rep-purge --pardons and --unpardon */
#pragma once
#include "common/cli.h"

/* Returns an exit status. */
int purge_list_pardons(struct cli *cli);
/* Nothing is changed if one of them is no address. Returns an exit status. */
int purge_unpardon(struct cli *cli, char **addresses, int count);

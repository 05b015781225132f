/* SPDX-License-Identifier: MIT */
/* fleet.h - rep-purge --fleet-host: removes what a host left in the zone of the fleet */
#pragma once
#include "common/cli.h"

/* The number of a host; a usage error says what is wrong. Returns an exit status. */
int purge_parse_host(const struct cli *cli, const char *text, int *ret);
/* Confines the process. Returns an exit status. */
int purge_fleet_host(struct cli *cli, int host, const struct iprep_run_options *options);

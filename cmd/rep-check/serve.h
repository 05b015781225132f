/* SPDX-License-Identifier: MIT */
/* serve.h - the gate and the other hooks for a process that keeps them running: "--gate --serve" */
#pragma once
#include "common/cli.h"

/*
 * Answers the requests of standard input (request.h) until it ends. Requests that are there
 * together are one transaction. Returns an exit status.
 */
int check_serve(struct cli *cli);

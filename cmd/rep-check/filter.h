/* SPDX-License-Identifier: MIT */
/* filter.h - values of --sort: the whole text or nothing */
#pragma once
#include <iprep.h>

/* "announced", "address", "end". */
bool filter_order(const char *text, int *ret_order);

/* SPDX-License-Identifier: MIT */
/* result.h - a finished look-up as the public, append-only struct iprep_result (layer 5) */
#pragma once
#include "lookup.h"

/* One allocation, released with free(). NULL: no memory. */
struct iprep_result *result_new(const struct env *env, const struct lookup *l);

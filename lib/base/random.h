/* SPDX-License-Identifier: MIT */
/* random.h - numbers for pauses and delays; the host program's generator stays as it is */
#pragma once
#include <stdint.h>

/* From 0 to limit - 1; limit is at least 1. */
uint32_t random_below(uint32_t limit);

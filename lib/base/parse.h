/* SPDX-License-Identifier: MIT */
/* parse.h - numbers from text, strictly: the whole text or nothing */
#ifndef IPREP_BASE_PARSE_H
#define IPREP_BASE_PARSE_H
#include <stdbool.h>
#include <stdint.h>

/* A decimal whole number from min to max and nothing else. */
bool int_parse(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif

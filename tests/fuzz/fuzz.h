/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - a target is one function over foreign bytes that also says what must hold
 *
 * Built twice: with replay.c, which runs the kept corpus in every ctest, and with libFuzzer
 * (tests/fuzz/run). must() aborts, so that a broken promise is a crash like any other.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(what)                                                                         \
	do {                                                                               \
		if (!(what)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* Printable, one line: what people may see. */
static inline int is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			return 0;
	return 1;
}

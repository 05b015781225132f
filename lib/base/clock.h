/* SPDX-License-Identifier: MIT */
/* clock.h - wall time through one function pointer, so that tests can move it */
#pragma once
#include <stdint.h>

struct clock {
	int64_t (*now_s)(void *user); /* NULL: time(2) */
	void *user;
};

int64_t clock_now_s(const struct clock *clock);
int64_t clock_mono_ms(void); /* for deadlines: never jumps */
int64_t clock_boot_s(void);  /* since boot, suspend included */

/* SPDX-License-Identifier: MIT */
/*
 * err.h - an error code with one sentence about it
 *
 * Functions whose errors need more than a code take a struct err; it may be NULL. The code is one
 * of enum iprep_err. Messages: "object: what is wrong[; what happens now or what to do]"; no
 * newline, no secret, foreign text through text_mask().
 */
#pragma once
#include <iprep.h>

struct err {
	int code;
	char text[640];
};

/* Fills in *error and returns code, so that callers write: return err_set(error, CODE, ...); */
int err_set(struct err *error, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Put "prefix: " before the text that is there. Returns e's code. */
int err_prefix(struct err *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

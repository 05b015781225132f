/* SPDX-License-Identifier: MIT */
/* report_comment.h - a report's public comment, from generated numbers only */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct report_comment_facts {
	const char *jail;
	int failures, users;
	int64_t window_s;
};
/*
 * Fill in the template: %{jail} %{failures} %{users} %{window}. A clause (text between commas,
 * or after a colon) whose number is 0 is left out. Always terminated; dst holds room bytes, and
 * what does not fit is cut on a UTF-8 boundary. template: UTF-8.
 */
void report_comment_format(const char *template, const struct report_comment_facts *facts,
			   char *dst, size_t room);

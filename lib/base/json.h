/* SPDX-License-Identifier: MIT */
/*
 * json.h - the only door to cJSON, which reads the answers of the API and lists on disk
 *
 * cJSON is in a module of its own, json.so, which is opened when it is first needed: a hook of
 * fail2ban reads no JSON, and each library that is not loaded spares it 3 % of its time.
 *
 * Reading is strict and typed, never a guess. A caller that decides by a member asks whether it is
 * absent before it reads it: one of another type is not absent, it is not understood. Depth, number
 * of values and digits of numbers are limited, and the time grows with the text alone; duplicate
 * members, control bytes and "\u0000" make the text invalid.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* borrowed unless stated; NULL is "not there" */

/* Load the module once; json_parse() does so as well, but cannot report an error. Errors: _OS. */
int json_load(struct err *error);
struct json *json_parse(const char *text, size_t len); /* NULL: invalid; else json_free() */
struct json *json_free(struct json *json);
const struct json *json_member(const struct json *object, const char *name);
const struct json *json_item(const struct json *array, size_t i);
size_t json_count(const struct json *array);
const struct json *json_next(const struct json *item); /* of the same array; NULL: the last */
bool json_is_absent(const struct json *json);	       /* or null */
bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_int(const struct json *json, int64_t min, int64_t max,
	      int64_t *ret); /* whole numbers only */
bool json_bool(const struct json *json, bool *ret);
const char *json_text(const struct json *json); /* NULL if it is no string */

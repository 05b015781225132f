/* SPDX-License-Identifier: MIT */
/*
 * json.h - one JSON object a line, written member by member; the only place that quotes
 *
 * Nothing is allocated, so nothing can fail but the stream: see ferror(3). Source: RFC 8259.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool more; /* a value was written before this one, on this level */
};

/* Begin and end a line. */
void json_begin(struct json *json, FILE *out);
void json_end(struct json *json);

/* Members; name is NULL in an array. */
void json_put_text(struct json *json, const char *name, const char *text); /* NULL: null */
void json_put_int(struct json *json, const char *name, int64_t number);
void json_put_bool(struct json *json, const char *name, int value);  /* negative: null */
void json_put_time(struct json *json, const char *name, int64_t at); /* 0: null */
void json_put_null(struct json *json, const char *name);
void json_put_object(struct json *json, const char *name); /* until json_close_object() */
void json_close_object(struct json *json);
void json_put_array(struct json *json, const char *name); /* until json_close_array() */
void json_close_array(struct json *json);

/* SPDX-License-Identifier: MIT */
#include "common/json.h"
#include <string.h>

/* UTF-8 stays as it is. */
static void write_string(FILE *out, const char *text)
{
	static const char named[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";

	fputc('"', out);
	for (; *text; text++) {
		const char *found = strchr(named, *text);

		if (found)
			fprintf(out, "\\%c", letters[found - named]);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

/* The comma and the name before a value. */
static void write_name(struct json *json, const char *name)
{
	if (json->more)
		fputc(',', json->out);
	if (name) {
		write_string(json->out, name);
		fputc(':', json->out);
	}
	json->more = true;
}

static void open_level(struct json *json, const char *name, char bracket)
{
	write_name(json, name);
	fputc(bracket, json->out);
	json->more = false;
}

static void close_level(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->more = true; /* what was closed is a value of the level above */
}

void json_begin(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out };
	fputc('{', out);
}

void json_end(struct json *json)
{
	fputs("}\n", json->out);
}

void json_put_text(struct json *json, const char *name, const char *text)
{
	if (!text) {
		json_put_null(json, name);
		return;
	}
	write_name(json, name);
	write_string(json->out, text);
}

void json_put_int(struct json *json, const char *name, int64_t number)
{
	write_name(json, name);
	fprintf(json->out, "%lld", (long long)number);
}

void json_put_bool(struct json *json, const char *name, int value)
{
	if (value < 0) {
		json_put_null(json, name);
		return;
	}
	write_name(json, name);
	fputs(value ? "true" : "false", json->out);
}

void json_put_time(struct json *json, const char *name, int64_t at)
{
	if (at)
		json_put_int(json, name, at);
	else
		json_put_null(json, name);
}

void json_put_null(struct json *json, const char *name)
{
	write_name(json, name);
	fputs("null", json->out);
}

void json_put_object(struct json *json, const char *name)
{
	open_level(json, name, '{');
}

void json_close_object(struct json *json)
{
	close_level(json, '}');
}

void json_put_array(struct json *json, const char *name)
{
	open_level(json, name, '[');
}

void json_close_array(struct json *json)
{
	close_level(json, ']');
}

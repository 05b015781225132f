/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

/* struct json is cJSON under another name: the one place that knows. */
static cJSON *in(const struct json *json)
{
	return (cJSON *)(uintptr_t)json;
}

static struct json *out(const cJSON *c)
{
	return (struct json *)(uintptr_t)c;
}

/* cJSON allows 1000 levels and recurses: count before it does. Strings may hold brackets. */
static bool shallow(const char *text, size_t len)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char byte = text[i];

		if (!byte)
			return false;
		if (quoted && byte == '\\')
			i++;
		else if (byte == '"')
			quoted = !quoted;
		else if (!quoted && (byte == '[' || byte == '{') && ++depth > DEPTH_MAX)
			return false;
		else if (!quoted && (byte == ']' || byte == '}'))
			depth--;
	}
	return true;
}

static bool unique(const cJSON *c)
{
	for (const cJSON *a = c->child; a; a = a->next) {
		if (!unique(a))
			return false;
		if (!cJSON_IsObject(c))
			continue;
		if (cJSON_GetObjectItemCaseSensitive(c, a->string) != a)
			return false;
	}
	return true;
}

struct json *json_parse(const char *text, size_t len)
{
	const char *end = NULL;
	cJSON *c;

	if (!shallow(text, len))
		return NULL;
	c = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!c)
		return NULL;
	while (end < text + len && strchr(" \t\r\n", *end))
		end++;
	if (end == text + len && unique(c))
		return out(c);
	cJSON_Delete(c);
	return NULL;
}

struct json *json_free(struct json *json)
{
	cJSON_Delete(in(json));
	return NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
	return object && cJSON_IsObject(in(object))
		       ? out(cJSON_GetObjectItemCaseSensitive(in(object), name))
		       : NULL;
}

const struct json *json_item(const struct json *array, size_t i)
{
	return array && cJSON_IsArray(in(array)) ? out(cJSON_GetArrayItem(in(array), (int)i))
						 : NULL;
}

size_t json_count(const struct json *array)
{
	return array && cJSON_IsArray(in(array)) ? (size_t)cJSON_GetArraySize(in(array)) : 0;
}

const struct json *json_next(const struct json *item)
{
	return item ? out(in(item)->next) : NULL;
}

bool json_int(const struct json *json, int64_t min, int64_t max, int64_t *ret)
{
	double number;

	if (!json || !cJSON_IsNumber(in(json)))
		return false;
	number = in(json)->valuedouble;
	if (!(number >= -9e15 && number <= 9e15) || (double)(int64_t)number != number ||
	    number < (double)min || number > (double)max)
		return false;
	*ret = (int64_t)number;
	return true;
}

bool json_bool(const struct json *json, bool *ret)
{
	if (!json || !cJSON_IsBool(in(json)))
		return false;
	*ret = cJSON_IsTrue(in(json));
	return true;
}

const char *json_text(const struct json *json)
{
	return json ? cJSON_GetStringValue(in(json)) : NULL;
}

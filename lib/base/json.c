/* SPDX-License-Identifier: MIT */
/* json.c - see json.h */
#include "base/json.h"
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32

/* struct json is cJSON under another name; only these two convert. */
static cJSON *cjson_of(const struct json *json)
{
	return (cJSON *)(uintptr_t)json;
}

static struct json *json_of(const cJSON *item)
{
	return (struct json *)(uintptr_t)item;
}

/* cJSON recurses, up to 1000 levels deep; this counts them first. Strings may contain brackets. */
static bool is_shallow(const char *text, size_t len)
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

static bool has_unique_names(const cJSON *item)
{
	for (const cJSON *child = item->child; child; child = child->next) {
		if (!has_unique_names(child))
			return false;
		if (!cJSON_IsObject(item))
			continue;
		if (cJSON_GetObjectItemCaseSensitive(item, child->string) != child)
			return false;
	}
	return true;
}

struct json *json_parse(const char *text, size_t len)
{
	const char *end = NULL;
	cJSON *item;

	if (!is_shallow(text, len))
		return NULL;
	item = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!item)
		return NULL;
	while (end < text + len && strchr(" \t\r\n", *end))
		end++;
	if (end == text + len && has_unique_names(item))
		return json_of(item);
	cJSON_Delete(item);
	return NULL;
}

struct json *json_free(struct json *json)
{
	cJSON_Delete(cjson_of(json));
	return NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
	if (!object || !cJSON_IsObject(cjson_of(object)))
		return NULL;
	return json_of(cJSON_GetObjectItemCaseSensitive(cjson_of(object), name));
}

const struct json *json_item(const struct json *array, size_t i)
{
	if (!array || !cJSON_IsArray(cjson_of(array)))
		return NULL;
	return json_of(cJSON_GetArrayItem(cjson_of(array), (int)i));
}

size_t json_count(const struct json *array)
{
	if (!array || !cJSON_IsArray(cjson_of(array)))
		return 0;
	return (size_t)cJSON_GetArraySize(cjson_of(array));
}

const struct json *json_next(const struct json *item)
{
	if (!item)
		return NULL;
	return json_of(cjson_of(item)->next);
}

bool json_int(const struct json *json, int64_t min, int64_t max, int64_t *ret)
{
	double number;

	if (!json || !cJSON_IsNumber(cjson_of(json)))
		return false;
	number = cjson_of(json)->valuedouble;
	if (!(number >= -9e15 && number <= 9e15) || (double)(int64_t)number != number ||
	    number < (double)min || number > (double)max)
		return false;
	*ret = (int64_t)number;
	return true;
}

bool json_bool(const struct json *json, bool *ret)
{
	if (!json || !cJSON_IsBool(cjson_of(json)))
		return false;
	*ret = cJSON_IsTrue(cjson_of(json));
	return true;
}

const char *json_text(const struct json *json)
{
	if (!json)
		return NULL;
	return cJSON_GetStringValue(cjson_of(json));
}

/* SPDX-License-Identifier: MIT */
/* json.c - see json.h. A tree that cJSON made is read here without calling cJSON. */
#include "base/json.h"
#include "base/json_cjson.h"
#include "base/module.h"
#include <stdlib.h>
#include <string.h>

/* NULL in the library, which opens the module; the unit tests are linked with it. */
extern const struct json_ops iprep_json __attribute__((weak, visibility("hidden")));

#define DEPTH_MAX	    32
#define VALUES_MAX	    100000 /* a bulk report's 9,999 refused rows have 50,000 */
#define DIGITS_MAX	    15	   /* DBL_DIG */
#define EXPONENT_DIGITS_MAX 2

/* struct json is cJSON under another name; only these two convert. */
static cJSON *cjson_of(const struct json *json)
{
	return (cJSON *)(uintptr_t)json;
}

static struct json *json_of(const cJSON *item)
{
	return (struct json *)(uintptr_t)item;
}

static int load_ops(const struct json_ops **ret, struct err *error)
{
	static struct module module = { "JSON", IPREP_JSON_MODULE, "iprep_json", NULL };
	const void *table = &iprep_json;
	int rc = 0;

	if (!table)
		rc = module_load(&module, &table, error);
	*ret = table;
	return rc;
}

int json_load(struct err *error)
{
	const struct json_ops *unused;

	return load_ops(&unused, error);
}

static bool is_of_type(const cJSON *item, int type)
{
	return item && (item->type & 0xff) == type; /* above it: flags */
}

/*
 * What cJSON takes and RFC 8259 does not, or what it would read as something else, is refused
 * before cJSON sees it: it recurses up to 1000 levels deep, takes any control byte for a blank,
 * ends a text at "\u0000", and reads numbers with strtod(3), which makes 100 of "0100" and of
 * "99.99999999999999999". Each value costs a node: 4 MB of "[0,0,0" would need 130 MB.
 */
struct scan {
	const char *at, *end;
	int depth;
	size_t nvalues;
};

static bool scan_is_at(const struct scan *scan, const char *bytes)
{
	return scan->at < scan->end && *scan->at && strchr(bytes, *scan->at);
}

static bool scan_text(struct scan *scan)
{
	for (scan->at++; scan->at < scan->end; scan->at++) {
		if ((unsigned char)*scan->at < 0x20)
			return false;
		if (*scan->at == '"') {
			scan->at++;
			return true;
		}
		if (*scan->at != '\\')
			continue;
		if (scan->end - scan->at > 5 && !memcmp(scan->at, "\\u0000", 6))
			return false;
		scan->at++;
		if (scan->at < scan->end && (unsigned char)*scan->at < 0x20)
			return false;
	}
	return false;
}

static size_t scan_digits(struct scan *scan)
{
	const char *start = scan->at;

	while (scan_is_at(scan, "0123456789"))
		scan->at++;
	return (size_t)(scan->at - start);
}

/*
 * A double tells whole numbers apart up to 9e15, which json_int() sees to, and those with a
 * fraction or an exponent within these limits: none of them becomes 0 or 100 by rounding.
 */
static bool scan_number(struct scan *scan)
{
	size_t whole, rest = 0, exponent;
	bool is_zero, is_plain = true;

	if (scan_is_at(scan, "-"))
		scan->at++;
	is_zero = scan_is_at(scan, "0");
	whole = scan_digits(scan);
	if (!whole || (is_zero && whole > 1))
		return false;
	if (scan_is_at(scan, ".")) {
		scan->at++;
		rest = scan_digits(scan);
		is_plain = false;
		if (!rest)
			return false;
	}
	if (scan_is_at(scan, "eE")) {
		scan->at++;
		if (scan_is_at(scan, "+-"))
			scan->at++;
		exponent = scan_digits(scan);
		is_plain = false;
		if (!exponent || exponent > EXPONENT_DIGITS_MAX)
			return false;
	}
	return is_plain || whole + rest <= DIGITS_MAX;
}

/* Anything but a text or a number. */
static bool scan_other(struct scan *scan)
{
	char byte = *scan->at++;

	if ((unsigned char)byte < 0x20)
		return byte && strchr("\t\r\n", byte);
	if (byte == '[' || byte == '{')
		scan->depth++;
	else if (byte == ']' || byte == '}')
		scan->depth--;
	if (byte == '[' || byte == '{' || byte == ',')
		scan->nvalues++;
	return scan->depth <= DEPTH_MAX && scan->nvalues <= VALUES_MAX;
}

static bool is_readable(const char *text, size_t len)
{
	struct scan scan = { .at = text, .end = text + len };

	while (scan.at < scan.end) {
		bool is_good;

		if (*scan.at == '"')
			is_good = scan_text(&scan);
		else if (scan_is_at(&scan, "-0123456789"))
			is_good = scan_number(&scan);
		else
			is_good = scan_other(&scan);
		if (!is_good)
			return false;
	}
	return true;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorted, not each with each: an answer of 1 MB has room for 100,000 names. */
static bool has_unique_members(const cJSON *object)
{
	size_t count = 0, at = 0;
	const char **names;
	bool is_unique = true;

	for (const cJSON *child = object->child; child; child = child->next)
		count++;
	if (count < 2)
		return true;
	names = malloc(count * sizeof(*names));
	if (!names)
		return false;
	for (const cJSON *child = object->child; child; child = child->next)
		names[at++] = child->string;
	qsort(names, count, sizeof(*names), by_name);
	for (at = 1; at < count && is_unique; at++)
		is_unique = strcmp(names[at - 1], names[at]) != 0;
	free(names);
	return is_unique;
}

static bool has_unique_names(const cJSON *item)
{
	for (const cJSON *child = item->child; child; child = child->next)
		if (!has_unique_names(child))
			return false;
	return !is_of_type(item, cJSON_Object) || has_unique_members(item);
}

struct json *json_parse(const char *text, size_t len)
{
	const struct json_ops *ops;
	const char *end = NULL;
	struct err unused;
	cJSON *item;

	if (!is_readable(text, len) || load_ops(&ops, &unused))
		return NULL;
	item = ops->parse(text, len, &end, 0);
	if (!item)
		return NULL;
	while (end < text + len && strchr(" \t\r\n", *end))
		end++;
	if (end == text + len && has_unique_names(item))
		return json_of(item);
	ops->free(item);
	return NULL;
}

struct json *json_free(struct json *json)
{
	const struct json_ops *ops;
	struct err unused;

	if (json && !load_ops(&ops, &unused)) /* loaded, for it made this */
		ops->free(cjson_of(json));
	return NULL;
}

const struct json *json_member(const struct json *object, const char *name)
{
	if (!json_is_object(object))
		return NULL;
	for (const cJSON *child = cjson_of(object)->child; child; child = child->next)
		if (!strcmp(child->string, name))
			return json_of(child);
	return NULL;
}

const struct json *json_item(const struct json *array, size_t i)
{
	const cJSON *child = json_is_array(array) ? cjson_of(array)->child : NULL;

	while (child && i--)
		child = child->next;
	return json_of(child);
}

size_t json_count(const struct json *array)
{
	size_t count = 0;

	if (!json_is_array(array))
		return 0;
	for (const cJSON *child = cjson_of(array)->child; child; child = child->next)
		count++;
	return count;
}

const struct json *json_next(const struct json *item)
{
	if (!item)
		return NULL;
	return json_of(cjson_of(item)->next);
}

bool json_is_absent(const struct json *json)
{
	return !json || is_of_type(cjson_of(json), cJSON_NULL);
}

bool json_is_object(const struct json *json)
{
	return is_of_type(cjson_of(json), cJSON_Object);
}

bool json_is_array(const struct json *json)
{
	return is_of_type(cjson_of(json), cJSON_Array);
}

bool json_int(const struct json *json, int64_t min, int64_t max, int64_t *ret)
{
	double number;

	if (!is_of_type(cjson_of(json), cJSON_Number))
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
	*ret = is_of_type(cjson_of(json), cJSON_True);
	return *ret || is_of_type(cjson_of(json), cJSON_False);
}

const char *json_text(const struct json *json)
{
	if (!is_of_type(cjson_of(json), cJSON_String))
		return NULL;
	return cjson_of(json)->valuestring;
}

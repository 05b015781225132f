/* SPDX-License-Identifier: MIT */
/* json_cjson.h - what json.c calls of cJSON; the only symbol of the module json.so */
#pragma once
#include <cjson/cJSON.h>
#include <stddef.h>

struct json_ops {
	const char *version; /* must equal IPREP_VERSION of the library */
	/* As cJSON_ParseWithLengthOpts(). */
	cJSON *(*parse)(const char *text, size_t len, const char **ret_end, cJSON_bool is_whole);
	void (*free)(cJSON *item);
};

extern const struct json_ops iprep_json; /* in the module */

/* SPDX-License-Identifier: MIT */
#include "base/json_cjson.h"

__attribute__((visibility("default"))) const struct json_ops iprep_json = {
	.version = IPREP_VERSION,
	.parse = cJSON_ParseWithLengthOpts,
	.free = cJSON_Delete,
};

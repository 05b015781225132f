/* SPDX-License-Identifier: MIT */
/* source_json.h - the members of a source, as --sources and --summary print them */
#pragma once
#include "common/json.h"
#include "common/source_counts.h"

/* Into an object that is open. */
void source_put_json(struct json *json, const struct source_count *source);

/* SPDX-License-Identifier: MIT */
#include "common/source_json.h"

/* Milliseconds; null if no answer came, or if it came after the last bound. */
static void put_latency(struct json *json, const char *name, int64_t bound)
{
	if (!bound || bound == INT64_MAX)
		json_put_null(json, name);
	else
		json_put_int(json, name, bound);
}

void source_put_json(struct json *json, const struct source_count *source)
{
	static const char *const bounds[LATENCY_BUCKETS] = { "10",   "30",   "100", "300",
							     "1000", "3000", "inf" };

	json_put_text(json, "source", source->name);
	json_put_int(json, "asked", source->asked);
	json_put_int(json, "answered", source->answered);
	json_put_int(json, "error", source->error);
	json_put_int(json, "listed", source->listed);
	json_put_int(json, "decisive", source->decisive);
	json_put_int(json, "alone", source->alone);
	json_put_int(json, "wrong", source->wrong);
	put_latency(json, "median_ms", source_latency(source, 50));
	put_latency(json, "p95_ms", source_latency(source, 95));
	json_put_object(json, "latency");
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		json_put_int(json, bounds[i], source->latency[i]);
	json_close_object(json);
}

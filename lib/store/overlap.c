/* SPDX-License-Identifier: MIT */
/*
 * overlap.c - how much of what one source lists another one lists too
 *
 * Findings lie by key, those of an address next to each other: one pass compares all pairs.
 */
#include "store/store_private.h"
#include <string.h>

struct pass {
	const struct conf *conf;
	struct finding_overlap *ret;
	struct addr key;
	source_set answered, listed; /* of that key */
};

/* The address is complete. */
static void pass_close(struct pass *pass)
{
	for (size_t one = 0; one < pass->conf->nsources; one++) {
		if (!(pass->listed & SOURCE_BIT(one)))
			continue;
		for (size_t other = 0; other < pass->conf->nsources; other++) {
			struct finding_overlap *pair = &pass->ret[one * SOURCES_MAX + other];

			pair->answered += (pass->answered & SOURCE_BIT(other)) != 0;
			pair->both += (pass->listed & SOURCE_BIT(other)) != 0;
		}
	}
	pass->answered = pass->listed = 0;
}

static bool overlap_read(sqlite3_stmt *row, void *element)
{
	struct pass *pass = element;
	char name[sizeof(pass->conf->sources[0].name)];
	struct addr key;
	int source;

	if (!sql_key(row, 0, &key))
		return false;
	if (!addr_equal(&key, &pass->key))
		pass_close(pass);
	pass->key = key;
	sql_text(row, 1, name, sizeof(name));
	source = store_source_row(pass->conf, name);
	if (source < 0)
		return false;
	pass->answered |= SOURCE_BIT(source);
	if (sql_int(row, 2))
		pass->listed |= SOURCE_BIT(source);
	return false;
}

int store_findings_overlap(struct store *store, const struct conf *conf,
			   struct finding_overlap *ret)
{
	struct pass pass = { .conf = conf, .ret = ret };
	int rc;

	memset(ret, 0, sizeof(*ret) * SOURCES_MAX * SOURCES_MAX);
	rc = sql_each(store, overlap_read, &pass,
		      "SELECT key, source, listed = 1 AND points > 0 FROM finding"
		      " ORDER BY key, source",
		      SQL_NONE);
	if (rc < 0)
		return rc;
	pass_close(&pass);
	return 0;
}

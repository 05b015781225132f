/* SPDX-License-Identifier: MIT */
#include "worker/feed_lists.h"
#include "base/buf.h"
#include "reputation/feeds.h"
#include <stdlib.h>
#include <string.h>

#define LONG_ENTRIES 20000 /* 40 ms; 10^6 take two seconds */

/* The feeds and allowed names of the configuration; *ret is malloc'd. Errors: _NOMEM. */
static int wanted_lists(const struct session *session, struct feed_list **ret, size_t *ret_count)
{
	const struct conf *conf = session->conf;
	struct feed_list *lists = calloc(conf->nsources + conf->nallow + 1, sizeof(*lists));
	size_t count = 0;

	if (!lists)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < conf->nsources; i++) {
		if (conf->sources[i].type != SOURCE_FEED)
			continue;
		lists[count].kind = FEED_LIST;
		lists[count].identity = feed_identity(&conf->sources[i]);
		text_put(lists[count].name, sizeof(lists[count].name), conf->sources[i].name);
		count++;
	}
	for (size_t i = 0; i < conf->nallow; i++) {
		const struct conf_allow *entry = &conf->allow[i];

		if (entry->kind == ALLOW_NET)
			continue;
		lists[count].kind = entry->kind == ALLOW_HOST ? FEED_HOST : FEED_SPF;
		lists[count].identity = feed_name_identity(entry->name);
		text_put(lists[count].name, sizeof(lists[count].name), entry->name);
		count++;
	}
	*ret = lists;
	*ret_count = count;
	return 0;
}

int feed_lists_write(const struct session *session, const struct feed_change *change)
{
	char path[FEED_PATH_MAX];
	struct feed_list *lists = NULL;
	size_t count = 0;
	int rc = feeds_lost(session);

	if (rc)
		return err_set(session->err, rc, "the file of the feeds cannot be read now");
	rc = wanted_lists(session, &lists, &count);
	if (rc)
		return rc;
	rc = feed_table_write(feed_table_path(session->conf->state, path), feeds_table(session),
			      lists, count, change, clock_now_s(&session->clock), session->err);
	free(lists);
	if (rc)
		return rc;
	feeds_refresh(session);
	return 0;
}

bool feed_lists_are_long(const struct session *session, size_t entries)
{
	const struct feed_table *table = feeds_table(session);
	struct feed_list list;

	for (size_t row = 0; row < feed_table_lists(table); row++) {
		feed_table_list(table, row, &list);
		entries += (size_t)list.entries;
	}
	return entries >= LONG_ENTRIES;
}

static bool is_wanted(const struct feed_list *list, const struct feed_list *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (wanted[i].kind == list->kind && wanted[i].identity == list->identity &&
		    !strcmp(wanted[i].name, list->name))
			return true;
	return false;
}

int feed_lists_clean(const struct session *session)
{
	const struct feed_table *table = feeds_table(session);
	struct feed_list *wanted = NULL, list;
	size_t count = 0, kept = 0;
	int rc;

	if (!feed_table_lists(table))
		return 0;
	rc = wanted_lists(session, &wanted, &count);
	if (rc)
		return rc;
	for (size_t row = 0; row < feed_table_lists(table); row++) {
		feed_table_list(table, row, &list);
		kept += is_wanted(&list, wanted, count);
	}
	free(wanted);
	if (kept == feed_table_lists(table))
		return 0;
	return feed_lists_write(session, NULL);
}

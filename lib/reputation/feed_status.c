/* SPDX-License-Identifier: MIT */
#include "reputation/feed_status.h"
#include "base/buf.h"
#include "reputation/feeds.h"
#include "source/feed.h"
#include <stdio.h>

size_t feed_status_count(const struct conf *conf)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		count += conf->sources[i].type == SOURCE_FEED;
	for (size_t i = 0; i < conf->nallow; i++)
		count += conf->allow[i].kind != ALLOW_NET;
	return count;
}

static int read_list(const struct session *session, enum feed_kind kind, const char *name,
		     uint64_t identity, struct feed_status *ret)
{
	static const char *const kinds[] = { "feed", "host", "spf" };
	int row = feed_table_row(feeds_table(session), kind, name, identity);
	struct feed_list list;
	struct fetch fetch;
	int rc = store_fetch_get(session->store, kind, name, identity, &fetch);

	if (rc < 0)
		return rc;
	*ret = (struct feed_status){ .feed = { .name = name, .kind = kinds[kind] } };
	text_put(ret->why, sizeof(ret->why), fetch.why);
	ret->feed.why = text_filled(ret->why, NULL);
	ret->tries = fetch.tries;
	ret->feed.tried_at = fetch.tried_at;
	ret->feed.next_at = fetch.next_at;
	if (row < 0)
		return 0;
	feed_table_list(feeds_table(session), (size_t)row, &list);
	ret->feed.state = IPREP_FEED_OK;
	ret->feed.entries = (int64_t)list.entries;
	ret->feed.good_at = list.good_at;
	return 0;
}

static int read_feed(const struct session *session, const struct conf_source *source,
		     struct feed_status *ret)
{
	struct feed_list list = { .kind = FEED_LIST };
	int rc = read_list(session, FEED_LIST, source->name, feed_identity(source), ret);

	/* a process that only looks has the mark of the key file, and not the key */
	if (feed_needs_key(session->conf, source) && !*session->auth_mark) {
		snprintf(ret->why, sizeof(ret->why), "no API key; set [abuseipdb] key_file");
		ret->feed.why = ret->why;
	}
	list.good_at = ret->feed.good_at;
	if (!rc && ret->feed.state == IPREP_FEED_OK &&
	    feeds_is_stale(source, &list, clock_now_s(&session->clock)))
		ret->feed.state = IPREP_FEED_OLD;
	return rc;
}

static int read_allowed(const struct session *session, const struct conf_allow *entry,
			struct feed_status *ret)
{
	return read_list(session, entry->kind == ALLOW_HOST ? FEED_HOST : FEED_SPF, entry->name,
			 feed_name_identity(entry->name), ret);
}

int feed_status_read(const struct session *session, struct feed_status *ret)
{
	const struct conf *conf = session->conf;
	int64_t now = clock_now_s(&session->clock);
	int count = 0, rc = 0;

	for (size_t i = 0; i < conf->nsources && !rc; i++)
		if (conf->sources[i].type == SOURCE_FEED)
			rc = read_feed(session, &conf->sources[i], &ret[count++]);
	for (size_t i = 0; i < conf->nallow && !rc; i++)
		if (conf->allow[i].kind != ALLOW_NET && !conf_allow_is_over(&conf->allow[i], now))
			rc = read_allowed(session, &conf->allow[i], &ret[count++]);
	if (rc)
		return rc;
	return count;
}

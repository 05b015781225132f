/* SPDX-License-Identifier: MIT */
#include "reputation/feeds.h"
#include "base/buf.h"
#include "base/time.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HITS_MAX     256 /* lists that have one address */
#define STALE_FACTOR 4

struct feeds {
	int failure; /* why table is NULL although there is a file */
	struct feed_table *table;
	bool is_tried;	      /* to map it */
	struct stat mapped;   /* the file that is */
	char why[DETAIL_MAX]; /* what feeds_allowed() returned last */
};

struct feeds *feeds_new(void)
{
	return calloc(1, sizeof(struct feeds));
}

struct feeds *feeds_free(struct feeds *feeds)
{
	if (feeds)
		feed_table_close(feeds->table);
	free(feeds);
	return NULL;
}

/* One that is damaged or not ours is the same as none; logged once for each state of the file.
 */
static void map_table(const struct session *session)
{
	struct feeds *feeds = session->feeds;
	struct err error = { 0 };
	char path[FEED_PATH_MAX];

	feed_table_path(session->conf->state, path);
	feeds->table = feed_table_close(feeds->table);
	feeds->is_tried = true;
	if (stat(path, &feeds->mapped))
		feeds->mapped = (struct stat){ 0 };
	feeds->failure = feed_table_open(path, &feeds->table, &error);
	if (feeds->failure)
		log_line(session->log, LOG_WARNING, "feeds are not used: %s", error.text);
}

const struct feed_table *feeds_table(const struct session *session)
{
	if (!session->feeds)
		return NULL;
	if (!session->feeds->is_tried)
		map_table(session);
	return session->feeds->table;
}

int feeds_lost(const struct session *session)
{
	if (feeds_table(session) || !session->feeds || session->feeds->failure == IPREP_E_STORE)
		return 0;
	return session->feeds->failure;
}

void feeds_refresh(const struct session *session)
{
	struct feeds *feeds = session->feeds;
	char path[FEED_PATH_MAX];
	struct stat now;

	if (!feeds || !feeds->is_tried)
		return;
	if (stat(feed_table_path(session->conf->state, path), &now))
		now = (struct stat){ 0 };
	if (now.st_ino != feeds->mapped.st_ino || now.st_dev != feeds->mapped.st_dev ||
	    now.st_size != feeds->mapped.st_size ||
	    now.st_ctim.tv_sec != feeds->mapped.st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != feeds->mapped.st_ctim.tv_nsec)
		map_table(session);
}

bool feeds_is_stale(const struct conf_source *source, const struct feed_list *list, int64_t now)
{
	int64_t age = now - list->good_at;

	/* of the future: it was downloaded under a wrong clock */
	return age > STALE_FACTOR * source->every_s || age < -STALE_FACTOR * source->every_s;
}

static const struct feed_hit *hit_of(const struct feed_hit *hits, size_t count, int row)
{
	for (size_t i = 0; i < count; i++)
		if (hits[i].list == (size_t)row)
			return &hits[i];
	return NULL;
}

static void skip_feed(struct finding *finding, const char *why)
{
	*finding = (struct finding){ .status = FINDING_SKIPPED };
	text_put(finding->detail, sizeof(finding->detail), why);
}

static void describe_hit(const struct addr *addr, const struct feed_hit *hit, const char *when,
			 char dst[DETAIL_MAX])
{
	struct prefix net = { addr_cut(addr, hit->bits), hit->bits };
	char text[ADDR_TEXT_MAX], number[32] = "";
	int bits = addr_is_v4(addr) ? hit->bits - 96 : hit->bits;

	if (hit->number > 1)
		snprintf(number, sizeof(number), " (%d)", hit->number);
	if (hit->bits == 128)
		snprintf(dst, DETAIL_MAX, "listed%s, downloaded %s", number, when);
	else
		snprintf(dst, DETAIL_MAX, "%s/%d is listed%s, downloaded %s",
			 addr_text(&net.addr, text), bits, number, when);
}

/* "none" would be a guess where the file cannot be read. */
static const char *why_no_list(const struct session *session)
{
	if (!session->feeds)
		return "not known without access to the state";
	if (feeds_lost(session))
		return "not known: the file of the feeds cannot be read";
	return "no download yet";
}

static void find_in_feed(const struct session *session, const struct conf_source *source,
			 const struct addr *addr, const struct feed_hit *hits, size_t count,
			 struct finding *finding)
{
	int row = feed_table_row(feeds_table(session), FEED_LIST, source->name,
				 feed_identity(source));
	char when[TIME_TEXT_MAX], why[DETAIL_MAX];
	const struct feed_hit *hit;
	struct feed_list list;

	if (row < 0) {
		skip_feed(finding, why_no_list(session));
		return;
	}
	feed_table_list(feeds_table(session), (size_t)row, &list);
	time_text(list.good_at, TIME_FOR_PEOPLE, when);
	if (feeds_is_stale(source, &list, clock_now_s(&session->clock))) {
		snprintf(why, sizeof(why), "not used: too old, downloaded %s", when);
		skip_feed(finding, why);
		return;
	}
	*finding = (struct finding){ .status = FINDING_OK,
				     .trusted = true,
				     .answered_at = list.good_at };
	hit = hit_of(hits, count, row);
	if (!hit) {
		snprintf(finding->detail, sizeof(finding->detail), "not listed, downloaded %s",
			 when);
		return;
	}
	finding->listed = true;
	finding->points = points_points(&source->points, &(uint32_t){ (uint32_t)hit->number }, 1);
	describe_hit(addr, hit, when, finding->detail);
}

void feeds_find(const struct session *session, const struct addr *addr, struct finding *findings)
{
	struct feed_hit hits[HITS_MAX];
	bool is_searched = false;
	size_t count = 0;

	for (size_t i = 0; i < session->conf->nsources; i++) {
		const struct conf_source *source = &session->conf->sources[i];

		if (source->type != SOURCE_FEED)
			continue;
		if (!is_searched)
			count = feed_table_find(feeds_table(session), addr, hits, HITS_MAX);
		is_searched = true;
		find_in_feed(session, source, addr, hits, count, &findings[i]);
	}
}

void feeds_defer(const struct session *session, struct finding *findings)
{
	const struct conf *conf = session->conf;

	if (conf->abuseipdb < 0 || findings[conf->abuseipdb].status != FINDING_OK)
		return;
	for (size_t i = 0; i < conf->nsources; i++) {
		if (conf->sources[i].type != SOURCE_FEED ||
		    conf->sources[i].format != FEED_ABUSEIPDB || !findings[i].points)
			continue;
		findings[i].points = 0;
		text_put(findings[i].detail, sizeof(findings[i].detail),
			 "; AbuseIPDB has answered itself");
	}
}

/* ---- names of [allow] ---- */

static bool has_names(const struct conf *conf, enum allow_kind kind)
{
	for (size_t i = conf->nallow_nets; i < conf->nallow; i++)
		if (conf->allow[i].kind == kind)
			return true;
	return false;
}

/* The entry of [allow] whose name the list is of, unless its time is over. */
static const struct conf_allow *entry_of(const struct session *session, enum allow_kind kind,
					 const char *name)
{
	int64_t now = clock_now_s(&session->clock);

	for (size_t i = session->conf->nallow_nets; i < session->conf->nallow; i++) {
		const struct conf_allow *entry = &session->conf->allow[i];

		if (entry->kind == kind && !strcmp(entry->name, name) &&
		    !conf_allow_is_over(entry, now))
			return entry;
	}
	return NULL;
}

static const struct conf_allow *find_name(const struct session *session, const struct addr *addr,
					  enum allow_kind kind, enum feed_kind list_kind)
{
	struct feed_hit hits[HITS_MAX];
	size_t count;

	if (!has_names(session->conf, kind))
		return NULL;
	count = feed_table_find(feeds_table(session), addr, hits, HITS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct conf_allow *entry;
		struct feed_list list;

		feed_table_list(feeds_table(session), hits[i].list, &list);
		if (list.kind != list_kind)
			continue;
		entry = entry_of(session, kind, list.name);
		if (entry)
			return entry;
	}
	return NULL;
}

const struct conf_allow *feeds_allow_entry(const struct session *session, const struct addr *addr)
{
	const struct conf_allow *entry = find_name(session, addr, ALLOW_HOST, FEED_HOST);

	if (entry)
		return entry;
	return find_name(session, addr, ALLOW_SPF, FEED_SPF);
}

bool feeds_spf(const struct session *session, const struct addr *addr, char ret_why[DETAIL_MAX])
{
	const struct conf_allow *entry = find_name(session, addr, ALLOW_SPF, FEED_SPF);

	if (entry)
		snprintf(ret_why, DETAIL_MAX, "sends mail for %.120s (SPF)", entry->name);
	return entry != NULL;
}

const char *feeds_allowed(const struct session *session, const struct addr *addr)
{
	const struct conf_allow *entry = find_name(session, addr, ALLOW_HOST, FEED_HOST);

	if (!entry) /* as without feeds */
		return NULL;
	snprintf(session->feeds->why, sizeof(session->feeds->why),
		 "allowed by host name %.120s in [allow]", entry->name);
	return session->feeds->why;
}

/* What a name of [allow] resolved to. */
static bool is_allowed_list(const struct session *session, size_t row, bool only_hosts)
{
	struct feed_list list;

	feed_table_list(feeds_table(session), row, &list);
	if (list.kind == FEED_HOST)
		return entry_of(session, ALLOW_HOST, list.name) != NULL;
	return !only_hosts && list.kind == FEED_SPF && entry_of(session, ALLOW_SPF, list.name);
}

static bool names_inside(const struct session *session, const struct prefix *prefix,
			 bool only_hosts)
{
	if (session->conf->nallow == session->conf->nallow_nets)
		return false;
	for (size_t row = 0; row < feed_table_lists(feeds_table(session)); row++)
		if (is_allowed_list(session, row, only_hosts) &&
		    feed_table_meets(feeds_table(session), row, prefix))
			return true;
	return false;
}

bool feeds_allowed_inside(const struct session *session, const struct prefix *prefix)
{
	return names_inside(session, prefix, false);
}

bool feeds_hosts_inside(const struct session *session, const struct prefix *prefix)
{
	return names_inside(session, prefix, true);
}

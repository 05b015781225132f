/* SPDX-License-Identifier: MIT */
/* reports.c - reports on their way: queued, sending (frozen), parked, done, unknown, dropped */
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

#define REPORT_COLUMNS                                                \
	"id, key, addr, state, jail, categories, failures, first_at," \
	" seen_at, next_at, tries, sent_at, ended_at"

static bool report_of(sqlite3_stmt *st, struct report_job *r)
{
	*r = (struct report_job){ .id = sql_int(st, 0) };
	if (!sql_key(st, 1, &r->key) || !sql_key(st, 2, &r->addr))
		return false;
	r->state = (enum report_state)sql_int(st, 3);
	sql_text(st, 4, r->jail, sizeof(r->jail));
	sql_text(st, 5, r->categories, sizeof(r->categories));
	r->failures = (int)sql_int(st, 6);
	r->first_at = sql_int(st, 7);
	r->seen_at = sql_int(st, 8);
	r->next_at = sql_int(st, 9);
	r->tries = (int)sql_int(st, 10);
	r->sent_at = sql_int(st, 11);
	r->ended_at = sql_int(st, 12);
	return true;
}

int store_report_last(struct store *s, const struct addr *addr, struct report_job *ret)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st,
			"SELECT " REPORT_COLUMNS " FROM report WHERE addr = ?1"
			" ORDER BY id DESC LIMIT 1",
			"k", addr);

	if (r > 0)
		r = report_of(st, ret);
	sqlite3_finalize(st);
	return r;
}

int store_report_add(struct store *s, const struct report_job *r, const char *comment)
{
	return sql_run(s,
		       "INSERT INTO report(key, addr, state, jail, categories, comment, failures,"
		       " first_at, seen_at, next_at, tries, sent_at, frozen, why, ended_at)"
		       " VALUES(?1,?2,0,?3,?4,?5,?6,?7,?8,?9,0,0,NULL,'',0)",
		       "kksssiiii", &r->key, &r->addr, r->jail, r->categories, comment,
		       (int64_t)r->failures, r->first_at, r->seen_at, r->next_at);
}

int store_report_merge(struct store *s, int64_t id, int failures, int64_t seen_at)
{
	return sql_run(s,
		       "UPDATE report SET failures = min(failures + ?2, 1000000000),"
		       " seen_at = max(seen_at, ?3) WHERE id = ?1 AND state = 0",
		       "iii", id, (int64_t)failures, seen_at);
}

int store_report_neighbours(struct store *s, const struct addr *addr, int64_t since)
{
	struct addr from = addr_cut(addr, 64), to = from;
	int64_t n = 0;
	int r;

	memset(to.b + 8, 0xff, 8);
	r = sql_number(s, 0, &n,
		       "SELECT count(DISTINCT addr) FROM report WHERE addr BETWEEN ?1 AND ?2"
		       " AND addr <> ?3 AND seen_at > ?4 AND state <> 2",
		       "kkki", &from, &to, addr, since);
	return r ? r : (int)n;
}

/* Nothing of an address goes while its retraction waits, or an older report of it is not over. */
#define DUE                                                                                      \
	" FROM report WHERE state < 2 AND next_at <= ?1"                                         \
	" AND NOT EXISTS(SELECT 1 FROM retraction t WHERE t.addr = report.addr AND t.state = 0)" \
	" AND NOT EXISTS(SELECT 1 FROM report o WHERE o.addr = report.addr AND o.state < 2"      \
	" AND o.id < report.id)"

static char *copy_of(sqlite3_stmt *st, int col)
{
	const unsigned char *text = sqlite3_column_text(st, col);

	return text ? strdup((const char *)text) : NULL;
}

int store_reports_due(struct store *s, int64_t now, struct report_job *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t n = 0;
	int r = sql_row(s, &st,
			"SELECT " REPORT_COLUMNS ", comment, frozen" DUE
			" ORDER BY next_at, id LIMIT ?2",
			"ii", now, (int64_t)max);

	while (r > 0 && n < max) {
		if (report_of(st, &ret[n])) {
			ret[n].comment = copy_of(st, 13);
			ret[n++].frozen = copy_of(st, 14);
		}
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r < 0 ? r : (int)n;
}

int store_reports_waiting(struct store *s, int64_t now, int max)
{
	int64_t n = 0;
	int r = sql_number(s, 0, &n, "SELECT count(*) FROM (SELECT 1" DUE " LIMIT ?2)", "ii", now,
			   (int64_t)max);

	return r ? r : (int)n;
}

void report_job_done(struct report_job *r)
{
	free(r->comment);
	free(r->frozen);
	r->comment = r->frozen = NULL;
}

int store_report_pending(struct store *s, const struct addr *addr, int64_t now)
{
	int64_t n = 0;
	int r = sql_number(s, 0, &n,
			   "SELECT count(*) FROM report WHERE addr = ?1 AND state < 2"
			   " AND next_at <= ?2",
			   "ki", addr, now);

	return r ? r : n > 0;
}

int store_report_sending(struct store *s, int64_t id, int64_t at, const char *categories,
			 const char *frozen)
{
	int r = sql_cached_run(s,
			       "UPDATE report SET state = 1, categories = ?3, frozen = ?4,"
			       " tries = tries + 1, sent_at = iif(sent_at = 0, ?2, sent_at)"
			       " WHERE id = ?1 AND state < 2",
			       "iiss", id, at, categories, frozen);

	return r ? r : sqlite3_changes(s->db) == 0;
}

int store_report_end(struct store *s, int64_t id, enum report_state state, int64_t retry_at,
		     const char *why)
{
	bool frozen = state == REPORT_SENDING, over = state > REPORT_SENDING;
	int r = sql_cached_run(
		s,
		"UPDATE report SET state = ?2, next_at = ?3, why = ?4, ended_at = ?5,"
		" frozen = iif(?6, frozen, NULL), sent_at = iif(?6, sent_at, 0)"
		" WHERE id = ?1 AND state < 2",
		"iiisii", id, (int64_t)state, retry_at, why, over ? store_now(s) : 0,
		(int64_t)frozen);

	return r ? r : sqlite3_changes(s->db) == 0;
}

int store_reports_each(struct store *s, enum report_state state, size_t max,
		       void (*row)(void *user, const struct addr *addr, int64_t at,
				   const char *why),
		       void *user)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st,
			"SELECT addr, ended_at, why FROM report WHERE state = ?1"
			" ORDER BY ended_at DESC, id DESC LIMIT ?2",
			"ii", (int64_t)state, (int64_t)max);

	while (r > 0) {
		char why[DETAIL_MAX];
		struct addr a;

		sql_text(st, 2, why, sizeof(why));
		if (sql_key(st, 0, &a))
			row(user, &a, sql_int(st, 1), why);
		r = sql_next(s, st);
	}
	sqlite3_finalize(st);
	return r;
}

/* SPDX-License-Identifier: MIT */
/* reports.c - reports on their way: queued, sending (frozen), parked, done, unknown, dropped */
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>

#define REPORT_COLUMNS                                                \
	"id, key, addr, state, jail, categories, failures, first_at," \
	" seen_at, next_at, tries, sent_at, ended_at"

static bool report_of(sqlite3_stmt *st, struct report_job *job)
{
	*job = (struct report_job){ .id = sql_int(st, 0) };
	if (!sql_key(st, 1, &job->key) || !sql_key(st, 2, &job->addr))
		return false;
	job->state = (enum report_state)sql_int(st, 3);
	sql_text(st, 4, job->jail, sizeof(job->jail));
	sql_text(st, 5, job->categories, sizeof(job->categories));
	job->failures = (int)sql_int(st, 6);
	job->first_at = sql_int(st, 7);
	job->seen_at = sql_int(st, 8);
	job->next_at = sql_int(st, 9);
	job->tries = (int)sql_int(st, 10);
	job->sent_at = sql_int(st, 11);
	job->ended_at = sql_int(st, 12);
	return true;
}

int store_report_last(struct store *store, const struct addr *addr, struct report_job *ret)
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st,
			 "SELECT " REPORT_COLUMNS " FROM report WHERE addr = ?1"
			 " ORDER BY id DESC LIMIT 1",
			 "k", addr);

	if (rc > 0)
		rc = report_of(st, ret);
	sqlite3_finalize(st);
	return rc;
}

int store_report_add(struct store *store, const struct report_job *job, const char *comment)
{
	return sql_run(store,
		       "INSERT INTO report(key, addr, state, jail, categories, comment, failures,"
		       " first_at, seen_at, next_at, tries, sent_at, frozen, why, ended_at)"
		       " VALUES(?1,?2,0,?3,?4,?5,?6,?7,?8,?9,0,0,NULL,'',0)",
		       "kksssiiii", &job->key, &job->addr, job->jail, job->categories, comment,
		       (int64_t)job->failures, job->first_at, job->seen_at, job->next_at);
}

int store_report_merge(struct store *store, int64_t id, int failures, int64_t seen_at)
{
	return sql_run(store,
		       "UPDATE report SET failures = min(failures + ?2, 1000000000),"
		       " seen_at = max(seen_at, ?3) WHERE id = ?1 AND state = 0",
		       "iii", id, (int64_t)failures, seen_at);
}

int store_report_neighbours(struct store *store, const struct addr *addr, int64_t since)
{
	struct prefix net = { addr_cut(addr, 64), 64 };
	struct addr last = addr_last(&net);
	int64_t number = 0;
	int rc;

	rc = sql_number(store, 0, &number,
			"SELECT count(DISTINCT addr) FROM report WHERE addr BETWEEN ?1 AND ?2"
			" AND addr <> ?3 AND seen_at > ?4 AND state <> 2",
			"kkki", &net.addr, &last, addr, since);
	return rc ? rc : (int)number;
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

int store_reports_due(struct store *store, int64_t now, struct report_job *ret, size_t max)
{
	sqlite3_stmt *st;
	size_t count = 0;
	int rc = sql_row(store, &st,
			 "SELECT " REPORT_COLUMNS ", comment, frozen" DUE
			 " ORDER BY next_at, id LIMIT ?2",
			 "ii", now, (int64_t)max);

	while (rc > 0 && count < max) {
		if (report_of(st, &ret[count])) {
			ret[count].comment = copy_of(st, 13);
			ret[count++].frozen = copy_of(st, 14);
		}
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc < 0 ? rc : (int)count;
}

int store_reports_waiting(struct store *store, int64_t now, int max)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number, "SELECT count(*) FROM (SELECT 1" DUE " LIMIT ?2)",
			    "ii", now, (int64_t)max);

	return rc ? rc : (int)number;
}

void report_job_done(struct report_job *job)
{
	free(job->comment);
	free(job->frozen);
	job->comment = job->frozen = NULL;
}

int store_report_pending(struct store *store, const struct addr *addr, int64_t now)
{
	int64_t number = 0;
	int rc = sql_number(store, 0, &number,
			    "SELECT count(*) FROM report WHERE addr = ?1 AND state < 2"
			    " AND next_at <= ?2",
			    "ki", addr, now);

	return rc ? rc : number > 0;
}

int store_report_sending(struct store *store, int64_t id, int64_t at, const char *categories,
			 const char *frozen)
{
	int rc = sql_cached_run(store,
				"UPDATE report SET state = 1, categories = ?3, frozen = ?4,"
				" tries = tries + 1, sent_at = iif(sent_at = 0, ?2, sent_at)"
				" WHERE id = ?1 AND state < 2",
				"iiss", id, at, categories, frozen);

	return rc ? rc : sqlite3_changes(store->db) == 0;
}

int store_report_end(struct store *store, int64_t id, enum report_state state, int64_t retry_at,
		     const char *why)
{
	bool frozen = state == REPORT_SENDING, over = state > REPORT_SENDING;
	int rc = sql_cached_run(
		store,
		"UPDATE report SET state = ?2, next_at = ?3, why = ?4, ended_at = ?5,"
		" frozen = iif(?6, frozen, NULL), sent_at = iif(?6, sent_at, 0)"
		" WHERE id = ?1 AND state < 2",
		"iiisii", id, (int64_t)state, retry_at, why, over ? store_now(store) : 0,
		(int64_t)frozen);

	return rc ? rc : sqlite3_changes(store->db) == 0;
}

int store_reports_each(struct store *store, enum report_state state, size_t max,
		       void (*row)(void *user, const struct addr *addr, int64_t at,
				   const char *why),
		       void *user)
{
	sqlite3_stmt *st;
	int rc = sql_row(store, &st,
			 "SELECT addr, ended_at, why FROM report WHERE state = ?1"
			 " ORDER BY ended_at DESC, id DESC LIMIT ?2",
			 "ii", (int64_t)state, (int64_t)max);

	while (rc > 0) {
		char why[DETAIL_MAX];
		struct addr address;

		sql_text(st, 2, why, sizeof(why));
		if (sql_key(st, 0, &address))
			row(user, &address, sql_int(st, 1), why);
		rc = sql_next(store, st);
	}
	sqlite3_finalize(st);
	return rc;
}

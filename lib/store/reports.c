/* SPDX-License-Identifier: MIT */
/* reports.c - reports on their way: queued, sending (frozen), parked, done, unknown, dropped */
#include "store/store_private.h"
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define REPORT_COLUMNS                                                \
	"id, key, addr, state, jail, categories, failures, first_at," \
	" seen_at, next_at, tries, sent_at, ended_at"

static bool report_read(sqlite3_stmt *row, void *element)
{
	struct report_job *job = element;

	*job = (struct report_job){ .id = sql_id(row, 0) };
	if (!sql_key(row, 1, &job->key) || !sql_key(row, 2, &job->addr))
		return false;
	job->state = (enum report_state)sql_int(row, 3);
	sql_text(row, 4, job->jail, sizeof(job->jail));
	sql_text(row, 5, job->categories, sizeof(job->categories));
	job->failures = (int)MAX(0, MIN(sql_int(row, 6), INT32_MAX));
	job->first_at = sql_int(row, 7);
	job->seen_at = sql_int(row, 8);
	job->next_at = sql_int(row, 9);
	job->tries = sql_small(row, 10);
	job->sent_at = sql_int(row, 11);
	job->ended_at = sql_int(row, 12);
	return true;
}

int store_report_last(struct store *store, const struct addr *addr, struct report_job *ret)
{
	return sql_rows(store, report_read, ret, 1,
			"SELECT " REPORT_COLUMNS " FROM report WHERE addr = ?1"
			" ORDER BY id DESC LIMIT 1",
			SQL_KEY(addr));
}

static bool why_read(sqlite3_stmt *row, void *element)
{
	sql_text(row, 0, element, DETAIL_MAX);
	return true;
}

int store_report_why(struct store *store, int64_t id, char ret_why[DETAIL_MAX])
{
	int rc;

	ret_why[0] = '\0';
	rc = sql_each(store, why_read, ret_why, "SELECT why FROM report WHERE id = ?1",
		      SQL_INT(id));
	if (rc < 0)
		return rc;
	return 0;
}

int store_report_add(struct store *store, const struct report_job *job, const char *comment)
{
	return sql_run(store,
		       "INSERT INTO report(key, addr, state, jail, categories, comment, failures,"
		       " first_at, seen_at, next_at, tries, sent_at, frozen, why, ended_at)"
		       " VALUES(?1,?2,0,?3,?4,?5,?6,?7,?8,?9,0,0,NULL,'',0)",
		       SQL_KEY(&job->key), SQL_KEY(&job->addr), SQL_TEXT(job->jail),
		       SQL_TEXT(job->categories), SQL_TEXT(comment), SQL_INT(job->failures),
		       SQL_INT(job->first_at), SQL_INT(job->seen_at), SQL_INT(job->next_at));
}

int store_report_merge(struct store *store, int64_t id, int failures, int64_t seen_at)
{
	return sql_run(store,
		       "UPDATE report SET failures = min(failures + ?2, 1000000000),"
		       " seen_at = max(seen_at, ?3) WHERE id = ?1 AND state = 0",
		       SQL_INT(id), SQL_INT(failures), SQL_INT(seen_at));
}

int store_report_neighbours(struct store *store, const struct addr *addr, int64_t since)
{
	struct prefix net = { .addr = addr_cut(addr, 64), .bits = 64 };
	struct addr last = addr_last(&net);

	return sql_count(store,
			 "SELECT count(DISTINCT addr) FROM report WHERE addr BETWEEN ?1 AND ?2"
			 " AND addr <> ?3 AND seen_at > ?4 AND state <> 2",
			 SQL_KEY(&net.addr), SQL_KEY(&last), SQL_KEY(addr), SQL_INT(since));
}

/* Nothing of an address goes while its retraction waits, or an older report of it is not over. */
#define DUE                                                                                      \
	" FROM report WHERE state < 2 AND next_at <= ?1"                                         \
	" AND NOT EXISTS(SELECT 1 FROM retraction t WHERE t.addr = report.addr AND t.state = 0)" \
	" AND NOT EXISTS(SELECT 1 FROM report o WHERE o.addr = report.addr AND o.state < 2"      \
	" AND o.id < report.id)"

static char *text_copy(sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	if (text)
		return strdup((const char *)text);
	return NULL;
}

static bool report_with_comments_read(sqlite3_stmt *row, void *element)
{
	struct report_job *job = element;

	if (!report_read(row, job))
		return false;
	job->comment = text_copy(row, 13);
	job->frozen = text_copy(row, 14);
	return true;
}

int store_reports_due(struct store *store, int64_t now, struct report_job *ret, size_t max)
{
	return sql_rows(store, report_with_comments_read, ret, max,
			"SELECT " REPORT_COLUMNS ", comment, frozen" DUE
			" ORDER BY next_at, id LIMIT ?2",
			SQL_INT(now), SQL_INT(max));
}

int store_reports_waiting(struct store *store, int64_t now, int max)
{
	return sql_count(store, "SELECT count(*) FROM (SELECT 1" DUE " LIMIT ?2)", SQL_INT(now),
			 SQL_INT(max));
}

void report_job_done(struct report_job *job)
{
	free(job->comment);
	free(job->frozen);
	job->comment = job->frozen = NULL;
}

int store_report_pending(struct store *store, const struct addr *addr, int64_t now)
{
	return sql_count(store,
			 "SELECT EXISTS(SELECT 1 FROM report WHERE addr = ?1 AND state < 2"
			 " AND next_at <= ?2)",
			 SQL_KEY(addr), SQL_INT(now));
}

int store_report_sending(struct store *store, int64_t id, int64_t at, const char *categories,
			 const char *frozen)
{
	int rc = sql_run(store,
			 "UPDATE report SET state = 1, categories = ?3, frozen = ?4,"
			 " tries = tries + 1, sent_at = iif(sent_at = 0, ?2, sent_at)"
			 " WHERE id = ?1 AND state < 2",
			 SQL_INT(id), SQL_INT(at), SQL_TEXT(categories), SQL_TEXT(frozen));

	if (rc)
		return rc;
	return sqlite3_changes(store->db) == 0;
}

int store_report_end(struct store *store, int64_t id, enum report_state state, int64_t retry_at,
		     const char *why)
{
	static const char *const labels[] = {
		[REPORT_PARKED] = "refused",  [REPORT_DONE] = "done",
		[REPORT_UNKNOWN] = "unknown", [REPORT_DROPPED] = "dropped",
		[REPORT_RETRACTED] = NULL,
	};
	int64_t ended_at = state > REPORT_SENDING ? store_now(store) : 0;
	int rc = sql_run(store,
			 "UPDATE report SET state = ?2, next_at = ?3, why = ?4, ended_at = ?5,"
			 " frozen = iif(?6, frozen, NULL), sent_at = iif(?6, sent_at, 0)"
			 " WHERE id = ?1 AND state < 2",
			 SQL_INT(id), SQL_INT(state), SQL_INT(retry_at), SQL_TEXT(why),
			 SQL_INT(ended_at), SQL_INT(state == REPORT_SENDING));

	if (rc)
		return rc;
	if (!sqlite3_changes(store->db))
		return 1;
	if (labels[state])
		return store_count(store, "report", labels[state], 1);
	return 0;
}

struct report_visitor {
	void (*row)(void *user, const struct addr *addr, int64_t at, const char *why);
	void *user;
};

static bool report_visit(sqlite3_stmt *row, void *element)
{
	const struct report_visitor *visitor = element;
	char why[DETAIL_MAX];
	struct addr addr;

	if (!sql_key(row, 0, &addr))
		return false;
	sql_text(row, 2, why, sizeof(why));
	visitor->row(visitor->user, &addr, sql_int(row, 1), why);
	return true;
}

int store_reports_each(struct store *store, enum report_state state, size_t max,
		       void (*row)(void *user, const struct addr *addr, int64_t at,
				   const char *why),
		       void *user)
{
	struct report_visitor visitor = { .row = row, .user = user };
	int rc = sql_each(store, report_visit, &visitor,
			  "SELECT addr, ended_at, why FROM report WHERE state = ?1"
			  " ORDER BY ended_at DESC, id DESC LIMIT ?2",
			  SQL_INT(state), SQL_INT(max));

	if (rc < 0)
		return rc;
	return 0;
}

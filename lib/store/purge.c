/* SPDX-License-Identifier: MIT */
/*
 * purge.c - forgetting what is past its time, in small steps
 *
 * Large deletes make hooks wait and pay the checkpoint, so a step is one transaction of few rows.
 * One wrong clock must not free everybody, nor forget what was reported, released, or who logged
 * in: these go only by the times on which two runs, an hour apart by the boot clock, agree. Between
 * two that are a jump of the clock apart it is a week, so that one that is wrong for a night, and
 * purges each hour, releases no block either.
 */
#include "store/store_private.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/param.h>

static const char name_of_run[] = "purge-run";
#define HOUR_S 3600
#define DAY_S  86400

static void boot_id(char dst[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, dst, 36);

	dst[len > 0 ? len : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* One row of meta: wall time, boot clock, boot id, as text. */
struct run {
	int64_t wall, boot_s;
	char boot[40];
};

static bool run_read(sqlite3_stmt *row, void *element)
{
	struct run *run = element;

	run->wall = sql_int(row, 0);
	run->boot_s = sql_int(row, 1);
	sql_text(row, 2, run->boot, sizeof(run->boot));
	return true;
}

/* 1 and *ret, or 0: there was none. */
static int last_run(struct store *store, struct run *ret)
{
	*ret = (struct run){ 0 };
	return sql_rows(store, run_read, ret, 1,
			"SELECT substr(value, 1, 20), substr(value, 21, 20),"
			" substr(value, 41) FROM meta WHERE name = ?1",
			SQL_TEXT(name_of_run));
}

/* The earlier run was surely an hour ago: of this boot, or this boot is itself that old. */
static int64_t since_run_s(const struct run *before, bool *ret_same_boot)
{
	char boot[40];
	int64_t up = clock_boot_s();

	boot_id(boot);
	*ret_same_boot = !strcmp(boot, before->boot);
	if (*ret_same_boot)
		return up - before->boot_s;
	return up;
}

static bool hour_apart(const struct run *before)
{
	bool same_boot;

	return since_run_s(before, &same_boot) >= HOUR_S;
}

/* By more than a week: no clock is set that far. Between two boots the machine may have been
 * off. */
static bool clock_jumped(const struct run *before, int64_t now)
{
	bool same_boot;
	int64_t passed = since_run_s(before, &same_boot), ahead = now - before->wall - passed;

	return ahead < -WEEK_S || (same_boot && ahead > WEEK_S);
}

int store_clock_is_doubtful(struct store *store)
{
	struct run before;
	bool same_boot;
	int rc = last_run(store, &before);

	if (rc <= 0)
		return rc;
	return clock_jumped(&before, store_now(store)) && since_run_s(&before, &same_boot) < WEEK_S;
}

/*
 * What two runs agree is over: before the earlier of their times. What both take for nonsense:
 * beyond the later one, for a clock that fell back to 1970 must not take all that is to come for
 * nonsense. Without two such runs nothing is either.
 */
static int agreed_times(struct store *store, int64_t *ret_before, int64_t *ret_beyond)
{
	int64_t now = store_now(store);
	struct run before;
	int rc = last_run(store, &before);

	*ret_before = 0;
	*ret_beyond = INT64_MAX;
	if (rc <= 0 || !hour_apart(&before)) {
		if (rc < 0)
			return rc;
		return 0;
	}
	if (before.wall < now)
		*ret_before = before.wall;
	else
		*ret_before = now;
	*ret_beyond = MAX(before.wall, now) + BELIEVED_S;
	return 0;
}

int store_purge_seen(struct store *store)
{
	int64_t now = store_now(store);
	struct run before;
	char boot[40], text[96];
	int rc = store_clock_is_doubtful(store);

	if (rc)
		return MIN(rc, 0);
	rc = last_run(store, &before);
	if (rc < 0)
		return rc;
	/* an earlier run is kept until it is old enough to be of use */
	if (rc > 0 && !hour_apart(&before) && before.wall <= now)
		return 0;
	boot_id(boot);
	sqlite3_snprintf(sizeof(text), text, "%020lld%020lld%s", (long long)now,
			 (long long)clock_boot_s(), boot);
	return sql_run(store, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
		       SQL_TEXT(name_of_run), SQL_TEXT(text));
}

enum keeps {
	KEEP_FINDINGS,
	KEEP_REPORTS,
	KEEP_WEEK,
	KEEP_WINDOWS,
	KEEP_GATE,
	KEEP_GOOD,
	KEEP_RELEASED,
	KEEP_AGREED
};
struct sweep {
	const char *table, *id;
	enum keeps keeps;
	const char *where; /* ?1 before which, ?2 beyond which */
	size_t count;	   /* member of struct store_counts */
};
/* Two, not one with OR: each is one range of an index, also of a partial one. */
#define OUTSIDE(table, id, keeps, at, count)                                       \
	{ table, id, keeps, at " < ?1", offsetof(struct store_counts, count) },    \
	{                                                                          \
		table, id, keeps, at " > ?2", offsetof(struct store_counts, count) \
	}
/* The worker gives up queued reports; one that no worker took in all that time is deleted here.
 */
/* clang-format off */
static const struct sweep sweeps[] = {
	OUTSIDE("finding", "(key, source)", KEEP_FINDINGS, "answered_at", findings),
	OUTSIDE("report", "id", KEEP_REPORTS, "state > 1 AND ended_at", reports),
	{ "report", "id", KEEP_REPORTS, "state < 2 AND next_at < ?1 AND seen_at < ?1",
	  offsetof(struct store_counts, reports) },
	OUTSIDE("lookup", "key", KEEP_WEEK, "since", lookups),
	OUTSIDE("sighting", "(key, user)", KEEP_WINDOWS, "at", sightings),
	OUTSIDE("ambiguous", "(key, at)", KEEP_GATE, "at", lines),
	OUTSIDE("failure", "(key, hour)", KEEP_WINDOWS, "last_at", failures),
	OUTSIDE("good", "key", KEEP_GOOD, "at", logins),
	OUTSIDE("retraction", "addr", KEEP_REPORTS, "since", retractions),
	OUTSIDE("released", "key", KEEP_RELEASED, "at", released),
	OUTSIDE("pardon", "key", KEEP_AGREED, "until", pardons),
	OUTSIDE("block", "key", KEEP_AGREED, "until", blocks),
};
/* clang-format on */
#define NSWEEPS (sizeof(sweeps) / sizeof(sweeps[0]))

static int64_t later_of(int64_t at, int64_t other)
{
	if (at > other)
		return at;
	return other;
}

/* As agreed(), of what is kept for some time after it was written, which was not in the future. */
static int agreed_past(struct store *store, int64_t keep_s, int64_t *ret_before,
		       int64_t *ret_beyond)
{
	int rc = agreed_times(store, ret_before, ret_beyond);

	*ret_before -= keep_s;
	*ret_beyond -= *ret_beyond < INT64_MAX ? TEN_YEARS_S : 0;
	return rc;
}

/* A report is needed for as long as it covers later ones. */
static int retention_limits(struct store *store, const struct conf *conf, enum keeps keeps,
			    int64_t *ret_before, int64_t *ret_beyond)
{
	int64_t now = store_now(store);

	*ret_beyond = now + WEEK_S;
	switch (keeps) {
	case KEEP_FINDINGS:
		*ret_before = now - conf->keep_findings_s;
		break;
	case KEEP_WEEK:
		*ret_before = now - WEEK_S;
		break;
	case KEEP_WINDOWS:
		*ret_before = now - later_of(conf->report_window_s, conf->spray_window_s);
		break;
	case KEEP_GATE:
		*ret_before = now - conf->gate_window_s;
		break;
	case KEEP_REPORTS:
		return agreed_past(store, later_of(conf->keep_reports_s, conf->report_interval_s),
				   ret_before, ret_beyond);
	case KEEP_GOOD:
		return agreed_past(store, conf->login_window_s, ret_before, ret_beyond);
	case KEEP_RELEASED:
		return agreed_past(store, conf->keep_released_s, ret_before, ret_beyond);
	case KEEP_AGREED:
		return agreed_times(store, ret_before, ret_beyond);
	}
	return 0;
}

/* Without an index: that there are any is rare, and reading does not make hooks wait. */
#define MADE_THEN "SELECT key FROM block WHERE +since > ?1"

static int mend_some(struct store *store, int64_t beyond, int max_rows)
{
	int64_t now = store_now(store);
	int rc = sql_run(store, "UPDATE good SET at = ?2 WHERE at > ?1", SQL_INT(beyond),
			 SQL_INT(now));

	if (rc)
		return rc;
	rc = sql_run(store,
		     "UPDATE block SET until = ?2 + max(0, min(until - since, ?4)), since = ?2,"
		     " first_at = min(first_at, ?2), announced_at = min(announced_at, ?2),"
		     " shown_at = min(shown_at, ?2), mailed_at = min(mailed_at, ?2),"
		     " recheck_at = 0"
		     " WHERE key IN (" MADE_THEN " LIMIT ?3)",
		     SQL_INT(beyond), SQL_INT(now), SQL_INT(max_rows), SQL_INT(TEN_YEARS_S));
	if (rc)
		return rc;
	return 1;
}

int store_purge_mend(struct store *store, int max_rows)
{
	int64_t before, beyond;
	int rc = agreed_past(store, 0, &before, &beyond);

	if (rc || beyond == INT64_MAX)
		return rc;
	rc = sql_count(store,
		       "SELECT EXISTS(" MADE_THEN ") OR EXISTS(SELECT 1 FROM good WHERE at > ?1)",
		       SQL_INT(beyond));
	if (rc <= 0)
		return rc;
	rc = store_begin(store, STORE_DURABLE);
	if (rc)
		return rc;
	return store_end(store, mend_some(store, beyond, max_rows));
}

static int64_t *count_at(struct store_counts *counts, size_t offset)
{
	return (int64_t *)(void *)((char *)counts + offset);
}

int store_purge_count(struct store *store, const struct conf *conf, struct store_counts *ret)
{
	int64_t before, beyond, number;
	char sql[160];
	int rc;

	*ret = (struct store_counts){ 0 };
	for (size_t i = 0; i < NSWEEPS; i++) {
		rc = retention_limits(store, conf, sweeps[i].keeps, &before, &beyond);
		if (rc)
			return rc;
		/* always so, but it names both limits, which are bound */
		sqlite3_snprintf(sizeof(sql), sql, "SELECT count(*) FROM %s WHERE %s AND ?1 < ?2",
				 sweeps[i].table, sweeps[i].where);
		rc = sql_number(store, &number, sql, SQL_INT(before), SQL_INT(beyond));
		if (rc)
			return rc;
		*count_at(ret, sweeps[i].count) += number;
	}
	return 0;
}

/* do_what: DELETE, or SELECT count(*). */
static int sweep_some(struct store *store, const struct conf *conf, const char *do_what,
		      int max_rows)
{
	const struct sweep *sweep = &sweeps[store->sweep];
	const char *id = sweep->id, *cols = *id == '(' ? id + 1 : id;
	int ncols = (int)strcspn(cols, ")");
	int64_t before, beyond;
	char sql[240];
	int rc = retention_limits(store, conf, sweep->keeps, &before, &beyond);

	if (rc)
		return rc;
	sqlite3_snprintf(sizeof(sql), sql,
			 "%s FROM %s WHERE %s IN (SELECT %.*s FROM %s WHERE %s"
			 " LIMIT ?3)",
			 do_what, sweep->table, id, ncols, cols, sweep->table, sweep->where);
	return sql_run(store, sql, SQL_INT(before), SQL_INT(beyond), SQL_INT(max_rows));
}

/*
 * Goes on where the last step ended: some tables have no index by time, and are read but once. What
 * it will remove is read before the lock is taken: a disk may have to seek for each row.
 */
int store_purge_step(struct store *store, const struct conf *conf, int max_rows,
		     struct store_counts *done)
{
	int rc = sweep_some(store, conf, "SELECT count(*)", max_rows), count, total = 0;

	if (!rc)
		rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	while (!rc && total < max_rows && store->sweep < NSWEEPS) {
		rc = sweep_some(store, conf, "DELETE", max_rows - total);
		if (rc)
			count = 0;
		else
			count = sqlite3_changes(store->db);
		total += count;
		*count_at(done, sweeps[store->sweep].count) += count;
		store->sweep += total < max_rows;
	}
	rc = store_end(store, rc ? rc : store->sweep < NSWEEPS);
	if (rc <= 0)
		store->sweep = 0;
	return rc;
}

/* In the order of the key, without the many rows of day 0. */
#define OLD_COUNTERS                                                   \
	" FROM (SELECT * FROM counter WHERE day < 0"                   \
	" UNION ALL SELECT * FROM counter WHERE day > 0 AND day < ?1"  \
	" UNION ALL SELECT * FROM counter WHERE day > 0 AND day > ?2)" \
	" LIMIT ?3"

/* Day 0 has as many labels as any other day: those that are there stay, others become "other". */
#define IS_ON_DAY_0 \
	"EXISTS(SELECT 1 FROM counter WHERE day = 0 AND name = old.name AND label = old.label)"
#define LABELS_ON_DAY_0 \
	"(SELECT count(*) FROM (SELECT 1 FROM counter WHERE day = 0 AND name = old.name LIMIT ?4))"

/* Totals never fall: what is removed is added to day 0. Returns 1, or 0: there is none. */
static int fold_counter(struct store *store, int64_t before, int64_t beyond)
{
	int rc = sql_run(store,
			 "INSERT INTO counter(day, name, label, n) SELECT 0, name,"
			 " CASE WHEN " IS_ON_DAY_0 " OR " LABELS_ON_DAY_0 " < ?4 THEN label"
			 " WHEN name = 'block' THEN ?5 ELSE ?6 END, max(n, 0)"
			 " FROM (SELECT name, label, n" OLD_COUNTERS ") AS old WHERE true"
			 " ON CONFLICT DO UPDATE SET n = min(n, 1000000000000000)"
			 " + min(excluded.n, 1000000000000000)",
			 SQL_INT(before), SQL_INT(beyond), SQL_INT(1),
			 SQL_INT(COUNTER_LABELS_MAX - 1), SQL_TEXT(store_label_of_rest("block")),
			 SQL_TEXT(store_label_of_rest("")));

	if (!rc)
		rc = sql_run(store,
			     "DELETE FROM counter WHERE (day, name, label) IN"
			     " (SELECT day, name, label" OLD_COUNTERS ")",
			     SQL_INT(before), SQL_INT(beyond), SQL_INT(1));
	if (rc)
		return rc;
	return sqlite3_changes(store->db);
}

static int fold_counters(struct store *store, int64_t before, int64_t beyond, int max_rows)
{
	int rc = 1;

	for (int i = 0; i < max_rows && rc > 0; i++)
		rc = fold_counter(store, before, beyond);
	return rc;
}

int store_purge_counters(struct store *store, const struct conf *conf, int max_rows)
{
	int64_t before, beyond;
	int rc = agreed_past(store, conf->keep_counters_s, &before, &beyond);

	if (rc || before <= 0)
		return rc;
	before /= DAY_S;
	beyond /= DAY_S;
	rc = sql_count(store, "SELECT EXISTS(SELECT 1" OLD_COUNTERS ")", SQL_INT(before),
		       SQL_INT(beyond), SQL_INT(1));
	if (rc <= 0)
		return rc;
	rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	return store_end(store, fold_counters(store, before, beyond, max_rows));
}

/* The pragma frees one page for each row it returns. A file without auto_vacuum has no less after
 * it. */
static int trim_some(struct store *store, int max_pages)
{
	char sql[64];
	int rc, before, after;

	before = sql_count(store, "PRAGMA freelist_count", SQL_NONE);
	if (before <= 0)
		return before;
	sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", max_pages);
	rc = sql_run(store, sql, SQL_NONE);
	if (rc)
		return rc;
	after = sql_count(store, "PRAGMA freelist_count", SQL_NONE);
	if (after > 0)
		return after < before;
	return after;
}

int store_purge_trim(struct store *store, int max_pages)
{
	int rc = store_begin(store, STORE_FAST);

	if (rc)
		return rc;
	return store_end(store, trim_some(store, max_pages));
}

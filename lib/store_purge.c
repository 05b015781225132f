/* SPDX-License-Identifier: MIT */
/*
 * store_purge.c - forgetting: what is past its time, in small steps; one address, at once
 *
 * Large deletes make hooks wait and pay the checkpoint, so a step is one transaction of few rows.
 * One wrong clock must not free everybody: blocks go only up to the earlier of the times that
 * two runs, an hour apart by the boot clock, have seen.
 */
#include "store_private.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char name_of_run[] = "purge-run";
#define HOUR_S 3600

/* One row: wall time, boot clock, boot id, as text. Returns the horizon for blocks; 0: none. */
static void boot_id(char dst[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, dst, 36);

	dst[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

struct run { int64_t wall, boot_s; char boot[40]; };

static int last_run(struct store *s, struct run *ret)
{
	sqlite3_stmt *st;
	int r = sql_row(s, &st, "SELECT substr(value, 1, 20), substr(value, 21, 20),"
			" substr(value, 41) FROM meta WHERE name = ?1", "s", name_of_run);

	*ret = (struct run){ 0 };
	if (r > 0) {
		ret->wall = sql_int(st, 0);
		ret->boot_s = sql_int(st, 1);
		sql_text(st, 2, ret->boot, sizeof(ret->boot));
	}
	sqlite3_finalize(st);
	return r;
}

/* The earlier run was surely an hour ago: of this boot, or this boot is itself that old. */
static bool hour_apart(const struct run *before)
{
	char boot[40];
	int64_t up = clock_boot_s();

	boot_id(boot);
	return !strcmp(boot, before->boot) ? up - before->boot_s >= HOUR_S : up >= HOUR_S;
}

static int block_horizon(struct store *s, int64_t *ret)
{
	int64_t now = store_now(s);
	struct run before;
	int r = last_run(s, &before);

	*ret = 0;
	if (r > 0 && hour_apart(&before))
		*ret = before.wall < now ? before.wall : now;
	return r < 0 ? r : 0;
}

int store_purge_seen(struct store *s)
{
	struct run before;
	char boot[40], text[96];
	int r = last_run(s, &before);

	/* an earlier run is kept until it is old enough to be of use */
	if (r < 0 || (r > 0 && !hour_apart(&before) && before.wall <= store_now(s)))
		return r < 0 ? r : 0;
	boot_id(boot);
	sqlite3_snprintf(sizeof(text), text, "%020lld%020lld%s", (long long)store_now(s),
			 (long long)clock_boot_s(), boot);
	return sql_run(s, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)", "ss",
		       name_of_run, text);
}

struct sweep {
	const char *table, *id;
	const char *where;                 /* ?1 before which, ?2 beyond which */
	size_t count;                      /* member of struct store_counts */
};
static const struct sweep sweeps[] = {
	{ "finding", "(key, source)", "answered_at < ?1 OR answered_at > ?2", offsetof(struct store_counts, findings) },
	{ "report", "id", "state > 1 AND (ended_at < ?1 OR ended_at > ?2)",
	  offsetof(struct store_counts, reports) },
	{ "lookup", "key", "since < ?1 OR since > ?2", offsetof(struct store_counts, lookups) },
	{ "pardon", "key", "until < ?1 OR until > ?2", offsetof(struct store_counts, pardons) },
	{ "sighting", "(key, user)", "at < ?1 OR at > ?2", offsetof(struct store_counts, sightings) },
	{ "good", "key", "at < ?1 OR at > ?2", offsetof(struct store_counts, logins) },
	{ "failure", "(key, hour)", "last_at < ?1 OR last_at > ?2", offsetof(struct store_counts, failures) },
	{ "retraction", "addr", "since < ?1 OR since > ?2", offsetof(struct store_counts, retractions) },
	{ "block", "key", "until < ?1 OR until > ?2 AND ?1 > 0", offsetof(struct store_counts, blocks) },
};
#define NSWEEPS (sizeof(sweeps) / sizeof(sweeps[0]))

static int limits(struct store *s, const struct conf *conf, size_t i, int64_t *ret_before,
		  int64_t *ret_beyond)
{
	int64_t now = store_now(s);

	*ret_beyond = now + WEEK_S;
	switch (i) {
	case 0: *ret_before = now - conf->keep_findings_s; return 0;
	case 1: *ret_before = now - conf->keep_reports_s; return 0;
	case 2: *ret_before = now - WEEK_S; return 0;
	case 3: *ret_before = now; *ret_beyond = now + TEN_YEARS_S + WEEK_S; return 0;
	case 4:
	case 6:
		*ret_before = now - (conf->report_window_s > conf->spray_window_s ? conf->report_window_s
										    : conf->spray_window_s);
		return 0;
	case 5: *ret_before = now - conf->good_window_s; return 0;
	case 7: *ret_before = now - conf->keep_reports_s; return 0;
	default: *ret_beyond = now + TEN_YEARS_S + WEEK_S; return block_horizon(s, ret_before);
	}
}

static int64_t *count_at(struct store_counts *c, size_t offset)
{
	return (int64_t *)(void *)((char *)c + offset);
}

int store_purge_count(struct store *s, const struct conf *conf, struct store_counts *ret)
{
	int64_t before, beyond;
	char sql[160];
	int r = 0;

	*ret = (struct store_counts){ 0 };
	for (size_t i = 0; i < NSWEEPS && !r; i++) {
		r = limits(s, conf, i, &before, &beyond);
		sqlite3_snprintf(sizeof(sql), sql, "SELECT count(*) FROM %s WHERE %s",
				 sweeps[i].table, sweeps[i].where);
		if (!r)
			r = sql_number(s, 0, count_at(ret, sweeps[i].count), sql, "ii", before, beyond);
	}
	return r;
}

static int sweep_some(struct store *s, const struct conf *conf, size_t i, int max_rows, int *ret_n)
{
	const char *id = sweeps[i].id, *cols = *id == '(' ? id + 1 : id;
	int ncols = (int)strcspn(cols, ")");
	int64_t before, beyond;
	char sql[240];
	int r = limits(s, conf, i, &before, &beyond);

	sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM %s WHERE %s IN (SELECT %.*s FROM %s WHERE %s"
			 " LIMIT ?3)", sweeps[i].table, id, ncols, cols, sweeps[i].table, sweeps[i].where);
	if (!r)
		r = sql_run(s, sql, "iii", before, beyond, (int64_t)max_rows);
	*ret_n = r ? 0 : sqlite3_changes(s->db);
	return r;
}

int store_purge_step(struct store *s, const struct conf *conf, int max_rows,
		     struct store_counts *done)
{
	int r = store_begin(s, STORE_FAST), n = 0, total = 0;

	if (r)
		return r;
	for (size_t i = 0; i < NSWEEPS && !r && total < max_rows; i++) {
		r = sweep_some(s, conf, i, max_rows - total, &n);
		total += n;
		*count_at(done, sweeps[i].count) += n;
	}
	if (!r && total)
		r = sql_run(s, "PRAGMA incremental_vacuum(64)", "");
	return store_end(s, r ? r : total >= max_rows);
}

int store_forget(struct store *s, const struct addr *key, int64_t pardon_until)
{
	static const char *const deletes[] = {
		"DELETE FROM block WHERE key = ?1", "DELETE FROM finding WHERE key = ?1",
		"DELETE FROM lookup WHERE key = ?1", "DELETE FROM report WHERE key = ?1",
		"DELETE FROM pardon WHERE key = ?1", "DELETE FROM sighting WHERE key = ?1",
		"DELETE FROM good WHERE key = ?1", "DELETE FROM failure WHERE key = ?1",
		"DELETE FROM retraction WHERE key = ?1",
	};
	int r = sql_run(s, "PRAGMA secure_delete = ON", "");

	if (!r)
		r = store_begin(s, STORE_DURABLE);
	if (r)
		return r;
	for (size_t i = 0; i < sizeof(deletes) / sizeof(deletes[0]) && !r; i++)
		r = sql_run(s, deletes[i], "k", key);
	if (!r && pardon_until)
		r = sql_run(s, "INSERT INTO pardon(key, until) VALUES(?1, ?2)", "ki", key, pardon_until);
	return store_end(s, r);
}

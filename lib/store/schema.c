/* SPDX-License-Identifier: MIT */
/*
 * schema.c - the tables, and which version of them a file holds
 *
 * PRAGMA user_version counts; a newer file than this program knows is refused. Migrations
 * are added as rows of steps[], each one transaction.
 */
#include "store/store_private.h"
#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x69707265 /* "ipre" */
#define FOREIGN_MAX    100

static const char schema_1[] =
	"CREATE TABLE meta("
	" name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
	"CREATE TABLE block("
	" key BLOB PRIMARY KEY, tier TEXT NOT NULL, score INTEGER NOT NULL,"
	" since INTEGER NOT NULL, until INTEGER NOT NULL,"
	" first_at INTEGER NOT NULL, announced_at INTEGER NOT NULL, due INTEGER NOT NULL,"
	" jail TEXT NOT NULL, src TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX block_due ON block(since) WHERE due = 1;"
	"CREATE INDEX block_first ON block(first_at);"
	"CREATE INDEX block_until ON block(until);"
	"CREATE TABLE pardon("
	" key BLOB PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE finding("
	" key BLOB NOT NULL, source TEXT NOT NULL, listed INTEGER NOT NULL,"
	" rule INTEGER NOT NULL, partial INTEGER NOT NULL, points INTEGER NOT NULL,"
	" answers TEXT NOT NULL, detail TEXT NOT NULL,"
	" answered_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
	" PRIMARY KEY(key, source)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX finding_answered ON finding(answered_at);"
	"CREATE TABLE lookup("
	" key BLOB PRIMARY KEY, addr BLOB NOT NULL, mark INTEGER NOT NULL,"
	" origin INTEGER NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL,"
	" next_at INTEGER NOT NULL, jail TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX lookup_next ON lookup(next_at);"
	"CREATE TABLE report("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, addr BLOB NOT NULL,"
	" state INTEGER NOT NULL, jail TEXT NOT NULL, categories TEXT NOT NULL,"
	" comment TEXT NOT NULL, failures INTEGER NOT NULL, first_at INTEGER NOT NULL,"
	" seen_at INTEGER NOT NULL, next_at INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" sent_at INTEGER NOT NULL, body TEXT, why TEXT NOT NULL,"
	" ended_at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX report_due ON report(next_at) WHERE state < 2;"
	"CREATE INDEX report_addr ON report(addr);"
	"CREATE INDEX report_key ON report(key);"
	"CREATE INDEX report_ended ON report(ended_at) WHERE state > 1;"
	"CREATE TABLE endpoint("
	" name TEXT PRIMARY KEY, day INTEGER NOT NULL, quota INTEGER NOT NULL,"
	" remaining INTEGER NOT NULL, known INTEGER NOT NULL, stopped_until INTEGER NOT NULL,"
	" auth_mark TEXT, last_ok_at INTEGER NOT NULL, last_error_at INTEGER NOT NULL,"
	" last_error TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/* Health of lists, sightings and good logins; findings received over a path that cannot be forged.
 */
static const char schema_2[] =
	"ALTER TABLE finding ADD COLUMN trusted INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE endpoint ADD COLUMN first_until INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE zone("
	" name TEXT PRIMARY KEY, zone TEXT NOT NULL, state4 INTEGER NOT NULL,"
	" state6 INTEGER NOT NULL, why TEXT NOT NULL, latency_ms INTEGER NOT NULL,"
	" probed_at INTEGER NOT NULL, silent_since INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE sighting("
	" key BLOB NOT NULL, user INTEGER NOT NULL, at INTEGER NOT NULL,"
	" PRIMARY KEY(key, user)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX sighting_at ON sighting(at);"
	"CREATE TABLE good("
	" key BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX good_at ON good(at);";

/*
 * What is frozen of a report is its comment and categories, from which both forms of it are made.
 * Failures are summed by the hour; retractions; which blocks have been listed.
 */
static const char schema_3[] =
	"ALTER TABLE report DROP COLUMN body;"
	"ALTER TABLE report ADD COLUMN frozen TEXT;"
	"CREATE TABLE failure("
	" key BLOB NOT NULL, hour INTEGER NOT NULL, n INTEGER NOT NULL, last_at INTEGER NOT NULL,"
	" PRIMARY KEY(key, hour)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX failure_last ON failure(last_at);"
	"CREATE TABLE retraction("
	" addr BLOB PRIMARY KEY, key BLOB NOT NULL, state INTEGER NOT NULL, since INTEGER NOT NULL,"
	" next_at INTEGER NOT NULL, tries INTEGER NOT NULL, deleted INTEGER NOT NULL,"
	" why TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX retraction_next ON retraction(next_at) WHERE state = 0;"
	"CREATE INDEX retraction_key ON retraction(key);"
	"ALTER TABLE block ADD COLUMN shown_at INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX block_new ON block(first_at) WHERE shown_at = 0;";

/*
 * Blocks are looked up again and released. recheck_at: not before; 0: a week after `since`. addr:
 * of a prefix, the address that was seen; NULL: the key is one.
 */
static const char schema_4[] =
	"ALTER TABLE block ADD COLUMN recheck_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE block ADD COLUMN addr BLOB;"
	"CREATE INDEX block_recheck ON block(max(recheck_at, since + 604800));"
	"CREATE TABLE released("
	" key BLOB PRIMARY KEY, at INTEGER NOT NULL, tier TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX released_at ON released(at, key);";

/*
 * Ambiguous lines, counted until they earn a lookup: failed logins and others, by the second. seen:
 * what was seen of a blocked address here, in words.
 */
static const char schema_5[] =
	"CREATE TABLE ambiguous("
	" key BLOB NOT NULL, at INTEGER NOT NULL, logins INTEGER NOT NULL,"
	" others INTEGER NOT NULL, PRIMARY KEY(key, at)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX ambiguous_at ON ambiguous(at);"
	"ALTER TABLE block ADD COLUMN seen TEXT NOT NULL DEFAULT '';";

/*
 * Probes of lists by family, and whether the blocks of a quarantined list were released. The hashes
 * of user names have two parts since; an older one would count as one more name.
 */
static const char schema_6[] = "ALTER TABLE zone ADD COLUMN probed6_at INTEGER NOT NULL DEFAULT 0;"
			       "ALTER TABLE zone ADD COLUMN applied INTEGER NOT NULL DEFAULT 0;"
			       "DELETE FROM sighting;";

/* When each feed and allowed name was fetched. */
static const char schema_7[] =
	"CREATE TABLE fetch("
	" kind INTEGER NOT NULL, name TEXT NOT NULL, identity INTEGER NOT NULL,"
	" etag TEXT NOT NULL, modified TEXT NOT NULL, tried_at INTEGER NOT NULL,"
	" next_at INTEGER NOT NULL, tries INTEGER NOT NULL, why TEXT NOT NULL,"
	" PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;";

/*
 * What was counted, by day (seconds since 1970 / 86400, UTC; 0: all that retention has removed).
 * Of a block: when it was mailed, what it was made from, and whether it was counted: 1: as a block,
 * 2: as a wrong one. Records of the fleet: publications.c.
 */
static const char schema_8[] =
	"CREATE TABLE counter("
	" day INTEGER NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(day, name, label)) STRICT, WITHOUT ROWID;"
	"ALTER TABLE block ADD COLUMN mailed_at INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE block ADD COLUMN evidence TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE block ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;"
	"UPDATE block SET mailed_at = shown_at, counted = first_at > 0;"
	"CREATE INDEX block_unmailed ON block(first_at) WHERE mailed_at = 0;"
	"CREATE INDEX block_tier ON block(tier, until);"
	"CREATE TABLE publication("
	" key BLOB NOT NULL, addr BLOB NOT NULL, octet INTEGER NOT NULL, until INTEGER NOT NULL,"
	" state INTEGER NOT NULL, next_at INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" since INTEGER NOT NULL, PRIMARY KEY(key, addr, octet, until)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX publication_addr ON publication(addr);"
	"CREATE INDEX publication_until ON publication(until);"
	"CREATE INDEX publication_due ON publication(state, next_at) WHERE state IN (1, 3);";

static const char *const steps[] = { schema_1, schema_2, schema_3, schema_4,
				     schema_5, schema_6, schema_7, schema_8 };
#define SCHEMA_VERSION ((int64_t)(sizeof(steps) / sizeof(steps[0])))

static int schema_exec(struct store *store, const char *sql)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_fail(store, "preparing the tables");
	return 0;
}

/* As ALTER TABLE has left them: the text that sqlite_schema has after the last step. One that is
 * missing here costs a millisecond at each opening: is_made_by_steps(). */
static const char *const altered[] = {
	"CREATE TABLE finding( key BLOB NOT NULL, source TEXT NOT NULL, listed INTEGER NOT"
	" NULL, rule INTEGER NOT NULL, partial INTEGER NOT NULL, points INTEGER NOT NULL,"
	" answers TEXT NOT NULL, detail TEXT NOT NULL, answered_at INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL, trusted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(key,"
	" source)) STRICT, WITHOUT ROWID",
	"CREATE TABLE endpoint( name TEXT PRIMARY KEY, day INTEGER NOT NULL, quota INTEGER"
	" NOT NULL, remaining INTEGER NOT NULL, known INTEGER NOT NULL, stopped_until"
	" INTEGER NOT NULL, auth_mark TEXT, last_ok_at INTEGER NOT NULL, last_error_at"
	" INTEGER NOT NULL, last_error TEXT NOT NULL, first_until INTEGER NOT NULL DEFAULT"
	" 0) STRICT, WITHOUT ROWID",
	"CREATE TABLE report( id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, addr"
	" BLOB NOT NULL, state INTEGER NOT NULL, jail TEXT NOT NULL, categories TEXT NOT"
	" NULL, comment TEXT NOT NULL, failures INTEGER NOT NULL, first_at INTEGER NOT NULL,"
	" seen_at INTEGER NOT NULL, next_at INTEGER NOT NULL, tries INTEGER NOT NULL,"
	" sent_at INTEGER NOT NULL, why TEXT NOT NULL, ended_at INTEGER NOT NULL, frozen"
	" TEXT) STRICT",
	"CREATE TABLE block( key BLOB PRIMARY KEY, tier TEXT NOT NULL, score INTEGER NOT"
	" NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, first_at INTEGER NOT NULL,"
	" announced_at INTEGER NOT NULL, due INTEGER NOT NULL, jail TEXT NOT NULL, src TEXT"
	" NOT NULL, shown_at INTEGER NOT NULL DEFAULT 0, recheck_at INTEGER NOT NULL DEFAULT"
	" 0, addr BLOB, seen TEXT NOT NULL DEFAULT '', mailed_at INTEGER NOT NULL DEFAULT 0,"
	" evidence TEXT NOT NULL DEFAULT '', counted INTEGER NOT NULL DEFAULT 0) STRICT,"
	" WITHOUT ROWID",
	"CREATE TABLE zone( name TEXT PRIMARY KEY, zone TEXT NOT NULL, state4 INTEGER NOT"
	" NULL, state6 INTEGER NOT NULL, why TEXT NOT NULL, latency_ms INTEGER NOT NULL,"
	" probed_at INTEGER NOT NULL, silent_since INTEGER NOT NULL, probed6_at INTEGER NOT"
	" NULL DEFAULT 0, applied INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID",
};

/* In the steps: of the byte after the statement that was found last. */
struct step_place {
	size_t step, at;
};

/* Is it one of the statements of a step, whole? Returns where it ends; 0: it is none. */
static size_t end_in_step(const char *step, size_t from, const char *sql, size_t len)
{
	for (const char *at = step + from; (at = strstr(at, sql)); at++)
		if (at[len] == ';' && (at == step || at[-1] == ';'))
			return (size_t)(at - step) + len + 1;
	return 0;
}

/* A file has them in about the order of the steps, and each hook looks: the search goes on where
 * the last one ended, and around. */
static bool is_in_steps(const char *sql, struct step_place *place)
{
	size_t len = strlen(sql), count = (size_t)SCHEMA_VERSION;

	for (size_t i = 0; i <= count; i++) {
		size_t step = (place->step + i) % count;
		size_t end = end_in_step(steps[step], i ? 0 : place->at, sql, len);

		if (!end)
			continue;
		*place = (struct step_place){ step, end };
		return true;
	}
	return false;
}

/* Made by SQLite itself (sqlite.org/fileformat2.html, 2.6.2 to 2.6.4). */
static bool is_of_sqlite(const char *sql)
{
	static const char *const own[] = {
		"CREATE TABLE sqlite_sequence(name,seq)",
		"CREATE TABLE sqlite_stat1(tbl,idx,stat)",
		"CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(sql, own[i]))
			return true;
	return false;
}

static bool is_listed(const char *sql, struct step_place *place)
{
	for (size_t i = 0; i < sizeof(altered) / sizeof(altered[0]); i++)
		if (!strcmp(sql, altered[i]))
			return true;
	return is_in_steps(sql, place) || is_of_sqlite(sql);
}

bool store_schema_lists(const char *sql)
{
	return is_listed(sql, &(struct step_place){ 0 });
}

/* Would this SQLite write it so? */
static bool is_made_by_steps(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_open(":memory:", &db);
	bool found;

	for (size_t i = 0; rc == SQLITE_OK && i < SCHEMA_VERSION; i++)
		rc = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_schema WHERE sql = ?1", -1,
					&statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, sql, -1, SQLITE_STATIC);
	found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return found;
}

struct foreign {
	struct step_place place;
	char text[FOREIGN_MAX];
};

/* A trigger runs with our statements, a view instead of them, an index or CHECK computes what its
 * maker likes. So each must be one of ours to the letter. */
static bool foreign_read(sqlite3_stmt *row, void *element)
{
	struct foreign *foreign = element;
	char type[16], name[64];
	const char *sql = (const char *)sqlite3_column_text(row, 2);

	if (sql && (is_listed(sql, &foreign->place) || is_made_by_steps(sql)))
		return false;
	sql_text(row, 0, type, sizeof(type));
	sql_text(row, 1, name, sizeof(name));
	if (!sql && !strcmp(type, "index")) /* of a PRIMARY KEY */
		return false;
	snprintf(foreign->text, FOREIGN_MAX, "not made by iprep: %s %s", type, name);
	return true;
}

static int schema_check(struct store *store)
{
	struct foreign foreign = { .text = "" };
	int rc = sql_each(store, foreign_read, &foreign,
			  "SELECT type, name, sql FROM sqlite_schema", SQL_NONE);

	if (rc > 0)
		return store_damaged(store, "opening", foreign.text);
	return rc;
}

/* Without our mark: nothing yet; ours with the mark destroyed; or that of another program. */
static int version_without_mark(struct store *store, int64_t version)
{
	int ours, all = sql_count(store, "SELECT count(*) FROM sqlite_schema", SQL_NONE);

	if (all < 0)
		return all;
	if (!version && !all)
		return 0;
	ours = sql_count(store,
			 "SELECT count(*) FROM sqlite_schema"
			 " WHERE name IN ('block', 'lookup', 'report')",
			 SQL_NONE);
	if (ours < 0)
		return ours;
	if (ours == 3)
		return store_damaged(store, "reading", "application_id is wrong");
	store->state = STORE_FOREIGN;
	return err_set(store->error, IPREP_E_STORE,
		       "%s: a database of another program, not touched", store_name(store));
}

static int version_too_new(struct store *store, int64_t version)
{
	store->state = STORE_NEWER;
	snprintf(store->why, sizeof(store->why),
		 "written by a newer iprep (version %lld; this one knows %lld)", (long long)version,
		 (long long)SCHEMA_VERSION);
	return err_set(store->error, IPREP_E_STORE,
		       "%s: %s, not touched: install that one again, or set it aside "
		       "with rep-purge --reset",
		       store_name(store), store->why);
}

int store_version(struct store *store, int64_t *ret_version)
{
	int64_t version, id;
	int rc = sql_number(store, &version, "PRAGMA user_version", SQL_NONE);

	if (rc)
		return rc;
	*ret_version = version;
	if (version == SCHEMA_VERSION)
		return schema_check(store);
	rc = sql_number(store, &id, "PRAGMA application_id", SQL_NONE);
	if (rc)
		return rc;
	if (id != APPLICATION_ID) {
		rc = version_without_mark(store, version);
		if (rc)
			return rc;
	}
	if (version < 0 || (version == 0 && id == APPLICATION_ID))
		return store_damaged(store, "reading", "invalid schema version");
	if (version > SCHEMA_VERSION)
		return version_too_new(store, version);
	return 0;
}

static int schema_migrate(struct store *store)
{
	int64_t version = 0;
	char mark[120];
	int rc = store_begin(store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = store_version(store, &version); /* another process may have been faster */
	while (!rc && version < SCHEMA_VERSION)
		rc = schema_exec(store, steps[version++]);
	if (rc)
		return store_end(store, rc);
	sqlite3_snprintf(sizeof(mark), mark,
			 "PRAGMA application_id = %d; PRAGMA user_version = %lld", APPLICATION_ID,
			 (long long)SCHEMA_VERSION);
	return store_end(store, schema_exec(store, mark));
}

bool store_is_moved(const struct store *store)
{
	int moved = 0;

	return !store->read_only &&
	       sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
	       moved;
}

int store_schema(struct store *store)
{
	int64_t version = 0;
	int rc = store_version(store, &version);

	if (store_is_moved(store)) /* set aside between our opening and reading it; the log next to
				    * it belongs to the new one */
		return STORE_MOVED;
	if (rc || version == SCHEMA_VERSION)
		return rc;
	if (store->mode == STORE_VIEW)
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: of an older version; the next hook or worker migrates it",
			       store_name(store));
	if (store->read_only && version && store->mode == STORE_GATE)
		return 0; /* blocks and pardons are in every version as they are now */
	if (store->read_only && version)
		return err_set(store->error, IPREP_E_STORE,
			       "%s: of an older version, and the disk refuses its migration",
			       store_name(store));
	if (store->read_only)
		return err_set(store->error, IPREP_E_STORE,
			       "%s: not made yet, and the disk refuses writes", store_name(store));
	if (version == 0) /* both last for the life of the file */
		rc = schema_exec(store, "PRAGMA auto_vacuum = INCREMENTAL");
	if (!rc)
		rc = schema_exec(store, "PRAGMA journal_mode = WAL");
	if (!rc)
		rc = schema_migrate(store);
	if (rc)
		return rc;
	return store_version(store, &version);
}

/* SPDX-License-Identifier: MIT */
/*
 * forget.c - delete one address immediately, and its bytes from the whole file
 *
 * secure_delete overwrites what is deleted, but not the copies of a row that SQLite leaves behind
 * when it moves rows between pages, nor what the log still holds
 * (sqlite.org/pragma.html#pragma_secure_delete). So the log is emptied, the file is searched, and
 * only if something is found it is rewritten.
 */
#include "store/publications.h"
#include "store/store_private.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define CHUNK 65536

static bool in_an_address(unsigned char byte)
{
	return isxdigit(byte) || byte == '.' || byte == ':';
}

/* As a number of its own: 45.1.1.1 is not in 145.1.1.10. */
static bool is_whole_address(const uint8_t *at, size_t len, const uint8_t *from, const uint8_t *to)
{
	return (at == from || !in_an_address(at[-1])) &&
	       (at + len == to || !in_an_address(at[len]));
}

/* Those that end before `seen` were counted with the last chunk. */
static int count_in(const uint8_t *from, const uint8_t *seen, const uint8_t *to, const void *needle,
		    size_t len, bool text)
{
	const uint8_t *at = from;
	int found = 0;

	while ((at = memmem(at, (size_t)(to - at), needle, len))) {
		found += at + len > seen && (!text || is_whole_address(at, len, from, to));
		at++;
	}
	return found;
}

struct needles {
	const uint8_t *key;
	size_t nkey;
	const char *text;
};

/*
 * How often they are in the file: overlapping chunks, so that none is cut. Read through SQLite's
 * own descriptor: closing another one would drop the locks that this process has
 * (sqlite.org/howtocorrupt.html).
 */
static int count_in_file(struct store *store, const struct needles *what, int *ret)
{
	static const size_t overlap = 64;
	uint8_t *buf = malloc(CHUNK + overlap);
	sqlite3_file *file = NULL;
	sqlite3_int64 at = 0, size = 0;
	size_t kept = 0;
	int rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

	if (rc == SQLITE_OK)
		rc = file->pMethods->xFileSize(file, &size);
	while (buf && rc == SQLITE_OK && at < size) {
		int count = size - at < CHUNK ? (int)(size - at) : CHUNK;
		size_t all = kept + (size_t)count;

		rc = file->pMethods->xRead(file, buf + kept, count, at);
		*ret += count_in(buf, buf + kept, buf + all, what->key, what->nkey, false);
		*ret += count_in(buf, buf + kept, buf + all, what->text, strlen(what->text), true);
		if (all < overlap)
			kept = all;
		else
			kept = overlap;
		memmove(buf, buf + all - kept, kept);
		at += count;
	}
	free(buf);
	if (!buf)
		return err_set(store->error, IPREP_E_NOMEM, "out of memory");
	if (rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ)
		return 0;
	return err_set(store->error, IPREP_E_IO, "%s: cannot be searched",
		       sqlite3_db_filename(store->db, NULL));
}

/* All deletions are committed. Bytes that cannot be wiped now are reported. */
static int wipe_address(struct store *store, const struct addr *key, int bits, const char *text,
			int allowed)
{
	struct needles what = { key->bytes, (size_t)bits / 8, text };
	int found = 0, rc = store_truncate_wal(store);

	if (rc || !what.nkey)
		return rc;
	rc = count_in_file(store, &what, &found);
	if (rc || found <= allowed)
		return rc;
	rc = sql_run(store, "VACUUM", SQL_NONE);
	if (rc)
		return rc;
	return store_truncate_wal(store);
}

/* Under a shorter ipv6_prefix rows were kept by another key, which others share: those of this
 * address go. */
static int forget_by_address(struct store *store, const struct addr *key, const struct addr *last)
{
	static const char *const wipes[] = {
		"DELETE FROM lookup",
		"DELETE FROM report",
		"DELETE FROM retraction",
		"UPDATE block SET addr = NULL",
	};
	struct addr widest = addr_cut(key, IPV6_PREFIX_MIN);
	char sql[120];
	int rc = 0;

	for (size_t i = 0; i < sizeof(wipes) / sizeof(wipes[0]) && !rc && !addr_is_v4(key); i++) {
		sqlite3_snprintf(sizeof(sql), sql,
				 "%s WHERE key BETWEEN ?3 AND ?2 AND addr BETWEEN ?1 AND ?2",
				 wipes[i]);
		rc = sql_run(store, sql, SQL_KEY(key), SQL_KEY(last), SQL_KEY(&widest));
	}
	return rc;
}

static int forget_rows(struct store *store, const struct addr *key, int bits, const char *text,
		       int64_t pardon_until, const struct addr *publish_as)
{
	static const char *const tables[] = { "block",	    "finding",	"lookup",   "report",
					      "pardon",	    "sighting", "good",	    "failure",
					      "retraction", "released", "ambiguous" };
	struct addr last = addr_last(&(struct prefix){ *key, bits });
	char sql[96];
	int rc = 0;

	if (pardon_until) {
		rc = store_count(store, "pardon", "", 1);
		if (!rc)
			rc = store_count_wrong(store, key, &last);
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !rc; i++) {
		sqlite3_snprintf(sizeof(sql), sql, "DELETE FROM %s WHERE key BETWEEN ?1 AND ?2",
				 tables[i]);
		rc = sql_run(store, sql, SQL_KEY(key), SQL_KEY(&last));
	}
	if (!rc)
		rc = store_publications_withdraw(store, key, &last, false);
	if (!rc)
		rc = forget_by_address(store, key, &last);
	if (!rc)
		rc = sql_run(store,
			     "UPDATE endpoint SET last_error = '' WHERE instr(last_error, ?1)",
			     SQL_TEXT(text));
	if (rc || !pardon_until)
		return rc;
	rc = sql_run(store, "INSERT INTO pardon(key, until) VALUES(?1, ?2)", SQL_KEY(key),
		     SQL_INT(pardon_until));
	if (rc || !publish_as)
		return rc;
	return store_publish(store, key, publish_as, PUBLICATION_PARDON, pardon_until, false);
}

/* Of the bytes that must stay: a pardon, and records of the fleet until a server has removed them,
 * each with its key and address in the table and three indexes. */
static int count_left(struct store *store, const struct addr *key, int bits, bool pardoned)
{
	struct addr last = addr_last(&(struct prefix){ *key, bits });
	int keys = sql_count(store, "SELECT count(*) FROM publication WHERE key BETWEEN ?1 AND ?2",
			     SQL_KEY(key), SQL_KEY(&last));
	int addrs = sql_count(store,
			      "SELECT count(*) FROM publication WHERE addr BETWEEN ?1 AND ?2",
			      SQL_KEY(key), SQL_KEY(&last));

	return pardoned + 4 * (MAX(keys, 0) + MAX(addrs, 0));
}

int store_forget(struct store *store, const struct addr *key, int bits, int64_t pardon_until,
		 const struct addr *publish_as)
{
	char text[ADDR_TEXT_MAX];
	int rc = sql_run(store, "PRAGMA secure_delete = ON", SQL_NONE);

	if (rc)
		return rc;
	rc = store_begin(store, STORE_DURABLE);
	if (rc)
		return rc;
	addr_text(key, text);
	rc = store_end(store, forget_rows(store, key, bits, text, pardon_until, publish_as));
	if (rc)
		return rc;
	if (wipe_address(store, key, bits, text, count_left(store, key, bits, pardon_until != 0)))
		log_line(store->log, LOG_NOTICE,
			 "%s: forgotten, but freed space may still hold it: %s", text,
			 store->error->text);
	return 0;
}

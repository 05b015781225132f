/* SPDX-License-Identifier: MIT */
/*
 * reset.c - a damaged file is set aside, never mended or overwritten, and a new one put in its
 * place
 *
 * The new one is made first: on a full disk nothing changes. Then no process may use the old
 * one: a process that has it open holds a lock on SQLite's lock bytes
 * (sqlite.org/fileformat2.html, 1.6; os.h PENDING_BYTE), and so do we while it is read and moved.
 * What another process wrote until then is taken over as well. Who opened it before and reads it
 * after sees that it has moved (schema.c).
 */
#include "store/store_private.h"
#include "base/buf.h"
#include "base/statedir.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_BYTES_AT 0x40000000
#define LOCK_BYTES    512
#define IN_USE_MS     10000
#define NAMES_MAX     100   /* set aside within the same second */
#define READ_MS	      60000 /* for its rows: a view among them may be endless */
#define ENDS	      4
static const char *const ends[ENDS] = { "", "-wal", "-shm", "-journal" };

static int no_file(struct store *store)
{
	struct stat st;

	if (lstat(store->path, &st)) {
		if (errno == ENOENT)
			return 0;
		return err_set(store->error, errno == EACCES ? IPREP_E_PERM : IPREP_E_STORE,
			       "%s: %s", store->path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return err_set(store->error, IPREP_E_STORE,
			       "%s: not a file but a link, a directory or the like: not set "
			       "aside, do it by hand",
			       store->path);
	if (access(store->path, R_OK | W_OK))
		return err_set(store->error, errno == EROFS ? IPREP_E_STORE : IPREP_E_PERM,
			       "%s: %s; it has to belong to the "
			       "owner of its directory",
			       store->path, strerror(errno));
	return 0;
}

/* ---- what is in the old one ---- */

/*
 * Rows from both ends as far as they can be read: `first` of the first column, an address, goes to
 * row(). Damage in the middle hides one page, not all that comes after it.
 */
struct salvage {
	void (*row)(void *user, sqlite3_stmt *row); /* NULL: only counted */
	void *user;
	int64_t number;
};

static bool salvage_read(sqlite3_stmt *row, void *element)
{
	struct salvage *salvage = element;

	if (salvage->row)
		salvage->row(salvage->user, row);
	salvage->number++;
	return true;
}

static int64_t read_rows(struct store *store, const char *select, bool *all,
			 void (*row)(void *user, sqlite3_stmt *row), void *user)
{
	static const char *const order[] = { "", " DESC" };
	struct salvage salvage = { .row = row, .user = user };
	char sql[200];
	int rc = -1;

	for (int i = 0; i < 2 && rc < 0; i++) {
		sqlite3_snprintf(sizeof(sql), sql, "%s ORDER BY 1%s", select, order[i]);
		rc = sql_each(store, salvage_read, &salvage, sql, SQL_INT(store_now(store)));
		*all &= rc >= 0;
	}
	return salvage.number;
}

static void read_bounded(struct store *store)
{
	store->until_ms = clock_mono_ms() + READ_MS;
	store_watch(store);
}

static void count_all(struct store *store, struct store_reset *ret)
{
	read_bounded(store);
	ret->all_read = true;
	ret->blocks = read_rows(store, "SELECT key FROM block WHERE until > ?1", &ret->all_read,
				NULL, NULL);
	ret->reports = read_rows(store, "SELECT id FROM report WHERE ?1 AND state < 2",
				 &ret->all_read, NULL, NULL);
	ret->lookups = read_rows(store, "SELECT key FROM lookup WHERE ?1", &ret->all_read, NULL,
				 NULL);
	ret->pardons = read_rows(store, "SELECT key FROM pardon WHERE until > ?1", &ret->all_read,
				 NULL, NULL);
	ret->logins = read_rows(store, "SELECT key FROM good WHERE at <= ?1", &ret->all_read, NULL,
				NULL);
	store->until_ms = INT64_MAX;
}

/* Reads all of it. 0: *ret says what is wrong, or that nothing is. Errors: those that are not about
 * what is in it. */
static int judge_old_database(struct store *store, struct store_reset *ret)
{
	int64_t version;
	int rc = store_missing(store);

	if (rc > 0)
		rc = store_log_alone(store);
	else if (!rc)
		rc = store_connect(store, store->path, SQLITE_OPEN_READWRITE);
	if (!rc && store->db)
		rc = store_version(store, &version);
	if (!rc && store->db)
		rc = store_check(store, INT32_MAX);
	if (!rc)
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: changes while it is looked at, giving up", store->path);
	ret->sound = rc > 0;
	if (rc < 0 && store->state != STORE_DAMAGED && store->state != STORE_NEWER)
		return rc;
	snprintf(ret->why, sizeof(ret->why), "%s", rc < 0 ? store->why : "sound");
	if (store->db)
		count_all(store, ret);
	store_disconnect(store); /* its locks would be in our way */
	return 0;
}

/* ---- what is taken over ---- */

struct taking {
	struct store *fresh;
	const char *insert;
	int64_t number, max;
	int rc;
};

static void take_row(void *user, sqlite3_stmt *st)
{
	struct taking *taking = user;
	struct addr key;

	if (taking->rc || !sql_key(st, 0, &key) || sqlite3_column_type(st, 1) != SQLITE_INTEGER ||
	    sql_int(st, 1) > taking->max)
		return;
	taking->rc = sql_run(taking->fresh, taking->insert, SQL_KEY(&key), SQL_INT(sql_int(st, 1)));
	taking->number += sqlite3_changes(taking->fresh->db);
}

static int take_over(struct store *store, struct store *fresh, struct store_reset *ret)
{
	int64_t now = store_now(store);
	struct taking pardons = { .fresh = fresh,
				  .insert = "INSERT OR IGNORE INTO pardon VALUES(?1, ?2)",
				  .max = now + TEN_YEARS_S + WEEK_S };
	struct taking logins = { .fresh = fresh,
				 .insert = "INSERT OR IGNORE INTO good VALUES(?1, ?2)",
				 .max = now };
	bool all = true;
	int rc = store_begin(fresh, STORE_DURABLE);

	if (!rc && store->db) {
		read_bounded(store);
		read_rows(store, "SELECT key, until FROM pardon WHERE until > ?1", &all, take_row,
			  &pardons);
		read_rows(store, "SELECT key, at FROM good WHERE at <= ?1", &all, take_row,
			  &logins);
		if (pardons.rc)
			rc = pardons.rc;
		else
			rc = logins.rc;
	}
	rc = store_end(fresh, rc);
	ret->pardons = pardons.number;
	ret->logins = logins.number;
	return rc;
}

/* ---- moving ---- */

/* A descriptor: no other process has the file open or can open it. */
static int keep_out(struct store *store)
{
	struct flock flock = { .l_type = F_WRLCK,
			       .l_whence = SEEK_SET,
			       .l_start = LOCK_BYTES_AT,
			       .l_len = LOCK_BYTES };
	int fd = statefile_open(store->path, O_RDWR, store->error), ntries = 0;

	if (fd < 0)
		return fd;
	while (fcntl(fd, F_OFD_SETLK, &flock)) {
		if (store_wait(store, &ntries))
			continue;
		close(fd);
		return err_set(store->error, IPREP_E_BUSY,
			       "%s: another program has had it open for %d ms, giving up; nothing "
			       "was changed",
			       store->path, store->wait_ms);
	}
	return fd;
}

static bool is_free(const char *base)
{
	char path[STORE_PATH_MAX + 16];
	struct stat st;

	for (size_t i = 0; i < ENDS; i++) {
		snprintf(path, sizeof(path), "%s%s", base, ends[i]);
		if (!lstat(path, &st) || errno != ENOENT)
			return false;
	}
	return true;
}

static int free_name(struct store *store, char dst[STORE_PATH_MAX])
{
	char when[TIME_TEXT_MAX], end[60];

	time_text(store_now(store), TIME_ISO, when);
	for (int i = 1; i <= NAMES_MAX; i++) {
		snprintf(end, sizeof(end), i > 1 ? ".%s-%d" : ".%s", when, i);
		store_path_with(store, end, dst);
		if (is_free(dst))
			return 0;
	}
	return err_set(store->error, IPREP_E_CREATE, "%s: exists, and so do %d more of that time",
		       dst, NAMES_MAX);
}

/* The first nmoved of its files, the last one first: back in their place. */
static void move_back(struct store *store, const char *aside, size_t nmoved)
{
	char from[STORE_PATH_MAX + 16], to[STORE_PATH_MAX];

	while (nmoved--) {
		snprintf(from, sizeof(from), "%s%s", aside, ends[nmoved]);
		store_path_with(store, ends[nmoved], to);
		if (rename(from, to) && errno != ENOENT)
			err_prefix(store->error, "%s: cannot be moved back: %s; do it by hand",
				   from, strerror(errno));
	}
	store_sync_dir(store);
}

/* The file first: should this end here, its log alone is damage that is reported, and set aside in
 * turn. */
static int move_aside(struct store *store, const char *aside)
{
	char from[STORE_PATH_MAX], to[STORE_PATH_MAX + 16];

	for (size_t i = 0; i < ENDS; i++) {
		int rc;

		store_path_with(store, ends[i], from);
		snprintf(to, sizeof(to), "%s%s", aside, ends[i]);
		if (!rename(from, to) || errno == ENOENT)
			continue;
		rc = err_set(store->error, IPREP_E_IO,
			     "%s: cannot be set aside: %s; nothing was changed", from,
			     strerror(errno));
		move_back(store, aside, i);
		return rc;
	}
	store_sync_dir(store);
	return 0;
}

/* Without SQLite's locks, which ours would keep waiting; its log is read without shared memory
 * (sqlite.org/wal.html, 8; sqlite.org/vfs.html, 2.1.3). */
static int connect_alone(struct store *store)
{
	int rc;

	store->vfs = "unix-none";
	rc = store_connect(store, store->path, SQLITE_OPEN_READWRITE);
	if (!rc)
		rc = sql_run(store, "PRAGMA locking_mode = EXCLUSIVE", SQL_NONE);
	return rc;
}

/* No other process has it: what is in it now is all. */
static int copy_alone(struct store *store, struct store *fresh, struct store_reset *ret)
{
	int rc = connect_alone(store);

	if (!rc)
		count_all(store, ret);
	if (!rc)
		rc = take_over(store, fresh, ret);
	store_disconnect(store);
	return rc;
}

static int swap_files(struct store *store, struct store *fresh, struct store_reset *ret)
{
	int rc = free_name(store, ret->aside);

	if (!rc)
		rc = move_aside(store, ret->aside);
	if (rc) {
		store_build_failed(store, fresh);
		return rc;
	}
	rc = store_put_in_place(store, fresh);
	if (rc) {
		err_prefix(store->error, "nothing was changed");
		move_back(store, ret->aside, ENDS);
	}
	return rc;
}

/* Of a file that is there, or of which only the log is. */
static int replace_database(struct store *store, struct store *fresh, struct store_reset *ret)
{
	struct stat st;
	int fd = -1, rc = 0;

	if (!lstat(store->path, &st)) {
		fd = keep_out(store);
		if (fd < 0)
			rc = fd;
		else
			rc = copy_alone(store, fresh, ret);
	} else if (errno != ENOENT) {
		rc = err_set(store->error, IPREP_E_IO, "%s: %s", store->path, strerror(errno));
	}
	if (rc)
		store_build_failed(store, fresh);
	else
		rc = swap_files(store, fresh, ret);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- all of it ---- */

static int reset_locked(struct store *store, struct store_reset *ret)
{
	struct store fresh;
	int fd = store_make_lock(store), rc;

	if (fd < 0)
		return fd;
	rc = store_build(store, &fresh);
	if (!rc)
		rc = replace_database(store, &fresh, ret);
	close(fd);
	return rc;
}

static int look_and_reset(struct store *store, bool sound_too, bool dry_run,
			  struct store_reset *ret)
{
	int rc = no_file(store);

	if (!rc)
		rc = store_files_check(store);
	if (!rc && store_missing(store) > 0 && !store_log_alone(store)) { /* nothing to set aside */
		snprintf(ret->why, sizeof(ret->why), "not there");
		if (dry_run)
			return 0;
		return store_make(store);
	}
	store->state = STORE_SOUND;
	if (!rc)
		rc = judge_old_database(store, ret);
	if (rc)
		return rc;
	if (ret->sound && !sound_too)
		return err_set(store->error, IPREP_E_ARG,
			       "%s: sound, with %lld blocks and %lld reports that wait: not set "
			       "aside (--force does it all the same)",
			       store->path, (long long)ret->blocks, (long long)ret->reports);
	if (dry_run)
		return 0;
	return reset_locked(store, ret);
}

int store_reset(const char *path, bool sound_too, bool dry_run, struct clock clock,
		struct store_reset *ret, struct err *error)
{
	struct store store = { .path = path,
			       .mode = STORE_HOOK,
			       .clock = clock,
			       .error = error,
			       .wait_ms = IN_USE_MS,
			       .until_ms = INT64_MAX };
	struct store_reset got = { 0 };
	int rc = look_and_reset(&store, sound_too, dry_run, &got);

	store_disconnect(&store);
	if (rc)
		return rc;
	*ret = got;
	return 0;
}

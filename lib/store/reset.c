/* SPDX-License-Identifier: MIT */
/*
 * reset.c - a damaged file is set aside, never mended or overwritten, and a new one put in its
 * place
 *
 * The new one is made first: on a full disk nothing changes. Then nobody may be in the old one:
 * whoever has it open holds a lock on SQLite's lock bytes (sqlite.org/fileformat2.html, 1.6; os.h
 * PENDING_BYTE), and so do we while it moves. Who opened it before and reads it after sees that it
 * has moved (schema.c).
 */
#include "store/store_private.h"
#include "base/buf.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_BYTES_AT 0x40000000
#define LOCK_BYTES    512
#define IN_USE_MS     10000
#define NAMES_MAX     100 /* set aside within the same second */
#define ENDS	      4
static const char *const ends[ENDS] = { "", "-wal", "-shm", "-journal" };

static int no_file(struct store *s)
{
	struct stat st;

	if (lstat(s->path, &st))
		return errno == ENOENT
			       ? 0
			       : err_set(&s->err, errno == EACCES ? IPREP_E_PERM : IPREP_E_STORE,
					 "%s: %s", s->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(&s->err, IPREP_E_STORE,
			       "%s: not a file but a link, a directory or the like: not set "
			       "aside, do it by hand",
			       s->path);
	if (access(s->path, R_OK | W_OK))
		return err_set(&s->err, errno == EROFS ? IPREP_E_STORE : IPREP_E_PERM,
			       "%s: %s; it has to belong to the "
			       "owner of its directory",
			       s->path, strerror(errno));
	return 0;
}

/* ---- what is in the old one ---- */

/*
 * Rows from both ends as far as they can be read: `first` of the first column, an address, goes to
 * row(). Damage in the middle hides one page, not all that comes after it.
 */
static int64_t read_rows(struct store *s, const char *select, bool *all,
			 void (*row)(void *user, sqlite3_stmt *st), void *user)
{
	static const char *const order[] = { "", " DESC" };
	sqlite3_stmt *st;
	int64_t n = 0;
	char sql[200];
	int r = 1;

	for (int i = 0; i < 2 && r; i++) {
		sqlite3_snprintf(sizeof(sql), sql, "%s ORDER BY 1%s", select, order[i]);
		for (r = sql_row(s, &st, sql, "i", store_now(s)); r > 0; r = sql_next(s, st)) {
			if (row)
				row(user, st);
			n++;
		}
		sqlite3_finalize(st);
		*all &= !r;
	}
	return n;
}

static void count_all(struct store *s, struct store_reset *ret)
{
	ret->all_read = true;
	ret->blocks = read_rows(s, "SELECT key FROM block WHERE until > ?1", &ret->all_read, NULL,
				NULL);
	ret->reports = read_rows(s, "SELECT id FROM report WHERE ?1 AND state < 2", &ret->all_read,
				 NULL, NULL);
	ret->lookups = read_rows(s, "SELECT key FROM lookup WHERE ?1", &ret->all_read, NULL, NULL);
	ret->pardons = read_rows(s, "SELECT key FROM pardon WHERE until > ?1", &ret->all_read, NULL,
				 NULL);
	ret->logins = read_rows(s, "SELECT key FROM good WHERE at <= ?1", &ret->all_read, NULL,
				NULL);
}

/* Reads all of it. 0: *ret says what is wrong, or that nothing is. Errors: those that are not about
 * what is in it. */
static int judge(struct store *s, struct store_reset *ret)
{
	int64_t version;
	int r = store_missing(s);

	if (r > 0)
		r = store_log_alone(s);
	else if (!r)
		r = store_connect(s, s->path, SQLITE_OPEN_READWRITE);
	if (!r && s->db)
		r = store_version(s, &version);
	if (!r && s->db)
		r = store_check(s, INT32_MAX);
	if (!r)
		return err_set(&s->err, IPREP_E_BUSY,
			       "%s: changes while it is looked at, giving up", s->path);
	ret->sound = r > 0;
	if (r < 0 && s->state != STORE_DAMAGED && s->state != STORE_NEWER)
		return r;
	snprintf(ret->why, sizeof(ret->why), "%s", r < 0 ? s->why : "sound");
	if (s->db)
		count_all(s, ret);
	return 0;
}

/* ---- what is taken over ---- */

struct taking {
	struct store *fresh;
	const char *insert;
	int64_t n, max;
	int r;
};

static void take_row(void *user, sqlite3_stmt *st)
{
	struct taking *t = user;
	struct addr key;

	if (t->r || !sql_key(st, 0, &key) || sqlite3_column_type(st, 1) != SQLITE_INTEGER ||
	    sql_int(st, 1) > t->max)
		return;
	t->r = sql_run(t->fresh, t->insert, "ki", &key, sql_int(st, 1));
	t->n += sqlite3_changes(t->fresh->db);
}

static int take_over(struct store *s, struct store *fresh, struct store_reset *ret)
{
	int64_t now = store_now(s);
	struct taking pardons = { .fresh = fresh,
				  .insert = "INSERT OR IGNORE INTO pardon VALUES(?1, ?2)",
				  .max = now + TEN_YEARS_S + WEEK_S };
	struct taking logins = { .fresh = fresh,
				 .insert = "INSERT OR IGNORE INTO good VALUES(?1, ?2)",
				 .max = now };
	bool all = true;
	int r = store_begin(fresh, STORE_DURABLE);

	if (!r && s->db) {
		read_rows(s, "SELECT key, until FROM pardon WHERE until > ?1", &all, take_row,
			  &pardons);
		read_rows(s, "SELECT key, at FROM good WHERE at <= ?1", &all, take_row, &logins);
		r = pardons.r ? pardons.r : logins.r;
	}
	r = store_end(fresh, r);
	ret->pardons = pardons.n;
	ret->logins = logins.n;
	return r ? err_set(&s->err, r, "%s", fresh->err.text) : 0;
}

/* ---- moving ---- */

/* A descriptor: whoever has the file open has ended, and nobody gets into it. */
static int keep_out(struct store *s)
{
	struct flock l = { .l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = LOCK_BYTES_AT,
			   .l_len = LOCK_BYTES };
	int fd = open(s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW), ntries = 0;

	if (fd < 0)
		return err_set(&s->err, IPREP_E_IO, "%s: %s", s->path, strerror(errno));
	while (fcntl(fd, F_OFD_SETLK, &l)) {
		if (store_wait(s, &ntries))
			continue;
		close(fd);
		return err_set(&s->err, IPREP_E_BUSY,
			       "%s: another program has had it open for %d ms, giving up; nothing "
			       "was changed",
			       s->path, s->wait_ms);
	}
	return fd;
}

static bool is_free(const char *base)
{
	char path[STORE_PATH_MAX + 16];
	struct stat st;

	for (size_t i = 0; i < ENDS; i++) {
		snprintf(path, sizeof(path), "%s%s", base, ends[i]);
		if (!lstat(path, &st))
			return false;
	}
	return true;
}

static int free_name(struct store *s, char dst[STORE_PATH_MAX])
{
	time_t now = (time_t)store_now(s);
	char when[40], end[60];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), ".%Y-%m-%dT%H:%M:%SZ", &tm);
	for (int i = 1; i <= NAMES_MAX; i++) {
		snprintf(end, sizeof(end), i > 1 ? "%s-%d" : "%s", when, i);
		store_path_with(s, end, dst);
		if (is_free(dst))
			return 0;
	}
	return err_set(&s->err, IPREP_E_CREATE, "%s: exists, and so do %d more of that time", dst,
		       NAMES_MAX);
}

/* The file first: should this end here, its log alone is damage that is reported, and set aside in
 * turn. */
static int move_aside(struct store *s, const char *aside)
{
	char from[STORE_PATH_MAX], to[STORE_PATH_MAX + 16];

	for (size_t i = 0; i < ENDS; i++) {
		store_path_with(s, ends[i], from);
		snprintf(to, sizeof(to), "%s%s", aside, ends[i]);
		if (rename(from, to) && errno != ENOENT)
			return err_set(&s->err, IPREP_E_IO, "%s: cannot be set aside: %s", from,
				       strerror(errno));
	}
	store_sync_dir(s);
	return 0;
}

static int replace(struct store *s, struct store *fresh, struct store_reset *ret)
{
	struct stat st;
	bool exists = !lstat(s->path, &st);
	int fd = exists ? keep_out(s) : -1, r = exists && fd < 0 ? fd : free_name(s, ret->aside);

	if (r) {
		store_build_failed(s, fresh);
	} else {
		r = move_aside(s, ret->aside);
		if (r)
			store_build_failed(s, fresh);
		else
			r = store_put_in_place(s, fresh);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

/* ---- all of it ---- */

static int reset(struct store *s, struct store_reset *ret)
{
	struct store fresh;
	int fd = store_make_lock(s), r;

	if (fd < 0)
		return fd;
	r = store_build(s, &fresh);
	if (!r) {
		r = take_over(s, &fresh, ret);
		sqlite3_close(s->db); /* its locks would be in our way */
		s->db = NULL;
		if (r)
			store_build_failed(s, &fresh);
		else
			r = replace(s, &fresh, ret);
	}
	close(fd);
	return r;
}

static int look_and_reset(struct store *s, bool sound_too, bool dry_run, struct store_reset *ret)
{
	int r = no_file(s);

	if (!r && store_missing(s) > 0 && !store_log_alone(s)) { /* nothing to set aside */
		snprintf(ret->why, sizeof(ret->why), "not there");
		return dry_run ? 0 : store_make(s);
	}
	s->state = STORE_SOUND;
	if (!r)
		r = judge(s, ret);
	if (r)
		return r;
	if (ret->sound && !sound_too)
		return err_set(&s->err, IPREP_E_ARG,
			       "%s: sound, with %lld blocks and %lld reports that wait: not set "
			       "aside (--force does it all the same)",
			       s->path, (long long)ret->blocks, (long long)ret->reports);
	return dry_run ? 0 : reset(s, ret);
}

int store_reset(const char *path, bool sound_too, bool dry_run, struct clock clock,
		struct store_reset *ret, struct err *e)
{
	struct store s = { .path = path, .mode = STORE_HOOK, .clock = clock, .wait_ms = IN_USE_MS };
	struct store_reset got = { 0 };
	int r = look_and_reset(&s, sound_too, dry_run, &got);

	sqlite3_close(s.db);
	if (r)
		return err_set(e, r, "%s", s.err.text);
	*ret = got;
	return 0;
}

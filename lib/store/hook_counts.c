/* SPDX-License-Identifier: MIT */
#include "store/hook_counts.h"
#include "base/buf.h"
#include "base/parse.h"
#include "store/store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES 4096
#define COUNTS_MAX 32
#define KINDS_MAX  8
#define DAY_S	   86400
#define NUMBER_LEN 20 /* digits of a number in the row of what was folded */

static const char magic[8] = "iprepHC1";
static const char name_of_row[] = "hooks";

struct hook_file { /* of this machine: in its byte order; zero up to FILE_BYTES */
	char magic[sizeof(magic)];
	int64_t id; /* another one after the file was made again */
	int64_t counts[COUNTS_MAX];
	int64_t last_at[KINDS_MAX];
	int64_t is_blocked_at[TIERS_MAX];
	int64_t made_at; /* 0: by a version that did not note it */
};
_Static_assert(sizeof(struct hook_file) <= FILE_BYTES, "the file is one page");

static const struct {
	const char *name, *label;
} labels[] = {
	[HOOK_LINE_COUNTED] = { "line", "counted" },
	[HOOK_LINE_IGNORED] = { "line", "ignored" },
	[HOOK_BAN_REPORTED] = { "ban", "reported" },
	[HOOK_BAN_LOOKUP] = { "ban", "lookup" },
	[HOOK_BAN_SKIPPED] = { "ban", "skipped" },
	[HOOK_LOGIN_RECORDED] = { "login", "recorded" },
};

static void hooks_path(const char *state, const char *end, char dst[STORE_PATH_MAX])
{
	snprintf(dst, STORE_PATH_MAX, "%s-hooks%s", state, end);
}

/* The user of the state; -1: not known. */
static uid_t owner_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[STORE_PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (stat(dir, &st))
		return (uid_t)-1;
	return st.st_uid;
}

/* A descriptor, or -1: missing, or not to be used. */
static int hooks_open(const char *state, int flags, uid_t owner)
{
	char path[STORE_PATH_MAX];
	struct stat st;
	int fd;

	hooks_path(state, "", path);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == FILE_BYTES &&
	    st.st_uid == owner && st.st_nlink == 1 && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	close(fd);
	return -1;
}

/* ---- hooks ---- */

/* Linux 5.14. An access to what the disk has no room for, or that was cut off, would end the
 * process: this call fails instead. An older kernel does not know it. */
static bool can_be_written(void *page)
{
#ifdef MADV_POPULATE_WRITE
	return !madvise(page, FILE_BYTES, MADV_POPULATE_WRITE) || errno == EINVAL;
#else
	(void)page;
	return true;
#endif
}

static void add_call(struct hook_file *file, enum hook_kind kind, enum hook_count count, int tier,
		     int64_t now)
{
	if (memcmp(file->magic, magic, sizeof(magic)) != 0)
		return;
	__atomic_store_n(&file->last_at[kind], now, __ATOMIC_RELAXED);
	if (count >= 0)
		__atomic_fetch_add(&file->counts[count], 1, __ATOMIC_RELAXED);
	if (tier >= 0 && tier < TIERS_MAX)
		__atomic_store_n(&file->is_blocked_at[tier], now, __ATOMIC_RELAXED);
}

void hook_counts_note(const char *state, enum hook_kind kind, enum hook_count count, int tier,
		      int64_t now)
{
	/* without it each call would also write the time at which the file was read */
	int fd = hooks_open(state, O_RDWR | O_NOATIME, geteuid());
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return;
	if (can_be_written(page))
		add_call(page, kind, count, tier, now);
	munmap(page, FILE_BYTES);
}

/* ---- reading ---- */

/* Not mapped: its owner may cut it at any time. 1, or 0: there is no usable one. */
static int hooks_read(const char *state, struct hook_file *ret)
{
	char path[STORE_PATH_MAX];
	int fd, usable;

	*ret = (struct hook_file){ .id = 0 };
	hooks_path(state, "", path);
	fd = hooks_open(state, O_RDONLY, owner_of(path));
	if (fd < 0)
		return 0;
	usable = pread(fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret) &&
		 !memcmp(ret->magic, magic, sizeof(magic)) && ret->id > 0;
	close(fd);
	if (!usable)
		*ret = (struct hook_file){ .id = 0 };
	return usable;
}

int hook_counts_times(const char *state, struct hook_times *ret)
{
	struct hook_file file;
	int usable = hooks_read(state, &file);

	memcpy(ret->last_at, file.last_at, sizeof(ret->last_at));
	memcpy(ret->is_blocked_at, file.is_blocked_at, sizeof(ret->is_blocked_at));
	ret->made_at = file.made_at;
	return usable;
}

/* ---- what was folded ---- */

struct folded { /* one row of meta, as text: the file's id and its numbers up to now */
	int64_t id;
	int64_t counts[NHOOK_COUNTS];
};

static bool folded_read(sqlite3_stmt *row, void *element)
{
	char text[NUMBER_LEN * (NHOOK_COUNTS + 1) + 1], digits[NUMBER_LEN + 1] = "";
	struct folded *folded = element;
	int64_t number;

	sql_text(row, 0, text, sizeof(text));
	for (size_t i = 0; i <= NHOOK_COUNTS && strlen(text) >= (i + 1) * NUMBER_LEN; i++) {
		memcpy(digits, text + i * NUMBER_LEN, NUMBER_LEN);
		if (!int_parse(digits, 0, INT64_MAX, &number))
			break;
		if (i)
			folded->counts[i - 1] = number;
		else
			folded->id = number;
	}
	return true;
}

static int folded_get(struct store *store, struct folded *ret)
{
	*ret = (struct folded){ .id = 0 };
	return sql_rows(store, folded_read, ret, 1, "SELECT value FROM meta WHERE name = ?1",
			SQL_TEXT(name_of_row));
}

static int folded_put(struct store *store, const struct folded *folded)
{
	char text[NUMBER_LEN * (NHOOK_COUNTS + 1) + 1];

	snprintf(text, sizeof(text), "%020lld", (long long)folded->id);
	for (size_t i = 0; i < NHOOK_COUNTS; i++)
		snprintf(text + (i + 1) * NUMBER_LEN, NUMBER_LEN + 1, "%020lld",
			 (long long)folded->counts[i]);
	return sql_run(store, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)",
		       SQL_TEXT(name_of_row), SQL_TEXT(text));
}

/*
 * How much of a number is new. A file that was made again begins at 0. One that is behind what was
 * folded lost its last seconds in a crash: nothing is new. Without a row the database is younger
 * than the file: what came before it is not counted.
 */
static int64_t new_count(const struct hook_file *file, const struct folded *folded, bool has_row,
			 size_t i)
{
	int64_t from = folded->counts[i];

	if (!has_row)
		return 0;
	if (folded->id != file->id)
		from = 0;
	if (file->counts[i] <= from || file->counts[i] > SQL_NUMBER_MAX)
		return 0;
	return file->counts[i] - from;
}

int hook_counts_unfolded(struct store *store, const char *state, struct counter ret[NHOOK_COUNTS])
{
	struct hook_file file;
	struct folded folded;
	int count = 0, has_row = folded_get(store, &folded);

	if (has_row < 0 || !hooks_read(state, &file))
		return has_row < 0 ? has_row : 0;
	for (size_t i = 0; i < NHOOK_COUNTS; i++) {
		int64_t number = new_count(&file, &folded, has_row, i);

		if (!number)
			continue;
		ret[count] = (struct counter){ .day = store_now(store) / DAY_S, .count = number };
		text_put(ret[count].name, sizeof(ret->name), labels[i].name);
		text_put(ret[count].label, sizeof(ret->label), labels[i].label);
		count++;
	}
	return count;
}

/* ---- folding ---- */

static int fold_file(struct store *store, const struct hook_file *file)
{
	struct folded folded, next = { .id = file->id };
	int has_row = folded_get(store, &folded), rc = 0;

	if (has_row < 0)
		return has_row;
	for (size_t i = 0; i < NHOOK_COUNTS && !rc; i++) {
		next.counts[i] = file->counts[i];
		rc = store_count(store, labels[i].name, labels[i].label,
				 new_count(file, &folded, has_row, i));
	}
	if (rc || (has_row && !memcmp(&folded, &next, sizeof(next))))
		return rc;
	return folded_put(store, &next);
}

static bool write_new(const char *path, int64_t id, int64_t now)
{
	union {
		struct hook_file file;
		char bytes[FILE_BYTES];
	} page;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	bool written;

	if (fd < 0)
		return false;
	memset(&page, 0, sizeof(page));
	memcpy(page.file.magic, magic, sizeof(magic));
	page.file.id = id;
	page.file.made_at = now;
	written = write(fd, &page, sizeof(page)) == (ssize_t)sizeof(page) &&
		  !fchmod(fd, 0640); /* whatever the umask */
	close(fd);
	return written;
}

/* In a transaction, so that no other process does the same. */
static int make_file(struct store *store, const char *state)
{
	char path[STORE_PATH_MAX], new_path[STORE_PATH_MAX];
	struct hook_file file;
	struct folded folded;
	int rc = folded_get(store, &folded);

	if (rc <= 0)
		return rc;
	if (hooks_read(state, &file)) {
		if (file.id == folded.id)
			return 0;
		/* it could not be opened for a moment, or another process made it: what it has was
		 * counted, or is too little to matter */
		folded.id = file.id;
		memcpy(folded.counts, file.counts, sizeof(folded.counts));
		return folded_put(store, &folded);
	}
	hooks_path(state, "", path);
	hooks_path(state, ".new", new_path);
	unlink(new_path); /* of a process that was killed here */
	if (!write_new(new_path, folded.id, store_now(store)) || rename(new_path, path))
		unlink(new_path);
	return 0;
}

static int new_id(struct store *store, int64_t *ret)
{
	if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
		return err_set(store->error, IPREP_E_OS, "getrandom: no random bytes");
	*ret = (*ret & INT64_MAX) | 1;
	return 0;
}

/* Its row is on disk before the file is there: what hooks count in it from then on is new. */
static int begin_again(struct store *store, const char *state)
{
	struct folded folded = { .id = 0 };
	int rc = new_id(store, &folded.id);

	if (!rc)
		rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	rc = store_end(store, folded_put(store, &folded));
	if (!rc)
		rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	return store_end(store, make_file(store, state));
}

int hook_counts_fold(struct store *store, const char *state)
{
	struct hook_file file;
	int rc;

	if (!hooks_read(state, &file))
		return begin_again(store, state);
	rc = store_begin(store, STORE_FAST);
	if (rc)
		return rc;
	if (hooks_read(state, &file)) /* of now: no other process folds it in the meantime */
		rc = fold_file(store, &file);
	return store_end(store, rc);
}

/* SPDX-License-Identifier: MIT */
/* store_private.h - the opened store; shared by the files of lib/store only */
#pragma once
#include "store/key_set.h"
#include "store/sql.h"
#include "store/store.h"
#include <sys/stat.h>

#define TEN_YEARS_S ((int64_t)10 * 365 * 86400)
#define PAGES_MAX   131072 /* of 4 KB: 512 MB, then the oldest findings go */
#define WEEK_S	    ((int64_t)7 * 86400)
/*
 * A block's time is not over; now and far are parameters: now, and now + BELIEVED_S. An end beyond
 * that was written under a wrong clock, and such a block is over, unless it was also made in the
 * future: then it is unknown which of the clocks is wrong, and it lasts until purge.c decides.
 */
#define BELIEVED_S (TEN_YEARS_S + WEEK_S)
#define IS_LIVE(now, far) \
	"(+until > " now " AND (+until <= " far " OR +since > " far " - 315360000))"
#define STATEMENTS_MAX	96 /* kept prepared; more than there are */
#define STORE_PATH_MAX	(CONF_TEXT_MAX + 64)
#define VIEW_HEAD_BYTES 32 /* of a log, with its salts: sqlite.org/fileformat2.html, 4.1 */

/* What check_version() and statements found out of the file. */
enum store_state { STORE_SOUND, STORE_DAMAGED, STORE_NEWER, STORE_FOREIGN };

/* As it was before the first read: view.c. */
struct view {
	bool is_unlocked;
	struct stat st;
	unsigned char head[VIEW_HEAD_BYTES];
};

struct store {
	sqlite3 *db;
	enum store_state state;
	char why[160]; /* not STORE_SOUND: a few words */
	enum store_mode mode;
	struct clock clock;
	const struct log *log;
	struct err *error;     /* the caller's */
	int sqlite_rc;	       /* extended, of the last failure */
	int64_t lock_until_ms; /* busy handler: monotonic; 0: not waiting */
	int64_t until_ms;      /* of a hook: all of it; INT64_MAX: no hook */
	int wait_ms;
	bool read_only, in_tx;
	bool sync_after;		/* the log is synced when the lock is free again */
	bool in_snapshot;		/* store_read_begin() */
	bool in_batch, batch_is_open;	/* store_batch_begin(); its transaction has begun */
	bool batch_is_durable;		/* one of its transactions is */
	int batch_failed;		/* why it can no longer be written; 0: it can */
	int64_t held_since_ms, held_ms; /* store_held_ms() */
	size_t sweep;			/* where store_purge_step() goes on */
	int log_pages;			/* in the log after the last commit of this process */
	int64_t pages_max;		/* PAGES_MAX, or less in a test */
	sqlite3_stmt *statements[STATEMENTS_MAX];
	size_t nstatements;
	struct view view;
	const char *vfs;      /* of SQLite; NULL: the default */
	const char *path;     /* the caller's; valid during store_open() only */
	struct key_set *keys; /* NULL: not needed yet */
};

/* ---- errors.c ---- */

/* From SQLite's last error. doing: "reading". Returns the code. */
int store_fail(struct store *store, const char *doing);
/* The content of the file is wrong: what. Returns the code. */
int store_damaged(struct store *store, const char *doing, const char *what);
/* The path, for messages. */
const char *store_name(const struct store *store);

/* ---- connection.c ---- */

/* flags as in sqlite3_open_v2(). */
int store_connect(struct store *store, const char *name, int flags);
/* Also of one that is not connected. */
void store_disconnect(struct store *store);
/* A statement ends when the hook's time is over: what it runs may be an endless one. Set again
 * after another progress handler. */
void store_watch(struct store *store);
/* Checkpoints the whole log and cuts it to nothing. */
int store_truncate_wal(struct store *store);
int64_t store_now(const struct store *store);
/* Waits a few milliseconds. False: the time limit of the store is over. */
bool store_wait(struct store *store, int *ntries);

/* ---- view.c ---- */

/* Before the file is opened: decides whether it is read without locks. */
void store_view_begin(struct store *store);
/* After a statement: rc, or _BUSY: what it read without locks was being changed. */
int store_view_judge(struct store *store, int rc);

/* ---- counters.c ---- */

/* Of a counter with as many labels as a day may have: what others are counted as. */
const char *store_label_of_rest(const char *name);

/* ---- findings.c ---- */

#define ANSWERS_TEXT_MAX (ANSWERS_MAX * 9 + 1)
/* Answers are kept as hexadecimal words: "7f000004 7f000002". */
void answers_parse(const char *text, struct finding *finding);
void answers_format(const struct finding *finding, char dst[ANSWERS_TEXT_MAX]);

/* ---- purge.c ---- */

/* 1: the clock has jumped by more than a week since the last purge, which was within a week by that
 * of the boot: what it says is over may not be. 0: nothing speaks against it. */
int store_clock_is_doubtful(struct store *store);

/* ---- schema.c ---- */

#define STORE_MOVED 1 /* another file is in its place since it was opened */
/* The version of the file, which is not changed. One of this version holds nothing but its tables
 * and indexes. */
int store_version(struct store *store, int64_t *ret);
/* A statement of sqlite_schema is one of ours, without looking twice. */
bool store_schema_lists(const char *sql);
/* Makes the tables, or migrates them to the newest version. 0, STORE_MOVED, or an error. */
int store_schema(struct store *store);

/* ---- make.c: the file itself ---- */

/* 1: it is not there; 0: it is. Errors: _STORE it is empty. */
int store_missing(struct store *store);
/* What is there of it is regular files of ours. Errors: _PERM, _IO. */
int store_files_check(struct store *store);
/* STORE_VIEW can read the file and its log, but cannot lock its shared memory: view.c. */
void store_files_share(struct store *store);
/* Of one that is missing, under the lock: a log without its file. Errors: _STORE; 0: there is none.
 */
int store_log_alone(struct store *store);
/* Whole, and in its place, or nothing; once, however many come at a time. */
int store_make(struct store *store);
/* Only one process makes or replaces the file: a descriptor to close. Errors: _BUSY, _PERM,
 * _CREATE. */
int store_make_lock(struct store *store);
/* A complete new store next to the old one, open in *fresh. Under the lock; store_put_in_place()
 * closes it. */
int store_build(struct store *store, struct store *fresh);
int store_put_in_place(struct store *store, struct store *fresh);  /* nothing may be there */
void store_build_failed(struct store *store, struct store *fresh); /* removes it */
void store_path_with(const struct store *store, const char *end, char dst[STORE_PATH_MAX]);
void store_sync_dir(const struct store *store);

/* ---- counters.c ---- */

/* Of a counter with as many labels as a day may have: what others are counted as. */
const char *store_label_of_rest(const char *name);

/* ---- findings.c ---- */

/* The row of conf->sources with this name; -1: it is not configured any more. */
int store_source_row(const struct conf *conf, const char *name);

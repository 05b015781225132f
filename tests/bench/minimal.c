/* SPDX-License-Identifier: MIT */
/* minimal.c - the least a hook could be: the same SQLite work and nothing else. For tests/bench/startup */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const unsigned char key[16] = { [10] = 0xff, [11] = 0xff, [12] = 45, [13] = 1, [14] = 1, [15] = 1 };

static int gate(sqlite3 *db)
{
	sqlite3_stmt *st;
	int found;

	sqlite3_prepare_v2(db, "SELECT until, first_at FROM block WHERE key = ?1 AND until > ?2", -1, &st, NULL);
	sqlite3_bind_blob(st, 1, key, 16, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, time(NULL));
	found = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	return found ? 10 : 0;
}

static int put(sqlite3 *db, const char *sql, const unsigned char *k)
{
	sqlite3_stmt *st;
	int rc;

	sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	sqlite3_bind_blob(st, 1, k, 16, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, time(NULL));
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : 74;
}

static int enqueue(sqlite3 *db, unsigned n)
{
	unsigned char k[16];
	int r;

	memcpy(k, key, 16);
	k[13] = 200;
	k[14] = (unsigned char)(n >> 8);
	k[15] = (unsigned char)n;
	sqlite3_exec(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE", NULL, NULL, NULL);
	r = put(db, "INSERT INTO report(key, addr, state, jail, categories, comment, failures, first_at,"
		" seen_at, next_at, tries, sent_at, frozen, why, ended_at)"
		" VALUES(?1,?1,0,'sshd','18','',3,?2,?2,?2,0,0,NULL,'',0)", k);
	if (!r)
		r = put(db, "INSERT OR REPLACE INTO lookup VALUES(?1,?1,1,2,0,?2,?2,'sshd')", k);
	return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) ? 74 : r;
}

/* Peak memory of a command, in kB, measured from this small process. */
static int peak(char **argv)
{
	struct rusage used;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(71);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 71;
	printf("%ld\n", used.ru_maxrss);
	return 0;
}

/* minimal - rss COMMAND... | minimal DATABASE gate | minimal DATABASE enqueue NUMBER */
int main(int argc, char **argv)
{
	unsigned n = 0;
	sqlite3 *db;
	int r, on;

	if (argc > 3 && !strcmp(argv[2], "rss"))
		return peak(argv + 3);
	if (argc < 3 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL))
		return 74;
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
	if (argc > 3)
		sscanf(argv[3], "%u", &n);
	r = argc > 3 ? enqueue(db, n) : gate(db);
	sqlite3_close(db);
	return r;
}

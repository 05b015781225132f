/* SPDX-License-Identifier: MIT */
/*
 * minimal.c - the least a hook could be: the same SQLite work and nothing else. For the cases
 * startup and enqueue; it is also the small parent that measures other programs.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const unsigned char key[16] = {
	[10] = 0xff, [11] = 0xff, [12] = 45, [13] = 1, [14] = 1, [15] = 1
};

static int gate(sqlite3 *db)
{
	sqlite3_stmt *st;
	int found;

	sqlite3_prepare_v2(db, "SELECT until, first_at FROM block WHERE key = ?1 AND until > ?2",
			   -1, &st, NULL);
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
	if (sqlite3_exec(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE", NULL, NULL, NULL))
		return 75;
	r = put(db,
		"INSERT INTO report(key, addr, state, jail, categories, comment, failures, first_at,"
		" seen_at, next_at, tries, sent_at, frozen, why, ended_at)"
		" VALUES(?1,?1,0,'sshd','18','',3,?2,?2,?2,0,0,NULL,'',0)",
		k);
	if (!r)
		r = put(db,
			"INSERT OR REPLACE INTO lookup(key, addr, mark, origin, tries, since, next_at,"
			" jail) VALUES(?1,?1,1,2,0,?2,?2,'sshd')",
			k);
	return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) ? 74 : r;
}

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* As lib/store/store.c waits: a random 1 to 8 ms, for at most 2 s. */
static int wait_for_lock(void *user, int ntries)
{
	struct timespec pause = { .tv_nsec = 1000000 + random() % 7000 * 1000 };
	long long *until = user;

	if (ntries == 0)
		*until = now_us() + 2000000;
	if (now_us() >= *until)
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

/* On stderr: milliseconds, peak memory in kB and exit status of a command. */
static int run(char **argv)
{
	long long begun = now_us();
	struct rusage used;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(71);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
		return 71;
	fprintf(stderr, "\n%.3f %ld %d\n", (double)(now_us() - begun) / 1000, used.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	return 0;
}

/* The n-th of a burst: @ stands for n, @@ for an address made of it. */
static char *word_of(char *word, unsigned n)
{
	static char address[64], number[16];

	snprintf(number, sizeof(number), "%u", n);
	snprintf(address, sizeof(address), "45.%u.%u.%u", 100 + (n >> 14) % 100, n >> 7 & 127,
		 1 + (n & 127));
	return !strcmp(word, "@@") ? address : !strcmp(word, "@") ? number : word;
}

static pid_t start_one(char **argv, unsigned n, int *start)
{
	pid_t pid = fork();
	char c;

	if (pid)
		return pid;
	close(start[1]);
	for (size_t i = 0; argv[i]; i++)
		argv[i] = word_of(argv[i], n);
	while (read(start[0], &c, 1) > 0)
		;
	close(start[0]);
	execv(argv[0], argv);
	_exit(71);
}

/* n of a command together: all are forked and wait, then start. Each one's exit status and time in
 * us.
 */
static int burst(unsigned n, unsigned first, char **argv)
{
	long long begun;
	int start[2], status;

	if (pipe(start))
		return 71;
	for (unsigned i = 0; i < n; i++)
		if (start_one(argv, first + i, start) < 0)
			return 71;
	close(start[0]);
	usleep(20000);
	begun = now_us();
	close(start[1]);
	while (n-- && wait(&status) > 0) {
		long long took = now_us() - begun;

		printf("%d %lld\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
		       took);
	}
	return 0;
}

static int number(const char *text)
{
	unsigned n = 0;

	sscanf(text, "%u", &n);
	return (int)n;
}

/*
 * minimal DATABASE gate | minimal DATABASE enqueue NUMBER
 * minimal - run COMMAND... | minimal - burst N FIRST COMMAND...
 */
int main(int argc, char **argv)
{
	long long until;
	sqlite3 *db;
	int r, on;

	if (argc > 3 && !strcmp(argv[2], "run"))
		return run(argv + 3);
	if (argc > 5 && !strcmp(argv[2], "burst"))
		return burst((unsigned)number(argv[3]), (unsigned)number(argv[4]), argv + 5);
	if (argc < 3 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL))
		return 74;
	srandom((unsigned)now_us() ^ (unsigned)getpid() << 8);
	sqlite3_busy_handler(db, wait_for_lock, &until);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &on);
	r = argc > 3 ? enqueue(db, (unsigned)number(argv[3])) : gate(db);
	sqlite3_close(db);
	return r;
}

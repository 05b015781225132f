/* SPDX-License-Identifier: MIT */
/*
 * view.c - reading as a member of the directory's group, without any lock
 *
 * Who can open the shared memory of the log (-shm) for reading can lock it for reading, and hooks
 * would wait for that: sqlite.org/walformat.html#wal_locks. So only the owner can open it. A member
 * of the group reads the file and its log as they are: without locks and with the log's index in
 * memory of its own (sqlite.org/vfs.html, 2.1.3; sqlite.org/wal.html#noshm), which is a snapshot of
 * the moment of opening.
 *
 * Others go on writing. Appending to the log does not touch the snapshot; writing the log into the
 * file, or beginning the log again, does. Both are seen here after each statement, whose result
 * then is an error. So that the time of the last write tells them apart, it must be past.
 */
#include "store/store_private.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS	    20000000LL /* times of files are as coarse as 10 ms */
#define QUIET_TRIES 50

static void log_head(const char *path, unsigned char ret[VIEW_HEAD_BYTES])
{
	char name[STORE_PATH_MAX];
	int fd;

	memset(ret, 0, VIEW_HEAD_BYTES);
	snprintf(name, sizeof(name), "%s-wal", path);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	if (pread(fd, ret, VIEW_HEAD_BYTES, 0) != VIEW_HEAD_BYTES)
		memset(ret, 0, VIEW_HEAD_BYTES);
	close(fd);
}

static bool is_quiet(const struct stat *st)
{
	struct timespec now;
	long long age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = (now.tv_sec - st->st_mtim.tv_sec) * 1000000000LL + now.tv_nsec - st->st_mtim.tv_nsec;
	return age < 0 || age > TICK_NS; /* below 0: the clock was set back */
}

void store_view_begin(struct store *store)
{
	const struct timespec pause = { .tv_nsec = TICK_NS };
	struct view *view = &store->view;

	view->is_unlocked = false;
	if (store->mode != STORE_VIEW || stat(store->path, &view->st) ||
	    view->st.st_uid == geteuid())
		return;
	view->is_unlocked = true;
	for (int i = 0; i < QUIET_TRIES && !is_quiet(&view->st); i++) {
		nanosleep(&pause, NULL);
		(void)!stat(store->path, &view->st);
	}
	log_head(store->path, view->head);
}

static bool has_changed(const struct store *store)
{
	static const unsigned char none[VIEW_HEAD_BYTES] = { 0 };
	const struct view *view = &store->view;
	const char *path = store_name(store);
	unsigned char head[VIEW_HEAD_BYTES];
	struct stat st;

	log_head(path, head);
	if (memcmp(view->head, none, sizeof(none)) != 0 &&
	    memcmp(view->head, head, sizeof(head)) != 0)
		return true;
	return stat(path, &st) || st.st_ino != view->st.st_ino || st.st_size != view->st.st_size ||
	       st.st_mtim.tv_sec != view->st.st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != view->st.st_mtim.tv_nsec;
}

int store_view_judge(struct store *store, int rc)
{
	if (!store->view.is_unlocked || !has_changed(store))
		return rc;
	store->state = STORE_SOUND;
	store->sqlite_rc = 0;
	return err_set(store->error, IPREP_E_BUSY,
		       "%s: written by another process while it was read; try again",
		       store_name(store));
}

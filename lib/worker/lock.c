/* SPDX-License-Identifier: MIT */
/*
 * An F_OFD lock belongs to the open file, not to the process, and dies with it; the descriptor is
 * closed on exec, so that no child can hold it (fcntl(2), "Open file description locks").
 */
#include "worker/lock.h"
#include "base/buf.h"
#include "base/statedir.h"
#include "worker/worker.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state directory's file of that name. */
static void state_path(const struct conf *conf, const char *name, char dst[CONF_TEXT_MAX + 16])
{
	const char *slash = strrchr(conf->state, '/');

	snprintf(dst, CONF_TEXT_MAX + 16, "%.*s/%s", slash ? (int)(slash - conf->state) : 0,
		 conf->state, name);
}

static int set_lock(int fd, int cmd, short type)
{
	struct flock flock = { .l_type = type, .l_whence = SEEK_SET };

	if (fcntl(fd, cmd, &flock))
		return -1;
	return flock.l_type != F_UNLCK;
}

int worker_lock(const struct conf *conf, struct err *error)
{
	char path[CONF_TEXT_MAX + 16];
	int fd;

	state_path(conf, "worker.lock", path);
	fd = statefile_open(path, O_RDWR | O_CREAT, error);
	if (fd < 0)
		return fd;
	(void)!fchmod(fd, 0600); /* who can open it can lock it, and keep every worker out */
	if (worker_relock(fd)) {
		close(fd);
		return err_set(error, IPREP_E_BUSY, "%s: another worker is already running", path);
	}
	(void)!futimens(fd, NULL); /* worker_last_at() */
	return fd;
}

int64_t worker_last_at(const struct conf *conf)
{
	char path[CONF_TEXT_MAX + 16];
	struct stat st;

	state_path(conf, "worker.lock", path);
	if (lstat(path, &st))
		return 0;
	return st.st_mtim.tv_sec;
}

int worker_unlock(int fd)
{
	if (set_lock(fd, F_OFD_SETLK, F_UNLCK) < 0)
		return IPREP_E_OS;
	return 0;
}

int worker_relock(int fd)
{
	if (set_lock(fd, F_OFD_SETLK, F_WRLCK) < 0)
		return IPREP_E_BUSY;
	return 0;
}

int worker_runs(const struct conf *conf)
{
	char path[CONF_TEXT_MAX + 16];
	int fd, held;

	state_path(conf, "worker.lock", path);
	fd = statefile_open(path, O_RDONLY, NULL);
	if (fd < 0)
		return 0; /* then the worker that is started says what is wrong with it */
	held = set_lock(fd, F_OFD_GETLK, F_WRLCK);
	close(fd);
	return held > 0;
}

int worker_wake_file(const struct conf *conf, struct err *error)
{
	char path[CONF_TEXT_MAX + 16];
	int fd;

	state_path(conf, "wake", path);
	fd = statefile_open(path, O_WRONLY | O_CREAT, error);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void worker_wake_clear(const struct conf *conf)
{
	char path[CONF_TEXT_MAX + 16];

	state_path(conf, "wake", path);
	unlink(path);
}

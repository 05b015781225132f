/* SPDX-License-Identifier: MIT */
/* check_disk.c - the disk of the state or of the verdict log takes no writes, or soon will not */
#include "base/statedir.h"
#include "health/health.h"
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define FULL_BYTES ((uint64_t)1 << 20) /* the database grows by less between two runs of purge */

static void directory_of(const char *path, char dst[CONF_TEXT_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(dst, CONF_TEXT_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, path);
}

static int look_at(const struct checkup *checkup, const char *dir)
{
	struct statvfs disk;

	if (statvfs(dir, &disk))
		return 0;
	if (statedir_is_read_only(dir))
		return trouble(checkup, dir, 0,
			       "%s: the file system is read-only, nothing is recorded; look for "
			       "errors of the disk with dmesg",
			       dir);
	if ((uint64_t)disk.f_bavail * disk.f_frsize < FULL_BYTES)
		return trouble(checkup, dir, 0,
			       "%s: the file system is full, nothing is recorded; free space on it",
			       dir);
	if (disk.f_files && !disk.f_favail)
		return trouble(checkup, dir, 0,
			       "%s: the file system has no free inode; delete files on it", dir);
	return 0;
}

int check_disk(const struct checkup *checkup)
{
	char state[CONF_TEXT_MAX], log[CONF_TEXT_MAX];
	int rc;

	directory_of(checkup->session->conf->state, state);
	directory_of(checkup->session->conf->verdict_log, log);
	rc = look_at(checkup, state);
	if (rc || !strcmp(state, log))
		return rc;
	return look_at(checkup, log);
}

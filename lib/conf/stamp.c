/* SPDX-License-Identifier: MIT */
/*
 * stamp.c - has a file of the configuration changed since it was read?
 *
 * For a process that lives long. Compared are inode, size and times, of the directories of [allow]
 * files as well: a new file changes its directory.
 */
#include "base/siphash.h"
#include "conf/conf.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mark {
	uint64_t before; /* of the files before this one */
	uint64_t dev, ino, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

static uint64_t stamp_file(uint64_t before, const char *path)
{
	static const uint8_t key[16] = { 0 };
	struct mark mark;
	struct stat st;

	memset(&mark, 0, sizeof(mark));
	mark.before = before;
	if (!stat(path, &st)) {
		mark.dev = st.st_dev;
		mark.ino = st.st_ino;
		mark.size = (uint64_t)st.st_size;
		mark.mtime_s = st.st_mtim.tv_sec;
		mark.mtime_ns = st.st_mtim.tv_nsec;
		mark.ctime_s = st.st_ctim.tv_sec;
		mark.ctime_ns = st.st_ctim.tv_nsec;
	}
	return siphash24(key, &mark, sizeof(mark));
}

/* Patterns have wildcards after the last slash only. */
static uint64_t stamp_directories(uint64_t stamp, const char *patterns)
{
	char copy[CONF_TEXT_MAX], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", patterns);
	for (char *at = strtok_r(copy, ", \t", &save); at; at = strtok_r(NULL, ", \t", &save)) {
		char *slash = strrchr(at, '/');

		if (!slash)
			continue;
		slash[slash == at] = '\0';
		stamp = stamp_file(stamp, at);
	}
	return stamp;
}

uint64_t conf_stamp(const struct conf *conf, const char *path)
{
	char local[CONF_PATH_MAX];
	uint64_t stamp = stamp_file(0, path);

	conf_local_path(path, local);
	stamp = stamp_file(stamp, local);
	stamp = stamp_directories(stamp, conf->allow_files);
	for (size_t i = 0; i < conf->nallow_paths; i++)
		stamp = stamp_file(stamp, conf->allow_paths[i]);
	if (*conf->key_file && !access(conf->key_file, R_OK)) /* its content does not matter here */
		stamp = ~stamp;
	return stamp;
}

/* SPDX-License-Identifier: MIT */
#include "place.h"
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

struct place place;

static int64_t place_now(void *user)
{
	(void)user;
	return place.now;
}

const struct clock place_clock = { .now_s = place_now };

int place_set_up(void **state)
{
	(void)state;
	memset(&place, 0, sizeof(place));
	place.now = NOW;
	snprintf(place.dir, sizeof(place.dir), "/tmp/iprep-unit.XXXXXX");
	assert_non_null(mkdtemp(place.dir));
	return conf_new(&place.conf);
}

static size_t nstrangers; /* other files named like the database */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	const char *name = path + at->base, *end = name + strlen("iprep.db");

	(void)st;
	if (kind == FTW_F && !strncmp(name, "iprep.db", strlen("iprep.db")) && *end &&
	    strcmp(end, "-wal") != 0 && strcmp(end, "-shm") != 0 && strcmp(end, "-hooks") != 0)
		nstrangers++;
	return remove(path);
}

int place_tear_down(void **state)
{
	(void)state;
	place.store = store_close(place.store);
	place.conf = conf_free(place.conf);
	nstrangers = 0;
	if (nftw(place.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) || nstrangers)
		return -1;
	return 0;
}

const char *place_path(const char *name)
{
	static char paths[16][128];
	char path[128];
	size_t i = 0;

	snprintf(path, sizeof(path), "%s/%s", place.dir, name);
	while (i < place.npaths && strcmp(paths[i], path) != 0)
		i++;
	if (i == COUNT(paths))
		abort();
	if (i == place.npaths)
		memcpy(paths[place.npaths++], path, sizeof(path));
	return paths[i];
}

void place_write(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd;

	unlink(place_path(name));
	fd = open(place_path(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

int place_call_as_somebody(int (*call)(void), bool with_group)
{
	int r;

	assert_ok(chmod(place.dir, 0711));
	assert_ok(with_group ? setegid(SOMEBODY) : 0);
	assert_ok(seteuid(SOMEBODY));
	r = call();
	assert_ok(seteuid(0));
	assert_ok(setegid(0));
	return r;
}

char *file_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	assert_non_null(file);
	assert_true(getdelim(&text, &room, '\0', file) > 0);
	fclose(file);
	return text;
}

int place_open(enum store_mode mode)
{
	place.store = store_close(place.store);
	return store_open(place_path("iprep.db"), mode, place_clock, NULL, &place.store,
			  &place.error);
}

struct addr addr_of(const char *text)
{
	struct addr addr = { 0 };

	if (!addr_parse(text, &addr))
		fail_msg("\"%s\" is no address", text);
	return addr;
}

struct conf_source *place_add_list(const char *name, const char *zone, const char *points)
{
	struct conf *conf = place.conf;
	struct conf_source *list;

	conf->sources = realloc(conf->sources, (conf->nsources + 1) * sizeof(*list));
	assert_non_null(conf->sources);
	list = &conf->sources[conf->nsources++];
	*list = (struct conf_source){ .enabled = true };
	snprintf(list->name, sizeof(list->name), "%s", name);
	snprintf(list->zone, sizeof(list->zone), "%s", zone);
	assert_int_equal(points_parse(points, 4, &list->points, &place.error), 0);
	points_range(&list->points, &list->least, &list->most);
	return list;
}

void place_add_tiers(size_t ntiers)
{
	static const struct conf_tier tiers[] = { { "known", 3, 86400 },
						  { "notorious", 10, 365 * 86400 } };

	memcpy(place.conf->tiers, tiers, ntiers * sizeof(tiers[0]));
	place.conf->ntiers = ntiers;
}

void place_put_block(const char *key, int64_t until)
{
	struct block block = { .key = addr_of(key),
			       .tier = "known",
			       .score = 3,
			       .since = place.now,
			       .until = until,
			       .due = true,
			       .jail = "sshd",
			       .src = "zen" };

	assert_ok(store_block_put(place.store, &block));
}

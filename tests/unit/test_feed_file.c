/* SPDX-License-Identifier: MIT */
/* test_feed_file.c - the compiled file: written whole or not at all, and refused if it is not whole
 */
#include "feed_place.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 100000

/* ---- the n-th allocation or system call fails ---- */

static int fails_at; /* counts down while over 0 */
static int failure;  /* errno of the one that fails */

static bool fails_now(void)
{
	if (fails_at <= 0 || --fails_at)
		return false;
	errno = failure;
	return true;
}

#define WRAP(type, error, name, declared, given)            \
	type __real_##name declared;                        \
	type __wrap_##name declared;                        \
	type __wrap_##name declared                         \
	{                                                   \
		if (failure == FAILS_##name && fails_now()) \
			return error;                       \
		return __real_##name given;                 \
	}
#define FAILS_malloc  ENOMEM
#define FAILS_calloc  ENOMEM
#define FAILS_realloc ENOMEM
#define FAILS_write   ENOSPC
#define FAILS_lseek   ENOSPC
#define FAILS_close   ENOSPC
#define FAILS_rename  ENOSPC

WRAP(void *, NULL, malloc, (size_t size), (size))
WRAP(void *, NULL, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, NULL, realloc, (void *old, size_t size), (old, size))
WRAP(ssize_t, -1, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
WRAP(off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
WRAP(int, -1, rename, (const char *from, const char *to), (from, to))

int __wrap_fsync(int fd);

/* Not the real one: some tests write a thousand files. */
int __wrap_fsync(int fd)
{
	assert_true(fd >= 0);
	return failure == ENOSPC && fails_now() ? -1 : 0;
}

int __real_close(int fd);
int __wrap_close(int fd);

/* As the kernel does: the descriptor is closed in any case. */
int __wrap_close(int fd)
{
	int rc = __real_close(fd);

	return failure == ENOSPC && fails_now() ? -1 : rc;
}

static int set_up(void **state)
{
	fails_at = failure = 0;
	return feed_place_set_up(state);
}

static int tear_down(void **state)
{
	fails_at = 0;
	return feed_place_tear_down(state);
}

FIXTURE(set_up, tear_down);

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(place_path(name), &st);
}

TEST(the_file_belongs_to_its_user_alone_and_no_other_is_left)
{
	struct stat st;

	put_list("a", "45.1.1.1");
	assert_ok(lstat(path, &st));
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_false(exists("feeds.new"));
}

TEST(what_a_writer_that_was_killed_left_is_replaced)
{
	place_write("feeds.new", "x", 1, 0644);
	put_list("a", "45.1.1.1");
	assert_false(exists("feeds.new"));
	place_write("victim", "x", 1, 0644);
	assert_ok(symlink(place_path("victim"), place_path("feeds.new")));
	put_list("a", "45.1.1.1 45.1.1.2");
	assert_int_equal(read_list("a").entries, 2);
	assert_false(exists("feeds.new"));
	assert_true(exists("victim"));
	assert_ok(mkdir(place_path("feeds.new"), 0700));
	assert_int_equal(write_list(&(struct feed_list){ .name = "a" }, "45.1.1.1", 0),
			 IPREP_E_CREATE);
	assert_has(place.error.text, "feeds.new: cannot be created: File exists");
}

TEST(a_directory_that_is_not_there_is_an_error)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW);

	path = place_path("none/feeds");
	assert_int_equal(write_list(&list, "45.1.1.1", 0), IPREP_E_CREATE);
	assert_has(place.error.text, "none/feeds.new: cannot be created");
}

/* Each call that fails leaves the old file, and nothing else; at last none fails. */
static void assert_whole_after(int error, int rc)
{
	struct feed_list list = list_of(FEED_LIST, "a", NOW + 1);
	int n = 0, got;

	put_list("a", "45.1.1.1");
	do {
		struct feed_entries *entries = entries_of("45.2.2.2");
		struct feed_change change = { .list = list, .entries = entries };

		failure = error;
		fails_at = ++n;
		got = feed_table_write(path, table, NULL, 0, &change, NOW + 1, &place.error);
		failure = 0;
		feed_entries_free(entries);
		assert_false(exists("feeds.new"));
		if (got && got != rc)
			assert_int_equal(got, rc);
		if (fails_at > 0)
			break;
		reopen();
		if (got)
			assert_hits("45.1.1.1", "a/32");
	} while (n < 100);
	assert_ok(got);
	assert_true(n > 2 && n < 100);
	reopen();
	assert_hits("45.1.1.1", "");
	assert_hits("45.2.2.2", "a/32");
}

TEST(a_full_disk_leaves_the_old_file)
{
	assert_whole_after(ENOSPC, IPREP_E_IO);
}

TEST(a_lack_of_memory_leaves_the_old_file)
{
	assert_whole_after(ENOMEM, IPREP_E_NOMEM);
}

TEST(a_lack_of_memory_is_no_table_and_no_entry)
{
	struct prefix net = prefix_of("45.1.1.1");
	struct feed_table *none = NULL;
	struct feed_entries *entries;

	put_list("a", "45.1.1.1");
	failure = ENOMEM;
	fails_at = 1;
	assert_int_equal(feed_table_open(path, &none, &place.error), IPREP_E_NOMEM);
	assert_null(none);
	fails_at = 1;
	assert_null(feed_entries_new());
	entries = feed_entries_new();
	assert_non_null(entries);
	fails_at = 1;
	assert_false(feed_entries_add(entries, &net, 1));
	assert_int_equal(feed_entries_count(entries), 0);
	assert_true(feed_entries_add(entries, &net, 1));
	assert_int_equal(feed_entries_count(entries), 1);
	feed_entries_free(entries);
}

static void assert_refused(int rc, const char *part)
{
	struct feed_table *none = NULL;

	assert_int_equal(feed_table_open(path, &none, &place.error), rc);
	assert_null(none);
	assert_has(place.error.text, part);
}

TEST(what_is_no_file_of_this_user_is_refused)
{
	put_list("a", "45.1.1.1");
	assert_ok(rename(path, place_path("other")));
	assert_ok(symlink(place_path("other"), path));
	assert_refused(IPREP_E_PERM, "not a regular file");
	assert_ok(unlink(path));
	assert_ok(mkfifo(path, 0600));
	assert_refused(IPREP_E_PERM, "not a regular file");
	assert_ok(unlink(path));
	assert_ok(mkdir(path, 0700));
	assert_refused(IPREP_E_PERM, "not a regular file");
	if (geteuid())
		return;
	assert_ok(rmdir(path));
	assert_ok(rename(place_path("other"), path));
	assert_ok(chown(path, SOMEBODY, SOMEBODY));
	assert_refused(IPREP_E_PERM, "belongs to user 65534");
}

TEST(text_and_an_empty_file_are_refused)
{
	char text[5000];

	place_write("feeds", "", 0, 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file, or cut off");
	memset(text, '#', sizeof(text));
	place_write("feeds", text, sizeof(text), 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file of this version");
	memset(text, 0, sizeof(text));
	place_write("feeds", text, sizeof(text), 0600);
	assert_refused(IPREP_E_STORE, "not a compiled file of this version");
}

static size_t read_file(char *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, bytes, FILE_MAX);

	close(fd);
	assert_true(len > 0 && len < FILE_MAX);
	return (size_t)len;
}

/* Whatever the file says: no crash, and each row and text is what the header promises. */
static void use_table(void)
{
	static const char *const addresses[] = { "45.1.1.1", "45.1.2.3", "2a02::1",
						 "255.255.255.255" };
	struct feed_hit hits[4];
	struct feed_list list;

	for (size_t i = 0; i < feed_table_lists(table); i++) {
		feed_table_list(table, i, &list);
		assert_true(strlen(list.name) > 0 && list.kind <= FEED_SPF);
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct addr addr = addr_of(addresses[i]);
		size_t count = feed_table_find(table, &addr, hits, COUNT(hits));

		assert_true(count <= COUNT(hits));
		for (size_t k = 0; k < count; k++) {
			struct prefix net = { addr_cut(&addr, hits[k].bits), hits[k].bits };

			assert_true(hits[k].list < feed_table_lists(table));
			assert_true(feed_table_meets(table, hits[k].list, &net));
		}
	}
}

static void put_small_file(void)
{
	put_list("a", "45.1.1.1=3 45.1.0.0/16 2a02::/32");
	put_list("b", "45.1.1.1 45.1.2.3");
}

TEST(a_file_cut_anywhere_is_refused)
{
	static char bytes[FILE_MAX];
	size_t len;

	put_small_file();
	len = read_file(bytes);
	for (size_t i = 0; i < len; i++) {
		place_write("feeds", bytes, i, 0600);
		assert_refused(IPREP_E_STORE, "the next download makes it again");
	}
	place_write("feeds", bytes, len + 1, 0600);
	assert_refused(IPREP_E_STORE, "it was cut off");
}

TEST(a_file_with_any_byte_changed_is_refused_or_safe)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff };
	static char bytes[FILE_MAX];
	size_t len, nopened = 0;

	put_small_file();
	len = read_file(bytes);
	for (size_t i = 0; i < len * COUNT(masks); i++) {
		char mask = (char)masks[i % COUNT(masks)];
		int rc;

		bytes[i / COUNT(masks)] ^= mask;
		place_write("feeds", bytes, len, 0600);
		bytes[i / COUNT(masks)] ^= mask;
		table = feed_table_close(table);
		rc = feed_table_open(path, &table, &place.error);
		if (!rc) {
			nopened++;
			use_table();
			if (mask != 1)
				continue;
			put_list("c", "45.1.1.1"); /* and it can be made again */
			assert_int_equal(read_list("c").entries, 1);
		} else {
			assert_int_equal(rc, IPREP_E_STORE);
		}
	}
	assert_true(nopened > 100 && nopened < len * COUNT(masks));
}

TEST(entries_out_of_order_are_not_copied)
{
	static char bytes[FILE_MAX];
	size_t len;

	put_list("a", "45.1.1.1 45.1.1.2 45.1.1.3");
	len = read_file(bytes);
	bytes[len - 3 * sizeof(struct table_entry)] = (char)200; /* no length */
	bytes[len - sizeof(struct table_entry) + 16] = 1;	 /* 45.1.1.1, behind 45.1.1.2 */
	place_write("feeds", bytes, len, 0600);
	reopen();
	put_list("b", "45.9.9.9");
	assert_int_equal(read_list("a").entries, 1);
	assert_hits("45.1.1.2", "a/32");
}

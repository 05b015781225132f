/* SPDX-License-Identifier: MIT */
/* test_secret.c - a key file is taken if it is safe, and its content is never said */
#include "conf/key_file.h"
#include "unit.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOMEBODY 65534

static char dir[64], path[96];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/iprep_secret.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	rmdir(path);
	return rmdir(dir);
}

FIXTURE(make_dir, remove_dir);

static void put(const void *bytes, size_t n, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* A refusal leaves ret alone and says the path and what is wrong. */
static void refused(int code, const char *what)
{
	char got[SECRET_MAX] = "untouched";
	struct err e;

	assert_int_equal(key_file_read(path, got, &e), code);
	assert_string_equal(got, "untouched");
	assert_memory_equal(e.text, path, strlen(path));
	if (!strstr(e.text, what))
		fail_msg("%s", e.text);
	assert_null(strstr(e.text, "s3cret"));
}

TEST(one_line_is_the_key_without_what_ends_it)
{
	static const struct {
		const char *text, *key;
	} rows[] = {
		{ "s3cret", "s3cret" },
		{ "s3cret\n", "s3cret" },
		{ "s3cret\r\n", "s3cret" },
		{ "s3cret \n", "s3cret" },
		{ "s3cret\n\n\n", "s3cret" },
		{ "!~", "!~" },
		{ "x", "x" },
	};
	char got[SECRET_MAX];
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		put(rows[i].text, strlen(rows[i].text), 0600);
		if (key_file_read(path, got, &e))
			fail_msg("row %zu: %s", i, e.text);
		assert_string_equal(got, rows[i].key);
	}
}

TEST(bytes_that_are_not_of_a_key_are_refused)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *what;
	} rows[] = {
		{ "", 0, "empty" },
		{ "\n", 1, "empty" },
		{ " \r\n\n", 4, "empty" },
		{ "s3cret s3cret\n", 14, "at byte 7;" },
		{ " s3cret", 7, "at byte 1;" },
		{ "s3cret\tx", 8, "at byte 7;" },
		{ "s3cret\ns3cret\n", 14, "at byte 7;" },
		{ "s3cret\0\n", 8, "at byte 7;" },
		{ "s3cret\0", 7, "at byte 7;" },
		{ "s3cret\xc3\xa9", 8, "at byte 7;" },
		{ "s3cret\x7f", 7, "at byte 7;" },
		{ "\xef\xbb\xbfs3cret", 9, "at byte 1;" },
		{ "s3cret\x1b[0m", 10, "at byte 7;" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		put(rows[i].bytes, rows[i].n, 0600);
		refused(IPREP_E_CONFIG, rows[i].what);
	}
}

TEST(the_longest_key_fits_and_one_byte_more_does_not)
{
	char text[SECRET_MAX + 1], got[SECRET_MAX];
	struct err e;

	memset(text, 'k', sizeof(text));
	put(text, SECRET_MAX - 1, 0600);
	assert_int_equal(key_file_read(path, got, &e), 0);
	assert_int_equal(strlen(got), SECRET_MAX - 1);
	put(text, SECRET_MAX, 0600);
	refused(IPREP_E_CONFIG, "too long for a key (over 511 bytes)");
	put(text, SECRET_MAX + 1, 0600);
	refused(IPREP_E_CONFIG, "too long");
}

TEST(modes_that_let_others_in_are_refused)
{
	static const struct {
		mode_t mode;
		bool safe;
	} rows[] = {
		{ 0600, true },	 { 0640, true },  { 0400, true },  { 0440, true },  { 0700, true },
		{ 0604, false }, { 0602, false }, { 0601, false }, { 0644, false }, { 0660, false },
		{ 0620, false }, { 0650, false }, { 0610, false }, { 0666, false }, { 0777, false },
	};
	char said[32], got[SECRET_MAX];
	struct err e;

	for (size_t i = 0; i < COUNT(rows); i++) {
		put("s3cret\n", 7, rows[i].mode);
		snprintf(said, sizeof(said), ": permissions %04o are too open",
			 (unsigned)rows[i].mode);
		if (rows[i].safe)
			assert_int_equal(key_file_read(path, got, &e), 0);
		else
			refused(IPREP_E_PERM, said);
	}
}

TEST(an_owner_who_is_neither_root_nor_we_is_refused)
{
	char got[SECRET_MAX];
	struct err e;
	int ours, roots;

	if (geteuid())
		skip();
	put("s3cret\n", 7, 0600);
	assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
	refused(IPREP_E_PERM, "belongs to user 65534; chown root");

	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	ours = key_file_read(path, got, &e);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(ours, 0);

	assert_int_equal(chown(path, 0, SOMEBODY), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(setegid(SOMEBODY), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	roots = key_file_read(path, got, &e);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(roots, 0);
	assert_string_equal(got, "s3cret");
}

TEST(a_file_that_is_absent_or_closed_to_us_is_no_error_but_said)
{
	char got[SECRET_MAX] = "untouched";
	struct err e;
	int r;

	unlink(path);
	refused(1, "No such file");
	assert_int_equal(key_file_read(path, got, NULL), 1);
	if (geteuid())
		return;
	put("s3cret\n", 7, 0600);
	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	r = key_file_read(path, got, &e);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, 2);
	assert_non_null(strstr(e.text, "Permission denied"));
	assert_string_equal(got, "untouched");
}

TEST(only_a_regular_file_is_opened_and_no_link_followed)
{
	char other[128];

	put("s3cret\n", 7, 0600);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	refused(IPREP_E_PERM, "symbolic links");
	unlink(path);
	unlink(other);
	assert_int_equal(symlink(other, path), 0); /* to nothing */
	refused(IPREP_E_PERM, "symbolic links");
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	refused(IPREP_E_PERM, "not a regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(IPREP_E_PERM, "not a regular file");
	rmdir(path);
}

TEST(a_wiped_secret_is_zeros)
{
	static const char zeros[SECRET_MAX];
	char secret[SECRET_MAX];

	memset(secret, 's', sizeof(secret));
	key_file_wipe(secret);
	assert_memory_equal(secret, zeros, sizeof(secret));
}

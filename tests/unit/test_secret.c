/* SPDX-License-Identifier: MIT */
/* test_secret.c - a key file is taken if it is safe, and its content is never said */
#include "conf/key_file.h"
#include "unit.h"
#include "place.h"
#include <sys/stat.h>
#include <unistd.h>

#define PATH place_path("key")

static char got[SECRET_MAX];

static void put(const char *text, size_t len, mode_t mode)
{
	place_write("key", text, len, mode);
}

static int read_key(void)
{
	strcpy(got, "untouched");
	return key_file_read(PATH, got, &place.error);
}

/* A refusal leaves the key alone and says the path and what is wrong. */
static void assert_refused(int code, const char *says)
{
	const char *text = place.error.text;

	assert_int_equal(read_key(), code);
	assert_string_equal(got, "untouched");
	assert_memory_equal(text, PATH, strlen(PATH));
	assert_has(text, says);
	assert_null(strstr(text, "s3cret"));
}

FIXTURE(place_set_up, place_tear_down);

ROWS(one_line_is_the_key_without_what_ends_it)
{
	put(row_text(row, "file"), row_length(row, "file"), 0600);
	assert_int_equal(read_key(), 0);
	assert_string_equal(got, row_text(row, "key"));
}

ROWS(bytes_that_are_not_of_a_key_are_refused)
{
	put(row_text(row, "file"), row_length(row, "file"), 0600);
	assert_refused(IPREP_E_CONFIG, row_text(row, "says"));
}

ROWS(modes_that_let_others_in_are_refused)
{
	mode_t mode = (mode_t)row_number(row, "mode");
	char says[40];

	put("s3cret\n", 7, mode);
	snprintf(says, sizeof(says), ": permissions %04o are too open", mode);
	if (row_yes(row, "safe"))
		assert_int_equal(read_key(), 0);
	else
		assert_refused(IPREP_E_PERM, says);
}

TEST(the_longest_key_fits_and_one_byte_more_does_not)
{
	char text[SECRET_MAX + 1];

	memset(text, 'k', sizeof(text));
	put(text, SECRET_MAX - 1, 0600);
	assert_int_equal(read_key(), 0);
	assert_int_equal(strlen(got), SECRET_MAX - 1);
	put(text, SECRET_MAX, 0600);
	assert_refused(IPREP_E_CONFIG, "too long for a key (over 511 bytes)");
	put(text, SECRET_MAX + 1, 0600);
	assert_refused(IPREP_E_CONFIG, "too long");
}

TEST(an_owner_who_is_neither_root_nor_we_is_refused)
{
	if (geteuid())
		skip();
	put("s3cret\n", 7, 0600);
	assert_ok(chown(PATH, SOMEBODY, SOMEBODY));
	assert_refused(IPREP_E_PERM, "belongs to user 65534; chown root");
	assert_ok(place_call_as_somebody(read_key, false));
	assert_ok(chown(PATH, 0, SOMEBODY));
	assert_ok(chmod(PATH, 0640));
	assert_ok(place_call_as_somebody(read_key, true));
	assert_string_equal(got, "s3cret");
}

TEST(a_file_that_is_absent_or_closed_to_us_is_no_error_but_said)
{
	unlink(PATH);
	assert_refused(1, "No such file");
	assert_int_equal(key_file_read(PATH, got, NULL), 1);
	if (geteuid())
		return;
	put("s3cret\n", 7, 0600);
	assert_int_equal(place_call_as_somebody(read_key, false), 2);
	assert_has(place.error.text, "Permission denied");
	assert_string_equal(got, "untouched");
}

TEST(only_a_regular_file_is_opened_and_no_link_followed)
{
	const char *other = place_path("other");

	put("s3cret\n", 7, 0600);
	assert_ok(rename(PATH, other));
	assert_ok(symlink(other, PATH));
	assert_refused(IPREP_E_PERM, "symbolic links");
	unlink(PATH);
	unlink(other);
	assert_ok(symlink(other, PATH)); /* to nothing */
	assert_refused(IPREP_E_PERM, "symbolic links");
	unlink(PATH);
	assert_int_equal(mkfifo(PATH, 0600), 0); /* must not wait for a writer */
	assert_refused(IPREP_E_PERM, "not a regular file");
	unlink(PATH);
	assert_int_equal(mkdir(PATH, 0700), 0);
	assert_refused(IPREP_E_PERM, "not a regular file");
	rmdir(PATH);
}

TEST(a_wiped_secret_is_zeros)
{
	static const char zeros[SECRET_MAX];
	char secret[SECRET_MAX];

	memset(secret, 's', sizeof(secret));
	key_file_wipe(secret);
	assert_memory_equal(secret, zeros, sizeof(secret));
}

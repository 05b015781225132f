/* SPDX-License-Identifier: MIT */
/* test_announce.c - what happens while a line is written: its address is forgotten, the log is
 * rotated, the disk fails
 */
#include "reputation/verdict_log.h"
#include "place.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct store *shell;
static struct addr key;
static void (*act)(void); /* at the moment of the write */
static bool disk_fails;
static int forgot;

ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	void (*now)(void) = act;

	act = NULL;
	if (now)
		now();
	return __real_write(fd, buf, n);
}

int __wrap_fdatasync(int fd)
{
	if (!disk_fails)
		return __real_fdatasync(fd);
	errno = EIO;
	return -1;
}

static void forget(void)
{
	forgot = store_forget(shell, &key, 128, 0, NULL);
}

static void rotate(void)
{
	int fd;

	assert_ok(rename(place.conf->verdict_log, place_path("verdict.log.1")));
	fd = open(place.conf->verdict_log, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	snprintf(place.conf->verdict_log, sizeof(place.conf->verdict_log), "%s",
		 place_path("verdict.log"));
	assert_ok(place_open(STORE_WORK));
	assert_ok(store_open(place_path("iprep.db"), STORE_WORK, place_clock, NULL, &shell,
			     &place.error));
	store_busy_timeout(shell, 20);
	key = addr_of("45.1.1.1");
	return 0;
}

static int tear_down(void **state)
{
	shell = store_close(shell);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

static int announce(void)
{
	struct session env = {
		.conf = place.conf, .clock = place_clock, .store = place.store, .err = &place.error
	};
	bool held = false;

	return verdict_log_due(&env, &held);
}

static off_t log_size(void)
{
	int fd = open(place.conf->verdict_log, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	if (fd >= 0)
		close(fd);
	return size;
}

TEST(a_line_is_written_before_the_block_is_forgotten_or_not_at_all)
{
	off_t size;

	place_put_block("45.1.1.1", place.now + 86400);
	forgot = 1;
	act = forget;
	assert_int_equal(announce(), 1);
	assert_int_equal(forgot, IPREP_E_BUSY); /* it waited, in vain here */
	size = log_size();
	assert_true(size > 0);
	assert_ok(store_forget(shell, &key, 128, 0, NULL));
	assert_int_equal(announce(), 0);
	assert_int_equal(log_size(), size);
}

TEST(what_ends_too_far_away_to_be_true_is_not_announced)
{
	place_put_block("45.1.1.1", place.now + 11 * 365 * 86400LL);
	assert_int_equal(announce(), 0);
	assert_int_equal(log_size(), 0);
}

TEST(a_line_that_went_to_the_rotated_log_is_written_to_the_new_one)
{
	place_put_block("45.1.1.1", place.now + 86400);
	act = rotate;
	assert_int_equal(announce(), 1);
	assert_true(log_size() > 0);
}

TEST(a_block_whose_line_is_not_on_disk_stays_due)
{
	place_put_block("45.1.1.1", place.now + 86400);
	disk_fails = true;
	assert_int_equal(announce(), IPREP_E_IO);
	disk_fails = false;
	assert_int_equal(announce(), 1);
}

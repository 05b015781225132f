/* SPDX-License-Identifier: MIT */
/* test_announce.c - who forgets an address while its line is about to be written: one of them waits
 */
#include "reputation/verdict_log.h"
#include "place.h"
#include <fcntl.h>
#include <unistd.h>

static struct store *shell;
static struct addr key;
static bool is_in_the_way; /* forgets at the moment of the write */
static int forgot;

ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	bool forgets = is_in_the_way;

	is_in_the_way = false;
	if (forgets)
		forgot = store_forget(shell, &key, 128, 0);
	return __real_write(fd, buf, n);
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
	is_in_the_way = true;
	assert_int_equal(announce(), 1);
	assert_int_equal(forgot, IPREP_E_BUSY); /* it waited, in vain here */
	size = log_size();
	assert_true(size > 0);
	assert_ok(store_forget(shell, &key, 128, 0));
	assert_int_equal(announce(), 0);
	assert_int_equal(log_size(), size);
}

TEST(what_ends_too_far_away_to_be_true_is_not_announced)
{
	place_put_block("45.1.1.1", place.now + 11 * 365 * 86400LL);
	assert_int_equal(announce(), 0);
	assert_int_equal(log_size(), 0);
}

/* SPDX-License-Identifier: MIT */
/* test_announce.c - who forgets an address while its line is about to be written: one of them waits
 */
#include "reputation/verdict_log.h"
#include "unit.h"
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

struct place {
	char dir[64], db[96];
	struct store *worker, *shell;
	struct conf *conf;
	struct addr key;
	int forgot;
	struct err error;
};
static struct place *in_the_way; /* forgets at the moment of the write */

ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	struct place *p = in_the_way;

	in_the_way = NULL;
	if (p)
		p->forgot = store_forget(p->shell, &p->key, 128, 0);
	return __real_write(fd, buf, n);
}

static int set_up(void **state)
{
	struct clock clock = { 0 };
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/iprep-announce.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->db, sizeof(p->db), "%s/iprep.db", p->dir);
	assert_int_equal(conf_new(&p->conf), 0);
	snprintf(p->conf->verdict_log, sizeof(p->conf->verdict_log), "%s/verdict.log", p->dir);
	assert_int_equal(store_open(p->db, STORE_WORK, clock, NULL, &p->worker, &p->error), 0);
	assert_int_equal(store_open(p->db, STORE_WORK, clock, NULL, &p->shell, &p->error), 0);
	store_busy_timeout(p->shell, 20);
	assert_true(addr_parse("45.1.1.1", &p->key));
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "iprep.db", "iprep.db-wal", "iprep.db-shm",
					     "verdict.log", "make.lock" };
	struct place *p = *state;
	char path[128];

	store_close(p->shell);
	store_close(p->worker);
	conf_free(p->conf);
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

FIXTURE(set_up, tear_down);

static void put_block(const struct place *p, int64_t until)
{
	struct block b = { .key = p->key,
			   .tier = "known",
			   .score = 3,
			   .since = time(NULL),
			   .until = until,
			   .due = true,
			   .jail = "sshd",
			   .src = "zen" };

	assert_int_equal(store_block_put(p->worker, &b), 0);
}

static int announce(struct place *p)
{
	struct session env = { .conf = p->conf, .store = p->worker, .err = &p->error };
	bool held = false;

	return verdict_log_due(&env, &held);
}

static off_t log_size(const struct place *p)
{
	int fd = open(p->conf->verdict_log, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	if (fd >= 0)
		close(fd);
	return size;
}

TEST(a_line_is_written_before_the_block_is_forgotten_or_not_at_all)
{
	struct place *p = *state;
	off_t size;

	put_block(p, time(NULL) + 86400);
	p->forgot = 1;
	in_the_way = p;
	assert_int_equal(announce(p), 1);
	assert_int_equal(p->forgot, IPREP_E_BUSY); /* it waited, in vain here */
	size = log_size(p);
	assert_true(size > 0);
	assert_int_equal(store_forget(p->shell, &p->key, 128, 0), 0);
	assert_int_equal(announce(p), 0);
	assert_int_equal(log_size(p), size);
}

TEST(what_ends_too_far_away_to_be_true_is_not_announced)
{
	struct place *p = *state;

	put_block(p, time(NULL) + 11 * 365 * 86400LL);
	assert_int_equal(announce(p), 0);
	assert_int_equal(log_size(p), 0);
}

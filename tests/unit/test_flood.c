/* SPDX-License-Identifier: MIT */
/* test_flood.c - a flood of suspicious lines neither fills the disk nor keeps others waiting */
#include "conf/conf.h"
#include "reputation/gate.h"
#include "reputation/enqueue.h"
#include "store/store_private.h"
#include "unit.h"
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__ /* ten times slower: a tenth of it */
#define FLOOD 10000
#else
#define FLOOD 100000
#endif
#define MOST_IN_LOOKUPS ((FLOOD / 2 + 199) / 200 * LOOKUPS_NET_NEW_MAX)

struct place {
	char dir[64], path[96];
	struct store *s;
	struct conf *conf;
	struct session env;
	struct err error;
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct conf_source *list;

	assert_non_null(p);
	snprintf(p->dir, sizeof(p->dir), "/tmp/iprep-flood.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/iprep.db", p->dir);
	assert_int_equal(conf_new(&p->conf), 0);
	p->conf->sources = list = calloc(1, sizeof(*list));
	assert_non_null(list);
	snprintf(list->name, sizeof(list->name), "a");
	assert_int_equal(points_parse("*3", 4, &list->points, &p->error), 0);
	list->most = 3;
	p->conf->nsources = 1;
	p->conf->tiers[p->conf->ntiers++] = (struct conf_tier){ "known", 3, 86400 };
	assert_int_equal(conf_enable_abuseipdb(p->conf), 0);
	assert_int_equal(store_open(p->path, STORE_GATE, (struct clock){ NULL, NULL }, NULL, &p->s,
				    &p->error),
			 0);
	p->env = (struct session){
		.conf = p->conf, .store = p->s, .err = &p->error, .auth_mark = ""
	};
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	struct place *p = *state;
	char path[128];

	store_close(p->s);
	conf_free(p->conf);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", p->path, ends[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/make.lock", p->dir);
	unlink(path);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

FIXTURE(set_up, tear_down);

static int64_t number(struct place *p, const char *sql)
{
	int64_t n = -1;

	assert_int_equal(sql_number(p->s, &n, sql, SQL_NONE), 0);
	return n;
}

static void pour(struct place *p, bool v6, unsigned n, const char *user)
{
	struct gate_line line = { .jail = "rep-x-ambiguous",
				  .user = user,
				  .user_len = user ? strlen(user) : 0 };
	bool count, wake;

	for (unsigned i = 0; i < n; i++) {
		char text[64];

		if (v6) /* all in one /40: what one customer may own */
			snprintf(text, sizeof(text), "2a02:4780:%x:%x::%x", i % 256, i / 256,
				 i & 0xffff);
		else
			snprintf(text, sizeof(text), "45.%u.%u.%u", i / 50000, i / 200 % 250,
				 i % 200);
		assert_true(addr_parse(text, &line.addr));
		store_begin_call(p->s); /* as each hook, which opens it */
		assert_int_equal(gate_ask(&p->env, &line, &count, &wake), 0);
		assert_false(count);
	}
}

static int64_t disk(const struct place *p)
{
	static const char *const ends[] = { "", "-wal" };
	int64_t sum = 0;

	for (size_t i = 0; i < 2; i++) {
		char path[128];
		struct stat st;

		snprintf(path, sizeof(path), "%s%s", p->path, ends[i]);
		if (!stat(path, &st))
			sum += st.st_size;
	}
	return sum;
}

TEST(a_flood_of_addresses_is_bounded_and_reports_go_first)
{
	struct place *p = *state;
	struct event ev = { .failures = 3, .seen_at = clock_now_s(&p->env.clock), .jail = "sshd" };
	struct report_job due = { 0 };
	struct lookup_job job;
	int recorded;
	bool wake;

	pour(p, false, FLOOD / 2, NULL);
	assert_int_equal(number(p, "SELECT count(*) FROM lookup"), MOST_IN_LOOKUPS);
	pour(p, true, FLOOD / 2, NULL);
	assert_true(number(p, "SELECT count(*) FROM lookup") <= LOOKUPS_MAX);
	assert_true(number(p, "SELECT count(*) FROM lookup") > MOST_IN_LOOKUPS);
	assert_true(disk(p) < 20 * 1024 * 1024);
	assert_true(addr_parse("45.200.1.1", &ev.addr));
	assert_int_equal(enqueue_event(&p->env, &ev, &recorded, &wake), 0);
	assert_int_equal(recorded, IPREP_QUEUED);
	assert_int_equal(store_lookup_get(p->s, &ev.addr, &job),
			 1); /* the banned are never dropped */
	assert_int_equal(job.origin, SURE);
	assert_int_equal(store_reports_due(p->s, clock_now_s(&p->env.clock), &due, 1), 1);
	report_job_done(&due);
}

TEST(a_flood_of_log_ins_is_a_row_each_and_goes_with_its_window)
{
	struct place *p = *state;
	struct store_counts done = { 0 };

	pour(p, true, FLOOD / 10, "root");
	assert_int_equal(number(p, "SELECT count(*) FROM sighting"), FLOOD / 10);
	assert_true(disk(p) < 40 * 1024 * 1024);
	assert_int_equal(sql_run(p->s, "UPDATE sighting SET at = at - 86401", SQL_NONE), 0);
	while (store_purge_step(p->s, p->conf, 5000, &done) > 0)
		;
	assert_int_equal(done.sightings, FLOOD / 10);
}

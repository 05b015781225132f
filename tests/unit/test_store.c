/* SPDX-License-Identifier: MIT */
/* test_store.c - what is remembered, merged, bounded and forgotten; the clock is moved by hand */
#include "store/store_private.h"
#include "unit.h"
#include <limits.h>
#include <sqlite3.h>
#include <unistd.h>

static int64_t now;

static int64_t fake_now(void *user)
{
	(void)user;
	return now;
}

struct place {
	char dir[64], path[96];
	struct store *s;
	struct conf *conf;
	struct err error;
};
static const struct clock fake_clock = { .now_s = fake_now };

static int open_it(struct place *p, enum store_mode mode)
{
	return store_open(p->path, mode, fake_clock, NULL, &p->s, &p->error);
}

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	now = 1795426190;
	snprintf(p->dir, sizeof(p->dir), "/tmp/iprep-store.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/iprep.db", p->dir);
	assert_int_equal(conf_new(&p->conf), 0);
	assert_int_equal(conf_enable_abuseipdb(p->conf), 0);
	assert_int_equal(open_it(p, STORE_WORK), 0);
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

static struct addr addr(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static void put_block(struct store *s, const char *text, int64_t until)
{
	struct block b = { .key = addr(text),
			   .tier = "known",
			   .score = 3,
			   .since = now,
			   .until = until,
			   .due = true,
			   .jail = "sshd",
			   .src = "zen" };

	assert_int_equal(store_block_put(s, &b), 0);
}

static void sql(struct place *p, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* ---- blocks ---- */

TEST(a_block_lasts_until_its_time_and_an_absurd_time_is_over)
{
	static const struct {
		int64_t until_in;
		int found;
	} rows[] = {
		{ 60, 1 },
		{ 1, 1 },
		{ 0, 0 },
		{ -1, 0 },
		{ 365 * 86400LL, 1 },
		{ 10 * 365 * 86400LL, 1 },
		{ 3653 * 86400LL, 1 },
		{ 11 * 365 * 86400LL, 0 },
	};
	struct place *p = *state;
	struct addr key = addr("45.1.1.1");
	struct block b;

	for (size_t i = 0; i < COUNT(rows); i++) {
		put_block(p->s, "45.1.1.1", now + rows[i].until_in);
		assert_int_equal(store_block_get(p->s, &key, &b), rows[i].found);
	}
}

TEST(a_block_survives_closing_and_keeps_every_field)
{
	struct place *p = *state;
	struct addr key = addr("2a02:4780:15::50");
	struct block b;

	put_block(p->s, "2a02:4780:15::50", now + 60);
	store_close(p->s);
	assert_int_equal(open_it(p, STORE_GATE), 0);
	assert_int_equal(store_block_get(p->s, &key, &b), 1);
	assert_string_equal(b.tier, "known");
	assert_string_equal(b.jail, "sshd");
	assert_string_equal(b.src, "zen");
	assert_true(b.due);
	assert_int_equal(b.first_at, 0);
}

TEST(the_outbox_gives_due_blocks_until_they_are_announced)
{
	struct place *p = *state;
	struct addr key = addr("45.1.1.1");
	struct block b[4];

	put_block(p->s, "45.1.1.1", now + 60);
	assert_int_equal(store_blocks_due(p->s, true, b, 4), 1);
	assert_int_equal(store_blocks_due(p->s, false, b, 4), 0);
	assert_int_equal(store_block_announced(p->s, &key, now, now + 90), 0);
	assert_int_equal(store_blocks_due(p->s, true, b, 4), 0);
	assert_int_equal(store_block_mark_due(p->s, &key, ""), 0);
	assert_int_equal(store_blocks_due(p->s, false, b, 4), 1);
	assert_int_equal(b[0].until, now + 90);
	assert_string_equal(b[0].jail, "sshd");
	assert_int_equal(store_blocks_first_since(p->s, now, 10), 1);
	now -= 3600; /* the clock was ahead: blocks announced then delay no other block now */
	assert_int_equal(store_blocks_first_since(p->s, now - 60, 10), 0);
	now += 3600;
}

/* ---- lookups ---- */

TEST(one_look_up_waits_however_many_lines_and_sure_stays_sure)
{
	struct place *p = *state;
	struct lookup_job j = { .key = addr("45.1.1.1"),
				.addr = addr("45.1.1.1"),
				.since = now,
				.next_at = now,
				.jail = "gate" };
	static const enum origin order[] = { AMBIGUOUS, SURE, AMBIGUOUS };
	struct lookup_job got[4];

	for (size_t i = 0; i < 3; i++) {
		j.origin = order[i];
		assert_int_equal(store_lookup_put(p->s, &j), 0);
	}
	assert_int_equal(store_lookups_due(p->s, now, got, 4), 1);
	assert_int_equal(got[0].origin, SURE);
	assert_int_equal(store_lookups_due(p->s, now - 1, got, 4), 0);
}

TEST(a_job_that_became_sure_meanwhile_is_not_ended)
{
	struct place *p = *state;
	struct lookup_job j = { .key = addr("45.1.1.1"),
				.addr = addr("45.1.1.1"),
				.origin = AMBIGUOUS,
				.since = now,
				.next_at = now },
			  taken;

	assert_int_equal(store_lookup_put(p->s, &j), 0);
	assert_int_equal(store_lookups_due(p->s, now, &taken, 1), 1);
	j.origin = SURE;
	assert_int_equal(store_lookup_put(p->s, &j), 0);
	assert_int_equal(store_lookup_end(p->s, &taken, 0), 0);
	assert_int_equal(store_lookup_get(p->s, &j.key, NULL), 1);
}

TEST(a_job_forgotten_and_made_anew_is_another_job)
{
	struct place *p = *state;
	struct lookup_job j = { .key = addr("45.1.1.1"),
				.addr = addr("45.1.1.1"),
				.origin = SURE,
				.since = now,
				.next_at = now },
			  taken;

	assert_int_equal(store_lookup_put(p->s, &j), 0);
	assert_int_equal(store_lookups_due(p->s, now, &taken, 1), 1);
	assert_int_equal(store_lookup_alive(p->s, &taken), 1);
	assert_int_equal(store_forget(p->s, &j.key, 128, 0), 0);
	assert_int_equal(store_lookup_alive(p->s, &taken), 0);
	assert_int_equal(store_lookup_put(p->s, &j), 0);
	assert_int_equal(store_lookup_alive(p->s, &taken), 0);
}

/* retry_at: not 0: it was tried, and waits until then. */
static void queue_lookup(struct place *p, const char *text, int64_t retry_at)
{
	struct lookup_job job = { .key = addr(text),
				  .addr = addr(text),
				  .origin = AMBIGUOUS,
				  .since = now,
				  .next_at = now };

	assert_int_equal(store_lookup_put(p->s, &job), 0);
	if (!retry_at)
		return;
	assert_int_equal(store_lookup_get(p->s, &job.key, &job), 1);
	job.tries = 1;
	assert_int_equal(store_lookup_end(p->s, &job, retry_at), 0);
}

static bool has_room(struct place *p, const char *text)
{
	struct addr key = addr(text);
	int rc = store_lookup_has_room(p->s, &key, addr_is_v4(&key) ? 96 + 24 : 48);

	assert_true(rc >= 0);
	return rc;
}

TEST(a_network_with_many_untried_lookups_has_no_room)
{
	struct place *p = *state;
	char text[32];

	for (int i = 0; i < LOOKUPS_NET_NEW_MAX; i++) {
		assert_true(has_room(p, "45.1.1.200"));
		snprintf(text, sizeof(text), "45.1.1.%d", i);
		queue_lookup(p, text, 0);
	}
	assert_false(has_room(p, "45.1.1.200"));
	assert_true(has_room(p, "45.1.2.1"));
	assert_true(has_room(p, "45.1.0.255"));
}

/* One silent list: what was tried and waits does not shut the gate for its neighbours. */
TEST(lookups_that_wait_for_another_try_leave_room_for_neighbours)
{
	struct place *p = *state;
	char text[64];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "45.1.1.%d", i);
		queue_lookup(p, text, i % 2 ? now + 60 : now - 1); /* waiting, or due again */
	}
	assert_true(has_room(p, "45.1.1.200"));
	for (int i = 0; i < LOOKUPS_NET_MAX; i++) {
		assert_true(has_room(p, "2a02:4780:1:ffff::"));
		snprintf(text, sizeof(text), "2a02:4780:1:%x::", i);
		queue_lookup(p, text, now + 60);
	}
	assert_false(has_room(p, "2a02:4780:1:ffff::")); /* a /48 has many more */
	assert_true(has_room(p, "2a02:4780:2::"));
}

TEST(a_full_queue_has_no_room_for_any_network)
{
	struct place *p = *state;
	char text[64];

	assert_int_equal(store_begin(p->s, STORE_FAST), 0);
	for (int i = 0; i < LOOKUPS_MAX; i++) {
		if (i == LOOKUPS_MAX - 1)
			assert_true(has_room(p, "45.250.1.1"));
		snprintf(text, sizeof(text), "45.1.%d.%d", i / 50, i % 50);
		queue_lookup(p, text, now + 60);
	}
	assert_false(has_room(p, "45.250.1.1"));
	assert_int_equal(store_end(p->s, 0), 0);
}

/* ---- reports ---- */

static int64_t add_report(struct place *p)
{
	struct report_job r = { .key = addr("45.1.1.1"),
				.addr = addr("45.1.1.1"),
				.failures = 3,
				.first_at = now,
				.seen_at = now,
				.next_at = now,
				.categories = "18" };

	assert_int_equal(store_report_add(p->s, &r, ""), 0);
	assert_int_equal(store_report_last(p->s, &r.addr, &r), 1);
	return r.id;
}

TEST(a_frozen_body_stays_the_same_and_a_refusal_thaws_it)
{
	struct place *p = *state;
	int64_t id = add_report(p);
	struct report_job r = { 0 };

	assert_int_equal(store_report_sending(p->s, id, now, "18,22", "3 failures"), 0);
	assert_int_equal(store_report_merge(p->s, id, 5, now + 1), 0);
	assert_int_equal(store_report_end(p->s, id, REPORT_SENDING, now + 15, "timeout"), 0);
	assert_int_equal(store_reports_due(p->s, now, &r, 1), 0);
	assert_int_equal(store_reports_due(p->s, now + 15, &r, 1), 1);
	assert_string_equal(r.frozen, "3 failures");
	assert_string_equal(r.categories, "18,22");
	assert_int_equal(r.failures, 3);
	assert_int_equal(r.sent_at, now);
	report_job_done(&r);
	assert_int_equal(store_report_end(p->s, id, REPORT_QUEUED, now, "quota"), 0);
	assert_int_equal(store_reports_due(p->s, now, &r, 1), 1);
	assert_null(r.frozen);
	report_job_done(&r);
}

TEST(an_answer_for_a_forgotten_report_is_told_so)
{
	struct place *p = *state;
	struct addr key = addr("45.1.1.1");
	int64_t id = add_report(p);

	assert_int_equal(store_report_sending(p->s, id, now, "18", "x"), 0);
	assert_int_equal(store_forget(p->s, &key, 128, now + 60), 0);
	assert_int_equal(store_report_end(p->s, id, REPORT_DONE, 0, ""), 1);
	assert_int_equal(store_report_sending(p->s, id, now, "18", "x"), 1);
	assert_int_equal(store_pardoned(p->s, &key), 1);
	now += 60;
	assert_int_equal(store_pardoned(p->s, &key), 0);
}

/* ---- quota ---- */

TEST(a_number_that_an_earlier_version_stored_is_bounded)
{
	struct quota_seen seen = { .seen = true, .limit = INT64_MAX, .remaining = INT64_MAX };
	struct place *p = *state;
	struct quota q;

	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_seen(p->s, "check", "k", &seen), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_int_equal(q.limit, 100000000);
	assert_int_equal(q.remaining, 100000000);
}

TEST(the_quota_counts_down_and_starts_anew_at_midnight)
{
	struct quota_seen seen = { .seen = true, .limit = 3000, .remaining = 5 };
	struct place *p = *state;
	struct quota q;

	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_int_equal(q.remaining, QUOTA_FREE_PLAN);
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_seen(p->s, "check", "k", &seen), 0);
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_int_equal(q.remaining, 4);
	assert_int_equal(q.limit, 3000);
	now = (now / 86400 + 1) * 86400;
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_int_equal(q.remaining, 3000);
}

TEST(a_refused_key_counts_until_it_changes)
{
	struct quota_seen seen = {
		.seen = true, .limit = -1, .remaining = -1, .auth_failed = true, .error = "HTTP 401"
	};
	struct place *p = *state;
	struct quota q;

	assert_int_equal(store_quota_take(p->s, "report", 1), 0);
	assert_int_equal(store_quota_seen(p->s, "report", "old", &seen), 1);
	assert_int_equal(store_quota_seen(p->s, "report", "old", &seen), 0);
	assert_int_equal(store_quota_get(p->s, "report", "old", &q), 0);
	assert_true(q.auth_failed);
	assert_int_equal(store_quota_get(p->s, "check", "old", &q), 0); /* the same key */
	assert_true(q.auth_failed);
	assert_int_equal(store_quota_get(p->s, "report", "new", &q), 0);
	assert_false(q.auth_failed);
}

/* ---- purge ---- */

TEST(one_run_under_a_wrong_clock_frees_nobody)
{
	struct store_counts c = { 0 };
	struct place *p = *state;
	struct addr key = addr("45.1.1.1");
	int64_t right = now;
	struct block b;

	put_block(p->s, "45.1.1.1", now + 86400);
	now = 2145916800; /* 2038 */
	while (store_purge_step(p->s, p->conf, 200, &c) > 0)
		;
	assert_int_equal(store_purge_seen(p->s), 0);
	while (store_purge_step(p->s, p->conf, 200, &c) > 0)
		;
	assert_int_equal(c.blocks, 0);
	now = right;
	assert_int_equal(store_block_get(p->s, &key, &b), 1);
}

TEST(findings_go_when_their_retention_is_over_and_reports_not_by_one_run)
{
	struct finding f = { .status = FINDING_OK,
			     .answered_at = now,
			     .expires_at = now + 60,
			     .points = 3,
			     .na = 2,
			     .a = { 0x7f000004, 0x7f000002 },
			     .detail = "x" },
		       got = { 0 };
	struct store_counts c = { 0 };
	struct place *p = *state;
	struct addr key = addr("45.1.1.1");
	int64_t id = add_report(p);

	assert_int_equal(store_findings_put(p->s, p->conf, &key, &f), 0);
	assert_int_equal(store_findings_get(p->s, p->conf, &key, &got), 1);
	assert_int_equal(got.na, 2);
	assert_int_equal(got.a[1], 0x7f000002);
	now += 60;
	got.status = FINDING_NONE;
	assert_int_equal(store_findings_get(p->s, p->conf, &key, &got), 0);
	assert_int_equal(store_report_end(p->s, id, REPORT_DONE, 0, ""), 0);
	now += p->conf->keep_findings_s + 1;
	assert_int_equal(store_purge_count(p->s, p->conf, &c), 0);
	assert_int_equal(c.findings, 1);
	c = (struct store_counts){ 0 };
	assert_int_equal(store_purge_step(p->s, p->conf, 200, &c), 0);
	assert_int_equal(c.findings, 1);
	now += p->conf->keep_reports_s;
	assert_int_equal(store_purge_seen(p->s), 0);
	assert_int_equal(store_purge_step(p->s, p->conf, 200, &c), 0);
	assert_int_equal(c.reports, 0);
}

TEST(a_flood_of_findings_lets_the_oldest_go)
{
	struct place *p = *state;
	struct addr key = addr("45.0.0.0");
	struct finding f = { .status = FINDING_OK }, got = { 0 };
	int64_t pages = 0, n = 0;

	memset(f.detail, 'x', sizeof(f.detail) - 1);
	p->s->pages_max = 100;
	assert_int_equal(store_begin(p->s, STORE_FAST), 0);
	for (int i = 0; i < 5000; i++) {
		key.bytes[14] = (uint8_t)(i >> 8);
		key.bytes[15] = (uint8_t)i;
		f.answered_at = now + i;
		f.expires_at = now + 3600 + i;
		assert_int_equal(store_findings_put(p->s, p->conf, &key, &f), 0);
	}
	assert_int_equal(store_end(p->s, 0), 0);
	assert_int_equal(sql_number(p->s, &pages, "PRAGMA page_count", SQL_NONE), 0);
	assert_true(pages < 130);
	assert_int_equal(sql_number(p->s, &n, "SELECT count(*) FROM finding", SQL_NONE), 0);
	assert_true(n > 300);
	assert_int_equal(store_findings_get(p->s, p->conf, &key, &got), 1);
}

TEST(the_first_call_of_an_unknown_quota_is_known_to_be_under_way)
{
	struct place *p = *state;
	struct quota_seen silent = { .error = "timeout" };
	struct quota_seen seen = { .seen = true, .limit = 1000, .remaining = 900 };
	struct quota q;

	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_false(q.first_under_way);
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_true(q.first_under_way);
	assert_int_equal(store_quota_seen(p->s, "check", "k", &silent), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_false(q.first_under_way); /* no result: the next one is also sent alone */
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_seen(p->s, "check", "k", &seen), 0);
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_false(q.first_under_way);
	assert_int_equal(q.remaining, 899);
	now += 86400; /* another day, another first call; it may have died */
	assert_int_equal(store_quota_take(p->s, "check", 1), 0);
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_true(q.first_under_way);
	now += 66;
	assert_int_equal(store_quota_get(p->s, "check", "k", &q), 0);
	assert_false(q.first_under_way);
}

TEST(the_health_of_a_list_belongs_to_its_zone)
{
	struct place *p = *state;
	struct conf_source *list = &p->conf->sources[0];
	struct zone_state z = { .state = { ZONE_BAD, ZONE_GOOD },
				.latency_ms = 12,
				.probed_at = { now, now - 7 },
				.silent_since = 5,
				.is_applied = true,
				.why = "lists the world" };
	struct zone_state got[1];

	snprintf(list->name, sizeof(list->name), "zen");
	snprintf(list->zone, sizeof(list->zone), "%%{key:/k}.a.test");
	list->asked_zone = strdup("sesame.a.test");
	assert_int_equal(store_zone_put(p->s, list, &z), 0);
	assert_int_equal(store_zones_get(p->s, p->conf, got), 0);
	assert_memory_equal(got[0].state, z.state, sizeof(z.state));
	assert_int_equal(got[0].latency_ms, 12);
	assert_int_equal(got[0].probed_at[0], now);
	assert_int_equal(got[0].probed_at[1], now - 7);
	assert_true(got[0].is_applied);
	assert_int_equal(got[0].silent_since, 5);
	assert_string_equal(got[0].why, "lists the world");
	snprintf(list->zone, sizeof(list->zone), "b.test");
	assert_int_equal(store_zones_get(p->s, p->conf, got), 0);
	assert_int_equal(got[0].state[0], ZONE_UNKNOWN);
	assert_int_equal(got[0].probed_at[0], 0);
}

/* ---- files that are not as they should be ---- */

static void run_file(struct place *p, const char *path)
{
	char text[16384];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	assert_true(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	fclose(f);
	sql(p, text);
}

TEST(a_store_of_every_earlier_schema_opens_with_what_it_holds)
{
	struct place *p = *state;
	char path[PATH_MAX];
	struct addr blocked = addr("45.1.1.1"), sending = addr("45.5.5.5");
	struct addr guessing = addr("45.4.4.4");
	struct report_job r[4] = { 0 };
	struct recheck due;
	struct release gone;

	for (int schema = 1; schema <= 3; schema++) {
		p->s = store_close(p->s);
		unlink(p->path);
		for (int i = 1; i <= schema; i++) {
			snprintf(path, sizeof(path), TEST_DATA "/stores/schema-%d.sql", i);
			run_file(p, path);
		}
		now = 1795000100;
		assert_int_equal(open_it(p, STORE_HOOK), 0);
		assert_int_equal(store_block_get(p->s, &blocked, &(struct block){ 0 }),
				 0); /* until 2096 */
		assert_int_equal(store_knows(p->s, &blocked), 1);
		/* hashes that are made in another way now */
		assert_int_equal(store_sightings(p->s, &guessing, 86400), 0);
		assert_int_equal(store_lookup_get(p->s, &(struct addr){ 0 }, NULL), 0);
		assert_int_equal(store_reports_due(p->s, now, r, 4), 2);
		assert_memory_equal(r[1].addr.bytes, sending.bytes, 16);
		assert_int_equal(r[1].state, REPORT_SENDING);
		assert_int_equal(r[1].sent_at, 1795000000);
		assert_string_equal(r[1].comment, "own words");
		assert_null(r[1].frozen); /* made again from the same row */
		report_job_done(&r[0]);
		report_job_done(&r[1]);
		assert_int_equal(
			store_zones_get(p->s, p->conf, &(struct zone_state){ .probed_at = 0 }), 0);
		assert_int_equal(store_failures_put(p->s, &blocked, 3, now), 0);
		sql(p, "UPDATE block SET until = 1830000000");
		assert_int_equal(store_rechecks_due(p->s, &due, 1), 0);
		now += 604800; /* a week after it was made, whichever version made it */
		assert_int_equal(store_rechecks_due(p->s, &due, 1), 1);
		assert_memory_equal(due.addr.bytes, blocked.bytes, 16);
		assert_int_equal(store_released_page(p->s, 604800, &(struct release){ .at = 0 },
						     &gone, 1),
				 0);
		assert_int_equal(store_release(p->s, &due), 0);
		assert_int_equal(store_released_page(p->s, 604800, &(struct release){ .at = 0 },
						     &gone, 1),
				 1);
		assert_string_equal(gone.tier, "known");
	}
}

static void refuse(struct place *p, int code, const char *text)
{
	p->s = store_close(p->s);
	p->error = (struct err){ 0 };
	assert_int_equal(open_it(p, STORE_WORK), code);
	assert_non_null(strstr(p->error.text, text));
}

TEST(a_newer_database_is_refused_and_not_touched)
{
	struct place *p = *state;

	sql(p, "PRAGMA user_version = 99");
	refuse(p, IPREP_E_STORE, "written by a newer iprep (version 99; this one knows 6)");
}

TEST(a_damaged_database_is_refused_with_what_to_do)
{
	struct place *p = *state;
	FILE *f;

	p->s = store_close(p->s);
	f = fopen(p->path, "r+");
	assert_non_null(f);
	fputs("this is not a database, and never was one", f);
	fclose(f);
	refuse(p, IPREP_E_STORE, "set it aside with rep-purge --reset");
}

TEST(an_empty_file_or_a_log_alone_is_damage_and_not_a_new_store)
{
	struct place *p = *state;
	char log[128];
	FILE *f;

	p->s = store_close(p->s);
	f = fopen(p->path, "w");
	assert_non_null(f);
	fclose(f);
	refuse(p, IPREP_E_STORE, "the file is empty");
	unlink(p->path);
	snprintf(log, sizeof(log), "%s-wal", p->path);
	f = fopen(log, "w");
	assert_non_null(f);
	fputs("frames", f);
	fclose(f);
	refuse(p, IPREP_E_STORE, "the file is missing, its log");
	assert_int_equal(access(p->path, F_OK), -1);
	unlink(log);
	assert_int_equal(open_it(p, STORE_HOOK), 0);
}

static bool bounds_read(sqlite3_stmt *row, void *element)
{
	(void)element;
	for (int i = 0; i < 2; i++) {
		int64_t sign = i ? -1 : 1;

		assert_int_equal(sql_int(row, i), sign * SQL_NUMBER_MAX);
		assert_int_equal(sql_small(row, i), sign * SQL_SMALL_MAX);
	}
	assert_true(sql_id(row, 0) == INT64_MAX && sql_id(row, 1) == INT64_MIN);
	assert_int_equal(sql_int(row, 2), 1795426190);
	return true;
}

TEST(no_number_of_a_file_is_too_large_to_reckon_with)
{
	struct place *p = *state;
	struct block block;

	assert_int_equal(
		sql_each(p->s, bounds_read, NULL,
			 "SELECT 9223372036854775807, -9223372036854775807 - 1, 1795426190",
			 SQL_NONE),
		1);
	put_block(p->s, "198.51.100.7", now + 100);
	sql(p, "UPDATE block SET score = 9223372036854775807, since = -9223372036854775807,"
	       " announced_at = 9223372036854775807, due = 1");
	assert_int_equal(store_blocks_due(p->s, false, &block, 1) +
				 store_blocks_due(p->s, true, &block, 1),
			 1);
	assert_int_equal(block.score, SQL_SMALL_MAX);
	assert_int_equal(block.since, -SQL_NUMBER_MAX);
	assert_int_equal(sql_count(p->s, "SELECT 9223372036854775807", SQL_NONE), INT32_MAX);
	assert_int_equal(sql_count(p->s, "SELECT -5", SQL_NONE), 0);
}

static bool listed_read(sqlite3_stmt *row, void *element)
{
	const char *sql = (const char *)sqlite3_column_text(row, 0);

	(void)element;
	if (!store_schema_lists(sql))
		fail_msg("schema.c: altered[] has no \"%s\"", sql);
	return true;
}

TEST(the_list_of_what_a_database_holds_is_complete)
{
	struct place *p = *state;

	assert_in_range(sql_each(p->s, listed_read, NULL,
				 "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL", SQL_NONE),
			20, 1000);
}

TEST(a_statement_ends_when_the_time_of_the_hook_is_over)
{
	struct place *p = *state;

	p->s->until_ms = clock_mono_ms() + 20;
	store_watch(p->s);
	assert_int_equal(sql_count(p->s,
				   "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
				   " SELECT max(x) FROM n",
				   SQL_NONE),
			 IPREP_E_BUSY);
	assert_non_null(strstr(p->error.text, "takes too long"));
	p->s->until_ms = INT64_MAX;
	store_watch(p->s);
}

TEST(a_check_reads_all_or_as_much_as_time_allows)
{
	struct place *p = *state;

	assert_int_equal(store_check(p->s, 60000), 1);
	sql(p,
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO good"
	    " SELECT CAST(printf('%016d', i) AS BLOB), 1 FROM n");
	assert_int_equal(store_check(p->s, 0), 0);
	assert_int_equal(store_check(p->s, 60000), 1);
	assert_int_equal(store_try(p->s), 0); /* and goes on after it */
}

/* SPDX-License-Identifier: MIT */
/* test_engine.c - the engine over a scripted network and its virtual time */
#include "asked.h"
#include "base/clock.h"

#define NTASKS_MAX   10000
#define SCRIPTED_MAX 20
#define NO(match, delay_ms)                                                \
	{                                                                  \
		match, { .status = NET_NXDOMAIN }, { .code = 0 }, delay_ms \
	}
#define END                   \
	{                     \
		.match = NULL \
	}

static struct task tasks[NTASKS_MAX];
static struct finding findings[NTASKS_MAX][4];
static size_t ntasks, next_task, nsettled, flying, most_flying;
static source_set ask_first, ask_then;
static struct supplier {
	int later_ms; /* told once between tasks; 0: never */
	bool told_later, report_first;
	size_t laters, settled_order[SCRIPTED_MAX];
	int64_t given_at[SCRIPTED_MAX], settled_at[SCRIPTED_MAX];
} supplier;

static const struct fake_answer nobody[] = { END };

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_list("list0", "one.test", "127.0.0.[2..9]*3");
	place_add_list("list1", "two.test", "127.0.0.[2..9]*3");
	place_add_list("list2", "allow.test", "127.0.[0..255].[1..3]*-4");
	memset(&supplier, 0, sizeof(supplier));
	ask_first = ask_then = 0;
	place.conf->check = CHECK_NEVER; /* the lists have all the time */
	return conf_enable_abuseipdb(place.conf);
}

FIXTURE(set_up, place_tear_down);

/* Each has its address and key. */
static void make_tasks(size_t n, struct task like)
{
	ntasks = n;
	next_task = nsettled = flying = most_flying = 0;
	memset(findings, 0, sizeof(findings));
	for (size_t i = 0; i < n; i++) {
		char text[32];

		snprintf(text, sizeof(text), "45.1.%zu.%zu", 1 + i / 200, 1 + i % 200);
		tasks[i] = like;
		tasks[i].findings = findings[i];
		tasks[i].addr = tasks[i].key = addr_of(text);
	}
}

/* The engine knows what is in flight. */
static void assert_in_flight(const struct task_supply *supply)
{
	assert_int_equal(engine_in_flight(supply->engine), flying);
	assert_int_equal(engine_in_flight_of(supply->engine, TASK_LOOKUP), flying);
	assert_int_equal(engine_in_flight_of(supply->engine, TASK_BULK), 0);
	assert_false(next_task < ntasks && engine_has_key(supply->engine, &tasks[next_task].addr));
	assert_true(!flying || ask_then ||
		    engine_has_key(supply->engine, &tasks[next_task - 1].addr));
}

static enum supply_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	if (user)
		assert_in_flight(user);
	if (next_task == ntasks)
		return SUPPLY_END;
	if (supplier.later_ms && next_task && !supplier.told_later) {
		supplier.told_later = true;
		supplier.laters++;
		*ret_wait_ms = supplier.later_ms;
		return SUPPLY_LATER;
	}
	supplier.told_later = false;
	if (next_task < SCRIPTED_MAX)
		supplier.given_at[next_task] = fake_net_time_ms();
	*ret = &tasks[next_task++];
	flying++;
	most_flying = flying > most_flying ? flying : most_flying;
	return SUPPLY_TASK;
}

/* With report_first, a report becomes a lookup at the lists, and then is done. */
static source_set settled(void *user, struct task *t)
{
	source_set more = ask_then & ~t->asked;

	(void)user;
	if (supplier.report_first && t->kind == TASK_REPORT && t->outcome == OUT_DONE) {
		t->kind = TASK_LOOKUP;
		return 3;
	}
	if (more)
		return more;
	if (ntasks <= SCRIPTED_MAX) {
		supplier.settled_order[nsettled] = (size_t)(t - tasks);
		supplier.settled_at[t - tasks] = fake_net_time_ms();
	}
	nsettled++;
	flying--;
	return 0;
}

static void run_supply(const struct fake_answer *script, size_t n, struct task like,
		       struct task_supply supply)
{
	struct session session = asked_session();

	supply.next = next;
	if (supply.user)
		supply.user = &supply;
	if (!supply.settled)
		supply.settled = settled;
	supplier.laters = 0;
	supplier.told_later = false;
	make_tasks(n, like);
	fake_net_script(script);
	if (supply.deadline_ms)
		supply.deadline_ms += clock_mono_ms();
	assert_ok(engine_run(&session, &supply));
	assert_int_equal(nsettled, n);
}

static void run(const struct fake_answer *script, size_t n, size_t window, int task_ms)
{
	run_supply(script, n, (struct task){ .kind = TASK_LOOKUP, .ask = ask_first },
		   (struct task_supply){
			   .user = &supplier, .window_max = window, .task_ms = task_ms });
}

/* With a body, since it may be a report. */
static void run_scripted(const struct fake_answer *script, enum task_kind kind, source_set ask,
			 size_t n, struct task_supply supply)
{
	supply.task_ms = 1000;
	run_supply(script, n, (struct task){ .kind = kind, .ask = ask, .body = "ip=x" }, supply);
}

TEST(sources_are_asked_side_by_side_under_one_deadline)
{
	static const struct fake_answer script[] = { NO(".one.test", 30), NO(".two.test", NEVER),
						     END };

	ask_first = 7;
	ask_then = 0;
	run(script, 1, 1, 60);
	assert_int_equal(fake_seen.most, 3);
	assert_int_equal(findings[0][0].status, FINDING_OK);
	assert_int_equal(findings[0][1].status, FINDING_TIMEOUT);
	assert_int_equal(findings[0][2].status, FINDING_OK);
	ask_then = 8; /* asked when the deadline is over: no second one */
	run(script, 1, 1, 60);
	assert_int_equal(findings[0][3].status, FINDING_TIMEOUT);
	assert_int_equal(fake_seen.asked, 3);
}

TEST(ten_thousand_tasks_keep_to_the_window_and_each_settles_once)
{
	ask_first = 1;
	ask_then = 3;
	run(nobody, NTASKS_MAX, 100, 10000);
	assert_int_equal(fake_seen.asked, 2 * NTASKS_MAX);
	assert_true(most_flying <= 100);
	ask_first = ask_then = 0; /* no source to query: settles immediately */
	run(nobody, NTASKS_MAX, 1, 10000);
	assert_int_equal(fake_seen.asked, 0);
}

/* ---- supplies with a will of their own ---- */

TEST(a_supply_that_says_later_is_asked_again_after_its_wait_or_the_next_answer)
{
	static const struct {
		int later_ms, delay_ms, second_ms, third_ms;
	} rows[] = {
		{ 500, 10, 10, 20 },
		{ 500, 800, 500, 800 },
		{ 100, 900, 100, 200 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_answer script[] = { NO(".one.test", rows[i].delay_ms), END };

		supplier.later_ms = rows[i].later_ms;
		run_scripted(script, TASK_LOOKUP, 1, 3, (struct task_supply){ .window_max = 9 });
		assert_int_equal(supplier.laters, 2);
		assert_int_equal(supplier.given_at[0], 0);
		assert_int_equal(supplier.given_at[1], rows[i].second_ms);
		assert_int_equal(supplier.given_at[2], rows[i].third_ms);
		for (size_t k = 0; k < 3; k++) {
			assert_int_equal(findings[k][0].status, FINDING_OK);
			assert_int_equal(supplier.settled_at[k],
					 supplier.given_at[k] + rows[i].delay_ms);
		}
	}
}

TEST(an_early_answer_does_not_wait_for_a_late_one_and_room_is_used_at_once)
{
	static const struct fake_answer script[] = { NO("1.1.1.45.one", 900), NO(".one.test", 100),
						     END };

	run_scripted(script, TASK_LOOKUP, 1, 5, (struct task_supply){ .window_max = 2 });
	assert_int_equal(fake_seen.most, 2);
	assert_int_equal(supplier.settled_order[4], 0);
	for (size_t i = 1; i < 5; i++) {
		assert_int_equal(supplier.given_at[i], (int)(i - 1) * 100);
		assert_int_equal(supplier.settled_at[i], (int)i * 100);
	}
	assert_int_equal(supplier.settled_at[0], 900);
}

TEST(a_window_of_one_is_one_after_the_other)
{
	static const struct fake_answer script[] = { NO(".one.test", 100), END };

	run_scripted(script, TASK_LOOKUP, 1, 4, (struct task_supply){ .window_max = 1 });
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(supplier.settled_order[i], i);
		assert_int_equal(supplier.settled_at[i], (int)(i + 1) * 100);
	}
	assert_int_equal(fake_seen.most, 1);
}

TEST(a_silent_list_leaves_time_for_abuseipdb)
{
	static const struct fake_answer script[] = {
		NO(".one.test", NEVER),
		{ "/check",
		  { .status = NET_OK },
		  { .status = NET_OK, .code = 500, .body = "" },
		  300 },
		END
	};

	place.conf->check = CHECK_UNDECIDED;
	ask_first = 1;
	ask_then = SOURCE_BIT(place.conf->abuseipdb);
	run(script, 1, 1, 1000);
	assert_int_equal(findings[0][0].status, FINDING_TIMEOUT);
	assert_string_equal(findings[0][0].detail, "timeout after 600 ms");
	assert_int_equal(findings[0][place.conf->abuseipdb].status,
			 FINDING_ERROR); /* asked, and answered */
	assert_int_equal(fake_net_time_ms(), 900);
}

static struct task *busy;
static size_t nlate;

/* One question at a time, whatever the window: the others wait for their turn. */
static source_set settled_in_turn(void *user, struct task *t)
{
	(void)user;
	if (busy == t)
		busy = NULL;
	if (t->asked || t->late) {
		nlate += t->late && !t->asked;
		nsettled++;
		return 0;
	}
	if (busy)
		return SOURCE_WAIT;
	busy = t;
	return 1;
}

static void run_in_turn(int delay_ms, size_t n, int task_ms)
{
	const struct fake_answer script[] = { NO(".one.test", delay_ms), END };

	nlate = 0;
	busy = NULL;
	run_supply(script, n, (struct task){ .kind = TASK_LOOKUP },
		   (struct task_supply){
			   .window_max = n, .task_ms = task_ms, .settled = settled_in_turn });
	assert_int_equal(fake_seen.most, 1);
}

TEST(a_task_that_waits_for_its_turn_is_settled_again_until_its_deadline)
{
	run_in_turn(30, 5, 1000);
	assert_int_equal(fake_seen.asked, 5);
	assert_int_equal(nlate, 0);
	assert_true(fake_net_time_ms() <= 5 * (30 + 50));
	run_in_turn(NEVER, 5, 1000);
	assert_int_equal(nlate, 4);
	assert_true(fake_net_time_ms() <= 1050);
}

TEST(a_report_comes_first_and_its_look_up_after_it_within_one_deadline)
{
	static const struct {
		int delay_ms;
		int one, two, ends_ms;
	} rows[] = {
		{ 100, FINDING_OK, FINDING_OK, 300 },
		{ 900, FINDING_OK, FINDING_TIMEOUT, 1000 },
	};

	place.conf->check = CHECK_UNDECIDED;
	for (size_t i = 0; i < 2; i++) {
		struct fake_answer script[] = {
			{ "/report",
			  { .status = NET_BROKEN },
			  { .status = NET_OK,
			    .code = 200,
			    .limit = 3000,
			    .remaining = 7,
			    .reset_at = -1,
			    .retry_after_s = -1,
			    .body = "{\"data\":{\"ipAddress\":\"45.1.1.1\",\"abuseConfidenceScore\":100}}" },
			  rows[i].delay_ms },
			NO(".one.test", 50),
			NO(".two.test", 200),
			END
		};

		supplier.report_first = true;
		run_scripted(script, TASK_REPORT, SOURCE_BIT(3), 1,
			     (struct task_supply){ .window_max = 1 });
		assert_int_equal(fake_seen.asked, 3);
		assert_int_equal(fake_seen.most, 2);
		assert_int_equal(tasks[0].outcome, OUT_DONE);
		assert_int_equal(tasks[0].asked, SOURCE_BIT(3) | 3);
		assert_int_equal(tasks[0].quota.remaining, 7);
		assert_int_equal(findings[0][0].status, rows[i].one);
		assert_int_equal(findings[0][1].status, rows[i].two);
		assert_int_equal(findings[0][3].points, 10);
		assert_true(findings[0][3].partial);
		assert_int_equal(supplier.settled_at[0], rows[i].ends_ms);
	}
}

TEST(a_report_to_a_source_that_takes_none_is_for_later)
{
	run_scripted(nobody, TASK_REPORT, 1, 1, (struct task_supply){ .window_max = 1 });
	assert_int_equal(tasks[0].outcome, OUT_LATER);
	assert_string_equal(tasks[0].why, "takes no reports");
	assert_int_equal(findings[0][0].status, FINDING_NONE);
	assert_int_equal(fake_seen.asked, 0);
}

TEST(a_report_that_gets_no_answer_is_for_later_at_its_deadline)
{
	static const struct fake_answer script[] = {
		{ "/report", { .status = NET_BROKEN }, { .code = 0 }, NEVER }, END
	};

	run_scripted(script, TASK_REPORT, SOURCE_BIT(3), 2,
		     (struct task_supply){ .window_max = 1 });
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(tasks[i].outcome, OUT_LATER);
		assert_int_equal(findings[i][3].status, FINDING_NONE);
		assert_int_equal(supplier.settled_at[i], (int)(i + 1) * 1000);
	}
}

TEST(the_deadline_of_the_run_ends_every_task)
{
	static const struct fake_answer script[] = {
		{ ".one.test", { .status = NET_BROKEN }, { .code = 0 }, NEVER }, END
	};

	run_scripted(script, TASK_LOOKUP, 1, 6,
		     (struct task_supply){ .window_max = 2, .deadline_ms = 1500 });
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(findings[i][0].status, FINDING_TIMEOUT);
		assert_int_equal(supplier.settled_at[i], i < 2 ? 1000 : 1500);
	}
	assert_int_equal(fake_seen.asked, 4); /* the last two were not asked any more */
}

TEST(a_supply_without_tasks_ends_without_the_network)
{
	run_scripted(nobody, TASK_LOOKUP, 1, 0, (struct task_supply){ .window_max = 2 });
	assert_int_equal(fake_seen.asked, 0);
}

static int broken_open(const struct net_conf *c, struct net **ret, struct err *e)
{
	(void)c;
	(void)ret;
	return err_set(e, IPREP_E_OS, "no network module");
}

static void run_broken(size_t n, struct task like)
{
	struct net_ops broken = fake_net;
	struct session session = asked_session();
	struct task_supply supply = {
		.window_max = 4, .task_ms = 1000, .next = next, .settled = settled
	};

	broken.open = broken_open;
	session.ops = &broken;
	make_tasks(n, like);
	assert_int_equal(engine_run(&session, &supply), IPREP_E_OS);
	assert_string_equal(place.error.text, "no network module");
	assert_int_equal(nsettled, n);
}

TEST(without_the_module_every_task_settles_and_the_error_is_told)
{
	run_broken(10, (struct task){ .kind = TASK_LOOKUP, .ask = 7 });
	assert_int_equal(findings[9][2].status, FINDING_ERROR);
	run_broken(1, (struct task){ .kind = TASK_REPORT, .ask = SOURCE_BIT(3), .body = "" });
	assert_int_equal(tasks[0].outcome, OUT_LATER);
	assert_string_equal(tasks[0].why, "no network module");
	assert_int_equal(findings[0][3].status, FINDING_NONE);
}

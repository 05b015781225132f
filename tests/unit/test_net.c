/* SPDX-License-Identifier: MIT */
/*
 * test_net.c - the loop and DNS of the network module, against servers on loopback
 *
 * Every answer is counted per question, and must not come from inside dns(). None may come before
 * its time; how late it is depends on the machine, and is not tested.
 */
#include "fake_dns.h"
#include "world.h"
#include "net/heap.h"

#define STATUSES "ok nxdomain nodata timeout refused servfail broken"

/* Tries and deadlines go by the clock that the module is given: a test that counts tries holds it,
 * and moves it instead of waiting. */
static int64_t held_ms;

static int64_t now_ms(void)
{
	return held_ms ? held_ms : clock_mono_ms();
}

static struct asked {
	int ncalls;
	int64_t at_ms;
	struct dns_answer answer;
	char text[16]; /* of its last TXT record */
} asked[2000];
static struct net *net;
static struct fake_dns *d, *d2; /* the resolvers */
static bool is_inside;		/* of dns() */
static int again;		/* ask once more from the callback */

static void answered(void *user, const struct dns_answer *a)
{
	struct asked *q = user;

	assert_false(is_inside);
	q->ncalls++;
	q->at_ms = now_ms();
	q->answer = *a;
	q->answer.txts = NULL;
	for (const struct dns_txt *txt = a->txts; txt; txt = txt->next)
		snprintf(q->text, sizeof(q->text), "%.*s", (int)txt->len, txt->bytes);
	if (again > 0 && net) {
		again--;
		is_inside = true;
		iprep_net.dns(net, "good.test", NET_A, false, now_ms() + 3000, answered, q + 1);
		is_inside = false;
	}
}

/* text2: NULL, or a second resolver */
static void open_at(const char *text, const char *text2)
{
	const char *const resolvers[] = { text, text2 };

	memset(asked, 0, sizeof(asked));
	net = world_open(resolvers, (struct net_conf){ .ca_file = "",
						       .proxy = "",
						       .user_agent = "test",
						       .now_ms = now_ms });
}

static void close_world(void)
{
	net = iprep_net.close(net);
	assert_null(net);
	d = fake_dns_stop(d);
	d2 = fake_dns_stop(d2);
}

static int tear_down(void **state)
{
	(void)state;
	close_world();
	held_ms = again = 0;
	return 0;
}

FIXTURE(NULL, tear_down);

static const char *at(const struct fake_dns *server, char text[32])
{
	snprintf(text, 32, "127.0.0.1:%d", server->server.port);
	return text;
}

/* Servers with these moods; NULL: the names that are asked decide. */
static void open_two(const char *mood, const char *mood2)
{
	char text[32], text2[32];

	close_world();
	d = fake_dns_start(mood);
	d2 = fake_dns_start(mood2);
	open_at(at(d, text), at(d2, text2));
}

static void open_one(const char *mood)
{
	char text[32];

	close_world();
	d = fake_dns_start(mood);
	open_at(at(d, text), NULL);
}

static void open_one_with_held_clock(const char *mood)
{
	held_ms = clock_mono_ms();
	open_one(mood);
}

static void ask(size_t i, const char *name, int type, bool tcp, int64_t ms)
{
	is_inside = true;
	iprep_net.dns(net, name, type, tcp, now_ms() + ms, answered, &asked[i]);
	is_inside = false;
}

static void run(void)
{
	world_run(net, now_ms);
}

static void assert_answered_once(size_t i, enum net_status status)
{
	if (asked[i].ncalls != 1 || asked[i].answer.status != status)
		fail_msg("question %zu: %d calls, status %d: %s", i, asked[i].ncalls,
			 (int)asked[i].answer.status, asked[i].answer.why);
}

/* The address, or the text; else it has none. */
static const char *said(const struct asked *q)
{
	static char text[ADDR_TEXT_MAX];
	struct addr v6;

	if (q->answer.na) {
		struct in_addr v4 = { htonl(q->answer.a[0]) };

		inet_ntop(AF_INET, &v4, text, sizeof(text));
		return text;
	}
	if (!q->answer.na6)
		return q->text;
	memcpy(v6.bytes, q->answer.a6[0], sizeof(v6.bytes));
	return addr_text(&v6, text);
}

/* What cannot be asked is answered in the next turn. */
ROWS(a_question_ends_as_its_row_says)
{
	static const int types[] = { NET_A, NET_AAAA, NET_TXT, 15 };
	const struct dns_answer *a = &asked[0].answer;
	bool tcp = row_yes(row, "tcp"),
	     goes = row_number(row, "udp") || row_number(row, "over_tcp");
	int status = row_choice(row, "status", STATUSES);
	int type = types[row_choice(row, "type", "A AAAA TXT MX")];

	held_ms = status == NET_TIMEOUT ? 0 : clock_mono_ms();
	if (row_has(row, "second"))
		open_two(row_text(row, "first"), row_text(row, "second"));
	else
		open_one(row_text(row, "first"));
	ask(0, row_text(row, "name"), type, tcp, row_number(row, "ms"));
	assert_int_equal(asked[0].ncalls, 0);
	if (goes)
		run();
	else
		assert_int_equal(iprep_net.turn(net, now_ms()), 0);
	assert_answered_once(0, (enum net_status)status);
	if (row_has(row, "why"))
		assert_has(a->why, row_text(row, "why"));
	assert_string_equal(said(&asked[0]), row_has(row, "says") ? row_text(row, "says") : "");
	assert_int_equal(a->na, type == NET_A && status == NET_OK);
	assert_int_equal(a->na6, type == NET_AAAA && status == NET_OK);
	assert_int_equal(a->txt_len, strlen(asked[0].text));
	assert_memory_equal(a->txt, asked[0].text, a->txt_len);
	if (row_has(row, "ttl"))
		assert_int_equal(a->ttl_s, row_number(row, "ttl"));
	assert_int_equal(d->nudp, row_number(row, "udp"));
	assert_int_equal(d->ntcp_asked, row_number(row, "over_tcp"));
}

TEST(silence_and_answers_to_others_end_at_the_deadline)
{
	static const char *const names[] = { "never.test", "wrongid.test", "wrongname.test" };
	int64_t t = now_ms();

	open_one(NULL);
	for (size_t i = 0; i < 3; i++) {
		ask(i, names[i], NET_A, false, 300);
		ask(3 + i, names[i], NET_A, true, 400);
	}
	ask(6, "good.test", NET_A, false, 0); /* no time at all */
	run();
	for (size_t i = 0; i < 7; i++) {
		int64_t ms = asked[i].at_ms - t;

		assert_answered_once(i, NET_TIMEOUT);
		assert_true(ms >= (i < 3 ? 300 : i < 6 ? 400 : 0));
	}
	assert_true(asked[0].at_ms <= asked[3].at_ms);
}

/* Until the server has been asked that often over UDP. */
static void turn_until_asked(struct fake_dns *server, int n)
{
	while (server->nudp < n)
		iprep_net.turn(net, now_ms() + 10);
}

TEST(a_lost_datagram_is_asked_for_again)
{
	open_one_with_held_clock("never");
	ask(0, "good.test", NET_A, false, 6000);
	turn_until_asked(d, 1);
	d->mood = NULL;
	held_ms += 1600;
	run();
	assert_answered_once(0, NET_OK);
	assert_int_equal(d->nudp, 2);
}

TEST(an_answer_to_an_earlier_try_counts_until_the_deadline)
{
	open_one_with_held_clock(NULL);
	for (size_t i = 2; i < 12; i++) /* c-ares 1.34 adapts its timeouts to these */
		ask(i, "good.test", NET_A, false, 5000);
	run();
	ask(0, "kept.test", NET_A, false, 6000);
	turn_until_asked(d, 11);
	held_ms += 1600;
	turn_until_asked(d, 12); /* the second try, to which no answer ever comes */
	held_ms += 2000;
	ask(1, "go.test", NET_A, false, 2400);
	run();
	assert_answered_once(1, NET_OK);
	assert_answered_once(0, NET_OK);
	assert_int_equal(d->nudp, 13);
}

TEST(a_silent_resolver_is_passed_over_after_a_while)
{
	held_ms = clock_mono_ms();
	open_two("never", "good");
	ask(0, "good.test", NET_A, false, 20000);
	turn_until_asked(d, 1);
	assert_int_equal(d2->nudp, 0);
	held_ms += 1600;
	run();
	assert_answered_once(0, NET_OK);
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d2->nudp, 1);
}

/* Three tries: 1.5, 3 and 6 s. Then an answer may still come: the deadline decides. */
TEST(after_its_last_try_a_question_waits_for_its_deadline)
{
	open_one_with_held_clock("never");
	ask(0, "good.test", NET_A, false, 60000);
	for (int n = 1; n <= 3; n++) {
		turn_until_asked(d, n);
		assert_int_equal(asked[0].ncalls, 0);
		held_ms += 1600 << (n - 1);
	}
	held_ms += 40000;
	assert_int_equal(iprep_net.turn(net, 0), 1);
	assert_int_equal(asked[0].ncalls, 0);
	held_ms += 60000;
	run();
	assert_answered_once(0, NET_TIMEOUT);
	assert_int_equal(asked[0].answer.waited_ms, 111200);
	assert_false(asked[0].answer.replied);
	assert_int_equal(d->nudp, 3);
}

/* There are 65,536 IDs. What is waited for survives that its channel is given up. */
TEST(questions_without_an_answer_use_nothing_up)
{
	size_t n = COUNT(asked);

	open_one_with_held_clock(NULL);
	ask(0, "kept.test", NET_A, false, 60000);
	turn_until_asked(d, 1);
	for (int round = 0; round < 35; round++) {
		for (size_t i = 1; i < n; i++)
			ask(i, "never.test", NET_A, false, 10);
		held_ms += 10;
		assert_int_equal(iprep_net.turn(net, 0), 1);
		for (size_t i = 1; i < n; i++)
			assert_int_equal(asked[i].answer.status, NET_TIMEOUT);
	}
	held_ms = 0; /* the server may not have had room for this one */
	ask(1, "go.test", NET_A, false, 20000);
	run();
	assert_answered_once(0, NET_OK);
	assert_int_equal(asked[1].answer.status, NET_OK);
}

TEST(what_is_truncated_is_asked_again_over_tcp)
{
	open_one_with_held_clock(NULL);
	ask(0, "tc.test", NET_A, false, 5000);
	run();
	assert_answered_once(0, NET_OK);
	assert_has(asked[0].answer.from, " over TCP");
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d->ntcp_asked, 1);
	ask(1, "good.test", NET_A, true, 5000);
	ask(2, "good.test", NET_A, true, 5000);
	run();
	assert_answered_once(2, NET_OK);
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d->ntcp_asked, 3);
}

/* Without MSG_NOSIGNAL this ends the process. */
TEST(a_resolver_that_hangs_up_is_survived)
{
	open_one("hangup");
	for (size_t i = 0; i < 50; i++) {
		ask(i, "good.test", NET_A, true, 1000);
		iprep_net.turn(net, now_ms() + 5);
	}
	run();
	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(asked[i].ncalls, 1);
		assert_true(asked[i].answer.status == NET_BROKEN ||
			    asked[i].answer.status == NET_TIMEOUT);
	}
}

TEST(a_dead_resolver_is_passed_over)
{
	char dead[32], other[32];

	open_two(NULL, NULL);
	at(d, dead);
	assert_null(iprep_net.close(net));
	d = fake_dns_stop(d);
	open_at(dead, at(d2, other));
	for (size_t i = 0; i < 2; i++)
		ask(i, "good.test", NET_A, i, 5000);
	run();
	assert_answered_once(0, NET_OK);
	assert_answered_once(1, NET_OK);
	assert_null(iprep_net.close(net));
	open_at(dead, NULL);
	for (size_t i = 0; i < 2; i++)
		ask(i, "good.test", NET_A, i, 8000);
	run();
	assert_answered_once(0, NET_BROKEN);
	assert_has(asked[0].answer.why, "cannot be reached");
	assert_answered_once(1, NET_BROKEN);
}

TEST(two_thousand_in_flight_are_answered_once_each)
{
	size_t n = COUNT(asked);

	open_one(NULL);
	for (size_t i = 0; i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "q%zu.test", i);
		ask(i, name, NET_A, i % 4 == 0, 15000);
	}
	run();
	for (size_t i = 0; i < n; i++)
		assert_answered_once(i, NET_OK);
}

TEST(a_callback_may_ask_again)
{
	open_one(NULL);
	again = 20;
	ask(0, "good.test", NET_A, false, 5000);
	run();
	for (size_t i = 0; i <= 20; i++)
		assert_answered_once(i, NET_OK);
}

TEST(close_answers_all_that_is_owed)
{
	open_one("never");
	for (size_t i = 0; i < 100; i++)
		ask(i, i % 10 ? "never.test" : "not a name", NET_A, i % 2, 60000);
	ask(100, "never.test", NET_A, false, 100);
	iprep_net.turn(net, now_ms() + 20);
	while (!asked[100].ncalls) /* c-ares still holds it when we close */
		iprep_net.turn(net, now_ms() + 20);
	again = 3; /* and a callback of close() asks: answered too */
	net = iprep_net.close(net);
	for (size_t i = 0; i < 101; i++)
		assert_true(asked[i].ncalls >= 1 && asked[i].ncalls <= 2);
	assert_int_equal(asked[1].answer.status, NET_TIMEOUT);
	assert_int_equal(again, 0);
}

TEST(no_socket_is_inherited)
{
	open_one(NULL);
	ask(0, "good.test", NET_A, false, 5000);
	ask(1, "good.test", NET_A, true, 5000);
	world_assert_nothing_is_inherited();
	run();
}

TEST(turn_waits_until_its_time)
{
	int64_t t = now_ms();

	open_at("127.0.0.1:1", NULL);
	assert_int_equal(iprep_net.turn(net, t + 60), 0);
	assert_true(now_ms() - t >= 60);
}

TEST(the_heap_gives_back_in_order)
{
	enum { N = 3000 };
	static struct heap_node n[N];
	struct heap_node *root = NULL;
	int64_t last = -1;
	unsigned seed = 1;
	int left = N;

	for (int i = 0; i < N; i++) {
		seed = seed * 1103515245U + 12345U;
		n[i].key = seed >> 16 & 0x3ff;
		heap_insert(&root, &n[i]);
	}
	for (int i = 0; i < N; i += 3, left--)
		heap_remove(&root, &n[i]);
	for (; root; left--) {
		assert_true(root->key >= last);
		last = root->key;
		heap_remove(&root, root);
	}
	assert_int_equal(left, 0);
}

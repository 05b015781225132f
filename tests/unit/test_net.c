/* SPDX-License-Identifier: MIT */
/*
 * test_net.c - the loop and DNS of the network module, against servers on loopback
 *
 * Every answer is counted per question, and must not come from inside dns(). None may come before
 * its time; how late it is depends on the machine, and is not tested.
 */
#include <fcntl.h>
#include "base/clock.h"
#include "fake_dns.h"
#include "net/net.h"
#include "net/heap.h"
#include "unit.h"

/* Tries and deadlines go by the clock that the module is given: a test that counts tries holds it,
 * and moves it instead of waiting. */
static int64_t held_ms;

static int64_t now_ms(void)
{
	return held_ms ? held_ms : clock_mono_ms();
}

static int hold_clock(void **state)
{
	(void)state;
	held_ms = clock_mono_ms();
	return 0;
}

static int release_clock(void **state)
{
	(void)state;
	held_ms = 0;
	return 0;
}

FIXTURE(NULL, release_clock);

struct asked {
	struct world *w;
	int ncalls;
	int64_t at_ms;
	struct dns_answer answer;
};
struct world {
	struct net *net;
	bool is_inside; /* of dns() */
	struct asked a[2000];
	int again; /* ask once more from the callback */
};

static void answered(void *user, const struct dns_answer *a)
{
	struct asked *q = user;

	assert_false(q->w->is_inside);
	q->ncalls++;
	q->at_ms = now_ms();
	q->answer = *a;
	if (q->w->again > 0 && q->w->net) {
		q->w->again--;
		q->w->is_inside = true;
		iprep_net.dns(q->w->net, "good.test", NET_A, false, now_ms() + 3000, answered,
			      q + 1);
		q->w->is_inside = false;
	}
}

/* text2: NULL, or a second resolver */
static struct world *open_world(const char *text, const char *text2)
{
	struct resolver resolvers[2];
	struct net_conf nc = { .resolvers = resolvers,
			       .nresolvers = text2 ? 2 : 1,
			       .ca_file = "",
			       .proxy = "",
			       .user_agent = "test",
			       .now_ms = now_ms };
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	assert_true(resolver_parse(text, &resolvers[0]));
	assert_true(!text2 || resolver_parse(text2, &resolvers[1]));
	for (size_t i = 0; i < sizeof(w->a) / sizeof(w->a[0]); i++)
		w->a[i].w = w;
	if (iprep_net.open(&nc, &w->net, &e))
		fail_msg("open: %s", e.text);
	return w;
}

static struct world *open_servers(const struct fake_dns *d, const struct fake_dns *d2)
{
	char text[32], text2[32];

	snprintf(text, sizeof(text), "127.0.0.1:%d", d->port);
	if (d2)
		snprintf(text2, sizeof(text2), "127.0.0.1:%d", d2->port);
	return open_world(text, d2 ? text2 : NULL);
}

static void close_world(struct world *w)
{
	assert_null(iprep_net.close(w->net));
	free(w);
}

static void ask(struct world *w, size_t i, const char *name, int type, bool tcp, int64_t ms)
{
	w->is_inside = true;
	iprep_net.dns(w->net, name, type, tcp, now_ms() + ms, answered, &w->a[i]);
	w->is_inside = false;
}

static void run(struct world *w)
{
	int64_t end = now_ms() + 20000;

	while (iprep_net.turn(w->net, end))
		assert_true(now_ms() < end);
}

/* One question to a server of that mood, answered within ms; the answer. */
static struct dns_answer one(const char *mood, const char *name, int type, bool tcp, int64_t ms)
{
	struct fake_dns *d = fake_dns_start(mood);
	struct world *w = open_servers(d, NULL);
	struct dns_answer a;

	ask(w, 0, name, type, tcp, ms);
	run(w);
	assert_int_equal(w->a[0].ncalls, 1);
	a = w->a[0].answer;
	close_world(w);
	fake_dns_stop(d);
	return a;
}

TEST(an_answer_comes_with_its_addresses_and_ttl)
{
	struct dns_answer a = one(NULL, "good.test", NET_A, false, 5000);

	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.na, 1);
	assert_int_equal(a.a[0], 0x7f000002);
	assert_int_equal(a.ttl_s, 300);
	a = one(NULL, "text.test.", NET_TXT, true, 5000);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.txt_len, 4);
	assert_memory_equal(a.txt, "why!", 4);
}

TEST(what_the_resolver_says_arrives_as_it_is)
{
	static const struct {
		const char *label;
		enum net_status status;
	} rows[] = {
		{ "nx.test", NET_NXDOMAIN },
		{ "nodata.test", NET_BROKEN }, /* no SOA */
		{ "refused.test", NET_REFUSED },
		{ "servfail.test", NET_SERVFAIL },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		for (int tcp = 0; tcp < 2; tcp++)
			assert_int_equal(one(NULL, rows[i].label, NET_A, tcp, 5000).status,
					 rows[i].status);
}

TEST(silence_and_answers_to_others_end_at_the_deadline)
{
	static const char *const names[] = { "never.test", "wrongid.test", "wrongname.test" };
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);
	int64_t t = now_ms();

	for (size_t i = 0; i < 3; i++) {
		ask(w, i, names[i], NET_A, false, 300);
		ask(w, 3 + i, names[i], NET_A, true, 400);
	}
	ask(w, 6, "good.test", NET_A, false, 0); /* no time at all */
	run(w);
	for (size_t i = 0; i < 7; i++) {
		int64_t ms = w->a[i].at_ms - t;

		assert_int_equal(w->a[i].ncalls, 1);
		assert_int_equal(w->a[i].answer.status, NET_TIMEOUT);
		assert_true(ms >= (i < 3 ? 300 : i < 6 ? 400 : 0));
	}
	assert_true(w->a[0].at_ms <= w->a[3].at_ms);
	close_world(w);
	fake_dns_stop(d);
}

/* Until the server has been asked that often over UDP. */
static void turn_until_asked(struct world *w, struct fake_dns *d, int n)
{
	while (d->nudp < n)
		iprep_net.turn(w->net, now_ms() + 10);
}

TEST(a_lost_datagram_is_asked_for_again)
{
	struct fake_dns *d = fake_dns_start("never");
	struct world *w = open_servers(d, NULL);

	hold_clock(state);
	ask(w, 0, "good.test", NET_A, false, 6000);
	turn_until_asked(w, d, 1);
	d->mood = NULL;
	held_ms += 1600;
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_int_equal(d->nudp, 2);
	close_world(w);
	fake_dns_stop(d);
}

TEST(an_answer_to_an_earlier_try_counts_until_the_deadline)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);

	hold_clock(state);
	for (size_t i = 2; i < 12; i++) /* c-ares 1.34 adapts its timeouts to these */
		ask(w, i, "good.test", NET_A, false, 5000);
	run(w);
	ask(w, 0, "kept.test", NET_A, false, 6000);
	turn_until_asked(w, d, 11);
	held_ms += 1600;
	turn_until_asked(w, d, 12); /* the second try, to which no answer ever comes */
	held_ms += 2000;
	ask(w, 1, "go.test", NET_A, false, 2400);
	run(w);
	assert_int_equal(w->a[1].answer.status, NET_OK);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_int_equal(w->a[0].ncalls, 1);
	assert_int_equal(d->nudp, 13);
	close_world(w);
	fake_dns_stop(d);
}

TEST(a_silent_resolver_is_passed_over_after_a_while)
{
	struct fake_dns *d = fake_dns_start("never"), *d2 = fake_dns_start("good");
	struct world *w = open_servers(d, d2);

	hold_clock(state);
	ask(w, 0, "good.test", NET_A, false, 20000);
	turn_until_asked(w, d, 1);
	assert_int_equal(d2->nudp, 0);
	held_ms += 1600;
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d2->nudp, 1);
	close_world(w);
	fake_dns_stop(d);
	fake_dns_stop(d2);
}

/* Three tries: 1.5, 3 and 6 s. Then an answer may still come: the deadline decides. */
TEST(after_its_last_try_a_question_waits_for_its_deadline)
{
	struct fake_dns *d = fake_dns_start("never");
	struct world *w = open_servers(d, NULL);

	hold_clock(state);
	ask(w, 0, "good.test", NET_A, false, 60000);
	for (int n = 1; n <= 3; n++) {
		turn_until_asked(w, d, n);
		assert_int_equal(w->a[0].ncalls, 0);
		held_ms += 1600 << (n - 1);
	}
	held_ms += 40000;
	assert_int_equal(iprep_net.turn(w->net, 0), 1);
	assert_int_equal(w->a[0].ncalls, 0);
	held_ms += 60000;
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_TIMEOUT);
	assert_int_equal(w->a[0].answer.waited_ms, 111200);
	assert_false(w->a[0].answer.replied);
	assert_int_equal(d->nudp, 3);
	close_world(w);
	fake_dns_stop(d);
}

/* There are 65,536 IDs. What is waited for survives that its channel is given up. */
TEST(questions_without_an_answer_use_nothing_up)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);
	size_t n = sizeof(w->a) / sizeof(w->a[0]);

	hold_clock(state);
	ask(w, 0, "kept.test", NET_A, false, 60000);
	turn_until_asked(w, d, 1);
	for (int round = 0; round < 35; round++) {
		for (size_t i = 1; i < n; i++)
			ask(w, i, "never.test", NET_A, false, 10);
		held_ms += 10;
		assert_int_equal(iprep_net.turn(w->net, 0), 1);
		for (size_t i = 1; i < n; i++)
			if (w->a[i].answer.status != NET_TIMEOUT)
				fail_msg("round %d, question %zu: %s", round, i,
					 w->a[i].answer.why);
	}
	release_clock(state); /* the server may not have had room for this one */
	ask(w, 1, "go.test", NET_A, false, 20000);
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_int_equal(w->a[1].answer.status, NET_OK);
	close_world(w);
	fake_dns_stop(d);
}

TEST(what_is_truncated_is_asked_again_over_tcp)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);

	hold_clock(state);
	ask(w, 0, "tc.test", NET_A, false, 5000);
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_non_null(strstr(w->a[0].answer.from, " over TCP"));
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d->ntcp_asked, 1);
	ask(w, 1, "good.test", NET_A, true, 5000);
	ask(w, 2, "good.test", NET_A, true, 5000);
	run(w);
	assert_int_equal(w->a[2].answer.status, NET_OK);
	assert_int_equal(d->nudp, 1);
	assert_int_equal(d->ntcp_asked, 3);
	close_world(w);
	fake_dns_stop(d);
}

/* Without MSG_NOSIGNAL this ends the process. */
TEST(a_resolver_that_hangs_up_is_survived)
{
	struct fake_dns *d = fake_dns_start("hangup");
	struct world *w = open_servers(d, NULL);

	for (size_t i = 0; i < 50; i++) {
		ask(w, i, "good.test", NET_A, true, 1000);
		iprep_net.turn(w->net, now_ms() + 5);
	}
	run(w);
	for (size_t i = 0; i < 50; i++) {
		assert_int_equal(w->a[i].ncalls, 1);
		assert_true(w->a[i].answer.status == NET_BROKEN ||
			    w->a[i].answer.status == NET_TIMEOUT);
	}
	close_world(w);
	fake_dns_stop(d);
}

TEST(the_other_resolver_is_asked_when_the_first_does_not_know)
{
	static const struct {
		const char *first, *second;
		enum net_status status;
	} rows[] = {
		{ "servfail", "good", NET_OK },		{ "refused", "nx", NET_NXDOMAIN },
		{ "refused", "servfail", NET_REFUSED }, { "servfail", "refused", NET_SERVFAIL },
		{ "nx", "good", NET_NXDOMAIN },
	};

	hold_clock(state);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake_dns *d = fake_dns_start(rows[i].first);
		struct fake_dns *d2 = fake_dns_start(rows[i].second);
		struct world *w = open_servers(d, d2);

		ask(w, 0, "any.test", NET_A, false, 5000);
		ask(w, 1, "any.test", NET_A, true, 5000);
		run(w);
		for (size_t n = 0; n < 2; n++) {
			assert_int_equal(w->a[n].ncalls, 1);
			assert_int_equal(w->a[n].answer.status, rows[i].status);
		}
		assert_int_equal(d->nudp, 1);
		close_world(w);
		fake_dns_stop(d);
		fake_dns_stop(d2);
	}
}

TEST(the_other_resolvers_silence_ends_at_the_deadline)
{
	struct fake_dns *d = fake_dns_start("servfail"), *d2 = fake_dns_start("never");
	struct world *w = open_servers(d, d2);

	ask(w, 0, "any.test", NET_A, false, 400);
	run(w);
	assert_int_equal(w->a[0].ncalls, 1);
	assert_int_equal(w->a[0].answer.status, NET_TIMEOUT);
	close_world(w);
	fake_dns_stop(d);
	fake_dns_stop(d2);
}

TEST(a_dead_resolver_is_passed_over)
{
	struct fake_dns *dead = fake_dns_start(NULL), *d = fake_dns_start(NULL);
	struct world *w = open_servers(dead, d), *w2 = open_servers(dead, NULL);

	fake_dns_stop(dead);
	ask(w, 0, "good.test", NET_A, false, 5000);
	ask(w, 1, "good.test", NET_A, true, 5000);
	run(w);
	assert_int_equal(w->a[0].answer.status, NET_OK);
	assert_int_equal(w->a[1].answer.status, NET_OK);
	ask(w2, 0, "good.test", NET_A, false, 8000);
	ask(w2, 1, "good.test", NET_A, true, 8000);
	run(w2);
	assert_int_equal(w2->a[0].answer.status, NET_BROKEN);
	assert_non_null(strstr(w2->a[0].answer.why, "cannot be reached"));
	assert_int_equal(w2->a[1].answer.status, NET_BROKEN);
	close_world(w);
	close_world(w2);
	fake_dns_stop(d);
}

TEST(what_cannot_be_asked_is_answered_in_the_next_turn)
{
	static const char *const names[] = {
		"",	    ".",
		"..",	    "a..",
		"a..b",	    "a b.test",
		"a\\.test", "a\n.test",
		".test",    "0123456789012345678901234567890123456789012345678901234567890123.test",
	};
	char lengthy[300];
	struct world *w = open_world("127.0.0.1:1", NULL);
	size_t n = COUNT(names);

	memset(lengthy, 'a', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	for (size_t i = 0; i < n; i++)
		ask(w, i, names[i], NET_A, i & 1, 5000);
	ask(w, n, lengthy, NET_A, false, 5000);
	ask(w, n + 1, "good.test", 28, false, 5000);
	assert_int_equal(w->a[0].ncalls, 0);
	assert_int_equal(iprep_net.turn(w->net, now_ms()), 0);
	for (size_t i = 0; i < n + 2; i++) {
		if (w->a[i].ncalls != 1 || w->a[i].answer.status != NET_BROKEN)
			fail_msg("name %zu: %d calls, status %d", i, w->a[i].ncalls,
				 (int)w->a[i].answer.status);
		assert_non_null(strstr(w->a[i].answer.why, " query"));
	}
	close_world(w);
}

TEST(two_thousand_in_flight_are_answered_once_each)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);
	size_t n = sizeof(w->a) / sizeof(w->a[0]);

	for (size_t i = 0; i < n; i++) {
		char name[64];

		snprintf(name, sizeof(name), "q%zu.test", i);
		ask(w, i, name, NET_A, i % 4 == 0, 15000);
	}
	run(w);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(w->a[i].ncalls, 1);
		assert_int_equal(w->a[i].answer.status, NET_OK);
	}
	close_world(w);
	fake_dns_stop(d);
}

TEST(a_callback_may_ask_again)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);

	w->again = 20;
	ask(w, 0, "good.test", NET_A, false, 5000);
	run(w);
	for (size_t i = 0; i <= 20; i++) {
		assert_int_equal(w->a[i].ncalls, 1);
		assert_int_equal(w->a[i].answer.status, NET_OK);
	}
	close_world(w);
	fake_dns_stop(d);
}

TEST(close_answers_all_that_is_owed)
{
	struct fake_dns *d = fake_dns_start("never");
	struct world *w = open_servers(d, NULL);

	for (size_t i = 0; i < 100; i++)
		ask(w, i, i % 10 ? "never.test" : "not a name", NET_A, i % 2, 60000);
	ask(w, 100, "never.test", NET_A, false, 100);
	iprep_net.turn(w->net, now_ms() + 20);
	while (!w->a[100].ncalls) /* c-ares still holds it when we close */
		iprep_net.turn(w->net, now_ms() + 20);
	w->again = 3; /* and a callback of close() asks: answered too */
	iprep_net.close(w->net);
	for (size_t i = 0; i < 101; i++)
		assert_true(w->a[i].ncalls >= 1 && w->a[i].ncalls <= 2);
	assert_int_equal(w->a[1].answer.status, NET_TIMEOUT);
	assert_int_equal(w->again, 0);
	free(w);
	fake_dns_stop(d);
}

/* Those of the Internet; curl 7.88 leaves the pair of curl_multi_wakeup(3) open to children. */
TEST(no_socket_is_inherited)
{
	struct fake_dns *d = fake_dns_start(NULL);
	struct world *w = open_servers(d, NULL);

	ask(w, 0, "good.test", NET_A, false, 5000);
	ask(w, 1, "good.test", NET_A, true, 5000);
	for (int fd = 3; fd < 200; fd++) {
		struct sockaddr_storage a;
		socklen_t len = sizeof(a);

		if (!getsockname(fd, (struct sockaddr *)&a, &len) && a.ss_family == AF_INET)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	run(w);
	close_world(w);
	fake_dns_stop(d);
}

TEST(turn_waits_until_its_time)
{
	struct world *w = open_world("127.0.0.1:1", NULL);
	int64_t t = now_ms();

	assert_int_equal(iprep_net.turn(w->net, t + 60), 0);
	assert_true(now_ms() - t >= 60);
	close_world(w);
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

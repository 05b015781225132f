/* SPDX-License-Identifier: MIT */
/* test_pace.c - how many are kept in flight, against modelled resolvers and time */
#include "reputation/window.h"
#include "unit.h"

#define TRY_MS 1500

/* A resolver: answers after rtt_ms, at most per_ms a millisecond; holds at most queue_max. */
struct model {
	int64_t rtt_ms;
	size_t per_ms, queue_max;
};
enum { FLYING_MAX = 4096 };
struct flying {
	int64_t asked_ms, due_ms;
	bool lost;
};
static struct flying flying[FLYING_MAX];
static size_t nflying, nlost, most, answered;

static size_t queued(int64_t now, int64_t rtt_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < nflying; i++)
		n += !flying[i].lost && flying[i].asked_ms + rtt_ms <= now + rtt_ms;
	return n;
}

static void ask(struct window *p, const struct model *m, int64_t now)
{
	struct flying f = { .asked_ms = now, .due_ms = now + m->rtt_ms };
	size_t q = queued(now, m->rtt_ms);

	f.lost = m->queue_max && q >= m->queue_max;
	if (f.lost) {
		f.due_ms = now + TRY_MS + m->rtt_ms;
		nlost++;
	} else if (m->per_ms) {
		f.due_ms += (int64_t)(q / m->per_ms);
	}
	flying[nflying++] = f;
	window_asked(p, nflying);
}

/* Keeps the window full for ms; returns it. */
static size_t run(struct model model, int64_t ms)
{
	struct window window, *p = &window;
	const struct model *m = &model;

	window_init(p, 64, 2048, 1000);
	nflying = nlost = most = answered = 0;
	for (int64_t now = 1000; now < 1000 + ms; now++) {
		for (size_t i = 0; i < nflying;) {
			if (flying[i].due_ms > now) {
				i++;
				continue;
			}
			window_settled(p, flying[i].asked_ms, now);
			flying[i] = flying[--nflying];
			answered++;
		}
		while (nflying < p->window && nflying < FLYING_MAX)
			ask(p, m, now);
		most = nflying > most ? nflying : most;
	}
	return p->window;
}

TEST(a_far_resolver_gets_as_many_as_there_may_be)
{
	assert_int_equal(run((struct model){ .rtt_ms = 200 }, 6000), 2048);
	assert_int_equal(most, 2048);
}

TEST(a_resolver_at_its_limit_gets_no_more)
{
	assert_true(run((struct model){ .rtt_ms = 1, .per_ms = 50, .queue_max = 270 }, 10000) <=
		    128);
	assert_int_equal(nlost, 0);
}

TEST(loss_makes_them_fewer_and_few_are_lost)
{
	assert_true(run((struct model){ .rtt_ms = 20, .queue_max = 300 }, 20000) <= 512);
	assert_true(nlost * 20 < answered); /* under 5 % */
	assert_true(answered > 100000);	    /* 20 s with 100 in flight */
}

TEST(lists_that_are_always_slow_are_not_loss)
{
	assert_true(run((struct model){ .rtt_ms = 2000 }, 20000) >= 512);
}

TEST(all_lost_goes_down_to_a_floor_and_never_to_none)
{
	struct window p;

	window_init(&p, 64, 2048, 0);
	for (int64_t now = 0; now < 600000; now += 100) /* every second one is late */
		for (size_t i = 0; i < p.window; i++)
			window_settled(&p, now - (i % 2 ? 1600 : 5), now);
	assert_int_equal(p.window, 16);
	window_init(&p, 64, 4, 0); /* 63 lists: few addresses together */
	assert_int_equal(p.window, 4);
}

TEST(a_window_that_was_never_full_does_not_grow)
{
	struct window p;

	window_init(&p, 64, 2048, 0);
	for (int64_t now = 0; now < 100000; now += 10)
		window_settled(&p, now - 50, now);
	assert_int_equal(p.window, 64);
}

/* SPDX-License-Identifier: MIT */
/*
 * window.h - how many questions to keep in flight, from the answers alone; pure
 *
 * A lost UDP question is not seen: dns.c asks again after 1.5 s, and the answer is merely slow. By
 * then a sender that only grows until it loses has filled every buffer many times over (2,000 in
 * flight on loopback overflow a socket's, and throughput falls to a seventh). So more are sent only
 * while that brings more: the number is doubled, and kept if the rate of answers rose by half,
 * else taken back, and tried again after a while. A path limited by its latency doubles its rate
 * with each step; a server at its limit does not, long before its buffer is full.
 *
 * Loss all the same halves the number: when over 2 % of the answers are as slow as a second try
 * while others are quick. If all are slow, that is how the lists are, not loss; and one answer in a
 * hundred is late on any network.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window {
	size_t window, max;	     /* to be kept in flight now; at most */
	size_t settled, slow, quick; /* in this round */
	size_t rate, rate_before; /* answers a second: of the last round; before the last step up */
	int64_t since_ms, quickest_ms; /* of this round */
	int64_t hold_until_ms;	       /* no step up before */
	size_t lost_at;		       /* number in flight when answers were lost: */
	int64_t lost_until_ms;	       /* not again before */
	int64_t halved_ms;	       /* questions from before it were lost before it */
	bool skip;		       /* this round still has answers from before a step */
	bool trying;		       /* the last step is on trial */
	bool was_full;		       /* the window was what kept more from being asked */
};

void window_init(struct window *window, size_t start, size_t max, int64_t now_ms);
/* in_flight questions are out, after one more was asked. */
void window_asked(struct window *window, size_t in_flight);
/* A question asked at asked_ms was answered, or given up. */
void window_settled(struct window *window, int64_t asked_ms, int64_t now_ms);

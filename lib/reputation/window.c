/* SPDX-License-Identifier: MIT */
#include "reputation/window.h"

#define WINDOW_MIN   16
#define ROUND_MS     100   /* shorter ones measure the machine's noise */
#define HOLD_MS	     2000  /* between steps up that were in vain */
#define REMEMBER_MS  30000 /* at which number answers were lost */
#define SLOW_MS	     1400  /* dns.c tries again after 1500 */
#define LOSS_PERCENT 2
#define QUICK_MS     3 /* half are answered so soon: the server is the limit, more would only queue */

static void begin_round(struct window *p, int64_t now_ms, bool skip)
{
	p->settled = p->slow = p->quick = 0;
	p->since_ms = now_ms;
	p->quickest_ms = INT64_MAX;
	p->skip = skip;
	p->was_full = false;
}

void window_init(struct window *p, size_t start, size_t max, int64_t now_ms)
{
	*p = (struct window){ .window = start < max ? start : max,
			      .max = max,
			      .halved_ms = INT64_MIN };
	begin_round(p, now_ms, true);
}

void window_asked(struct window *p, size_t in_flight)
{
	p->was_full |= in_flight >= p->window;
}

static bool has_loss(const struct window *p)
{
	return p->slow * 100 > p->settled * LOSS_PERCENT && p->quickest_ms < SLOW_MS / 4;
}

static void halve(struct window *p, int64_t now_ms)
{
	p->lost_at = p->window;
	p->lost_until_ms = now_ms + REMEMBER_MS;
	p->window = p->window / 2 > WINDOW_MIN ? p->window / 2 : WINDOW_MIN;
	p->window = p->window < p->max ? p->window : p->max;
	p->halved_ms = now_ms;
	p->hold_until_ms = now_ms + HOLD_MS;
	p->trying = false;
}

/* A step up is on trial for one round, once the answers from before it are in. Returns whether
 * the window has changed. */
static bool step(struct window *p, int64_t now_ms)
{
	if (p->trying && p->rate * 2 < p->rate_before * 3) {
		p->trying = false;
		p->window /= 2;
		p->hold_until_ms = now_ms + HOLD_MS;
		return true;
	}
	p->trying = false;
	if (!p->was_full || p->window * 2 > p->max || now_ms < p->hold_until_ms ||
	    p->quick * 2 >= p->settled ||
	    (now_ms < p->lost_until_ms && p->window * 2 >= p->lost_at))
		return false;
	p->rate_before = p->rate;
	p->trying = true;
	p->window *= 2;
	return true;
}

void window_settled(struct window *p, int64_t asked_ms, int64_t now_ms)
{
	int64_t took = now_ms - asked_ms;
	bool changed = false;

	p->settled++;
	p->quickest_ms = took < p->quickest_ms ? took : p->quickest_ms;
	p->quick += took <= QUICK_MS;
	p->slow += took >= SLOW_MS && asked_ms >= p->halved_ms;
	if (p->settled < p->window || now_ms - p->since_ms < ROUND_MS)
		return;
	p->rate = p->settled * 1000 / (size_t)(now_ms - p->since_ms);
	if (has_loss(p)) {
		halve(p, now_ms);
		changed = true;
	} else if (!p->skip) {
		changed = step(p, now_ms);
	}
	begin_round(p, now_ms, changed);
}

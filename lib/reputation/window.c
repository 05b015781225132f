/* SPDX-License-Identifier: MIT */
#include "reputation/window.h"
#include <sys/param.h>

#define WINDOW_MIN   16
#define ROUND_MS     100   /* shorter ones measure the machine's noise */
#define HOLD_MS	     2000  /* between steps up that were in vain */
#define REMEMBER_MS  30000 /* at which number answers were lost */
#define SLOW_MS	     1400  /* dns.c tries again after 1500 */
#define LOSS_PERCENT 2
#define QUICK_MS     3 /* if half are answered within this time, the server is the limit */

static void begin_round(struct window *window, int64_t now_ms, bool skip)
{
	window->settled = window->slow = window->quick = 0;
	window->since_ms = now_ms;
	window->quickest_ms = INT64_MAX;
	window->skip = skip;
	window->was_full = false;
}

void window_init(struct window *window, size_t start, size_t max, int64_t now_ms)
{
	*window = (struct window){ .window = MIN(start, max), .max = max, .halved_ms = INT64_MIN };
	begin_round(window, now_ms, true);
}

void window_asked(struct window *window, size_t in_flight)
{
	window->was_full |= in_flight >= window->window;
}

static bool has_loss(const struct window *window)
{
	return window->slow * 100 > window->settled * LOSS_PERCENT &&
	       window->quickest_ms < SLOW_MS / 4;
}

static void halve_window(struct window *window, int64_t now_ms)
{
	window->lost_at = window->window;
	window->lost_until_ms = now_ms + REMEMBER_MS;
	if (window->window / 2 > WINDOW_MIN)
		window->window = window->window / 2;
	else
		window->window = WINDOW_MIN;
	if (window->window > window->max)
		window->window = window->max;
	window->halved_ms = now_ms;
	window->hold_until_ms = now_ms + HOLD_MS;
	window->trying = false;
}

/* A step up is on trial for one round, once the answers from before it are in. Returns whether
 * the window has changed. */
static bool step_window(struct window *window, int64_t now_ms)
{
	if (window->trying && window->rate * 2 < window->rate_before * 3) {
		window->trying = false;
		window->window /= 2;
		window->hold_until_ms = now_ms + HOLD_MS;
		return true;
	}
	window->trying = false;
	if (!window->was_full || window->window * 2 > window->max ||
	    now_ms < window->hold_until_ms || window->quick * 2 >= window->settled ||
	    (now_ms < window->lost_until_ms && window->window * 2 >= window->lost_at))
		return false;
	window->rate_before = window->rate;
	window->trying = true;
	window->window *= 2;
	return true;
}

void window_settled(struct window *window, int64_t asked_ms, int64_t now_ms)
{
	int64_t took = now_ms - asked_ms;
	bool changed = false;

	window->settled++;
	if (took < window->quickest_ms)
		window->quickest_ms = took;
	window->quick += took <= QUICK_MS;
	window->slow += took >= SLOW_MS && asked_ms >= window->halved_ms;
	if (window->settled < window->window || now_ms - window->since_ms < ROUND_MS)
		return;
	window->rate = window->settled * 1000 / (size_t)(now_ms - window->since_ms);
	if (has_loss(window)) {
		halve_window(window, now_ms);
		changed = true;
	} else if (!window->skip) {
		changed = step_window(window, now_ms);
	}
	begin_round(window, now_ms, changed);
}

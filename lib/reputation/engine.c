/* SPDX-License-Identifier: MIT */
/*
 * A flight is a task under way. Answers arrive from net's turn() or from a source at once; a
 * flight whose questions are all answered goes on a ready list, which the loop works off: no
 * recursion, whatever the number of tasks.
 */
#include "reputation/engine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_TICK_MS 50

struct flight {
	struct task *task;
	int64_t started_ms, deadline_ms;
	size_t waiting;
	struct flight *next_ready;
	bool is_ready;
};
struct question {
	struct ask ask; /* first: ask_done() gets a pointer to it */
	struct flight *flight;
};
struct engine {
	struct engine_conf c;
	const struct net_ops *ops;
	struct net *net;
	int net_failed; /* error of loading or opening */
	struct err net_err;
	struct flight *ready, **ready_end;
	struct flight *waiting; /* for their turn: settled again at each tick */
	size_t nflights;
};

int engine_new(const struct engine_conf *c, struct engine **ret_engine)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return IPREP_E_NOMEM;
	e->c = *c;
	e->ready_end = &e->ready;
	*ret_engine = e;
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;
	if (e->net)
		e->ops->close(e->net);
	free(e);
	return NULL;
}

/* The module is opened when the first question is asked, and tried once. */
static int open_net(struct engine *e)
{
	struct net_conf nc = { .resolvers = e->c.conf->resolvers,
			       .ca_file = e->c.conf->ca_file,
			       .proxy = e->c.conf->proxy,
			       .user_agent = "iprep/" IPREP_VERSION,
			       .log = e->c.log ? *e->c.log : (struct log){ 0 },
			       .now_ms = clock_mono_ms };

	if (e->net || e->net_failed)
		return e->net_failed;
	e->ops = e->c.ops;
	if (!e->ops)
		e->net_failed = net_load(&e->ops, &e->net_err);
	if (!e->net_failed)
		e->net_failed = e->ops->open(&nc, &e->net, &e->net_err);
	return e->net_failed;
}

static void make_ready(struct engine *e, struct flight *f)
{
	if (f->is_ready)
		return;
	f->is_ready = true;
	f->next_ready = NULL;
	*e->ready_end = f;
	e->ready_end = &f->next_ready;
}

static void log_answer(const struct engine *e, const struct ask *a)
{
	static const char *const names[] = { "none",   "ok",	      "timeout", "error",
					     "denied", "quarantined", "skipped" };
	char text[ADDR_TEXT_MAX];

	if (log_wants(e->c.log, LOG_DEBUG))
		log_line(e->c.log, LOG_DEBUG, "%s: %s: %s%s%s", addr_text(&a->task->addr, text),
			 a->source->name, names[a->answer.status],
			 a->answer.listed ? ", listed" : "",
			 a->task->kind == TASK_LOOKUP ? "" : " (report)");
}

void ask_done(struct ask *a)
{
	struct question *q = (struct question *)(void *)a;
	struct flight *f = q->flight;
	struct engine *e = a->engine;

	log_answer(e, a);
	if (a->task->kind == TASK_LOOKUP || a->answer.status != FINDING_NONE)
		a->task->findings[a->row] = a->answer;
	if (--f->waiting == 0)
		make_ready(e, f);
	free(q);
}

static void answer_at_once(struct ask *a, enum finding_status status, const char *why)
{
	a->answer = (struct finding){ .status = a->task->kind == TASK_LOOKUP ? (uint8_t)status
									     : FINDING_NONE };
	snprintf(a->answer.detail, sizeof(a->answer.detail), "%.150s", why);
	a->task->outcome = OUT_LATER;
	a->task->not_accepted = true;
	snprintf(a->task->why, sizeof(a->task->why), "%.150s", why);
	ask_done(a);
}

/*
 * AbuseIPDB is asked after the lists: one silent list would eat all the time, and AbuseIPDB never
 * be heard again. So the lists get three fifths of it.
 */
static int64_t deadline_of(const struct engine *e, const struct flight *f, int row)
{
	const struct conf *conf = e->c.conf;
	int64_t early = f->started_ms + (f->deadline_ms - f->started_ms) * 3 / 5;

	if (conf->sources[row].costs || conf->abuseipdb < 0 || conf->check == CHECK_NEVER ||
	    clock_mono_ms() >= early)
		return f->deadline_ms;
	return early;
}

static void ask_one(struct engine *e, struct flight *f, int row, struct question *q)
{
	const struct conf_source *source = &e->c.conf->sources[row];
	const struct source_kind *kind = source_kind_of(source->type);

	q->flight = f;
	q->ask = (struct ask){ .conf = e->c.conf,
			       .source = source,
			       .ops = e->ops,
			       .net = e->net,
			       .clock = e->c.clock,
			       .log = e->c.log,
			       .secret = e->c.secret,
			       .asked_ms = clock_mono_ms(),
			       .deadline_ms = deadline_of(e, f, row),
			       .task = f->task,
			       .engine = e,
			       .row = row };
	if (e->c.health && source->type == SOURCE_DNSBL)
		q->ask.health = &e->c.health->rows[row];
	if (e->net_failed)
		answer_at_once(&q->ask, FINDING_ERROR, e->net_err.text);
	else if (clock_mono_ms() >= f->deadline_ms)
		answer_at_once(&q->ask, FINDING_TIMEOUT,
			       "timeout: the deadline was over before it was asked");
	else if (f->task->kind != TASK_LOOKUP && kind->send)
		kind->send(&q->ask);
	else if (f->task->kind == TASK_LOOKUP)
		kind->ask(&q->ask);
	else
		answer_at_once(&q->ask, FINDING_ERROR, "takes no reports");
}

/* One question more than asked keeps the flight from settling in the middle of the loop. */
static int ask_all(struct engine *e, struct flight *f, source_set ask)
{
	int r = 0;

	open_net(e);
	f->task->asked |= ask;
	f->waiting = 1;
	for (int row = 0; row < (int)e->c.conf->nsources; row++) {
		struct question *q;

		if (!(ask & SOURCE_BIT(row)))
			continue;
		q = calloc(1, sizeof(*q));
		if (!q) {
			f->task->findings[row] = (struct finding){ .status = FINDING_ERROR };
			r = IPREP_E_NOMEM;
			continue;
		}
		f->waiting++;
		ask_one(e, f, row, q);
	}
	if (--f->waiting == 0)
		make_ready(e, f);
	return r;
}

static int start(struct engine *e, const struct feed *feed, struct task *t)
{
	struct flight *f = calloc(1, sizeof(*f));

	if (!f) {
		feed->settled(feed->user, t);
		return IPREP_E_NOMEM;
	}
	f->task = t;
	f->started_ms = clock_mono_ms();
	f->deadline_ms = f->started_ms + (t->patience_ms ? t->patience_ms : feed->task_ms);
	if (feed->deadline_ms && feed->deadline_ms < f->deadline_ms)
		f->deadline_ms = feed->deadline_ms;
	e->nflights++;
	if (t->ask)
		return ask_all(e, f, t->ask);
	make_ready(e, f);
	return 0;
}

static int settle_ready(struct engine *e, const struct feed *feed)
{
	int r = 0;

	while (e->ready) {
		struct flight *f = e->ready;
		source_set more;

		e->ready = f->next_ready;
		if (!e->ready)
			e->ready_end = &e->ready;
		f->is_ready = false;
		f->task->late = clock_mono_ms() >= f->deadline_ms;
		more = feed->settled(feed->user, f->task);
		if (more == SOURCE_WAIT) {
			f->next_ready = e->waiting;
			e->waiting = f;
			continue;
		}
		if (more) {
			int n = ask_all(e, f, more);

			r = r ? r : n;
			continue;
		}
		free(f);
		e->nflights--;
	}
	return r;
}

/* Fill the window. Returns the feed's last word; *ret_wait_ms with FEED_LATER. */
static enum feed_state fill(struct engine *e, const struct feed *feed, int *ret_wait_ms, int *r)
{
	enum feed_state state = FEED_TASK;

	while (e->nflights < feed->window_max && !e->ready) {
		struct task *t;
		int n;

		state = feed->next(feed->user, &t, ret_wait_ms);
		if (state != FEED_TASK)
			break;
		n = start(e, feed, t);
		*r = *r ? *r : n;
	}
	return state;
}

static void wait_for_net(struct engine *e, int64_t until_ms)
{
	struct timespec pause;
	int64_t ms = until_ms - clock_mono_ms();

	if (e->net) {
		e->ops->turn(e->net, until_ms);
		return;
	}
	if (ms <= 0)
		return;
	pause = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	nanosleep(&pause, NULL);
}

static void settle_again(struct engine *e)
{
	struct flight *f = e->waiting;

	e->waiting = NULL;
	while (f) {
		struct flight *next = f->next_ready;

		make_ready(e, f);
		f = next;
	}
}

int engine_run(struct engine *e, const struct feed *feed, struct err *err)
{
	int r = 0;

	for (;;) {
		int wait_ms = 60000;
		enum feed_state state = fill(e, feed, &wait_ms, &r);

		if (e->ready) {
			int n = settle_ready(e, feed);

			r = r ? r : n;
			continue;
		}
		if (state == FEED_END && !e->nflights)
			break;
		if (e->waiting && (state != FEED_LATER || wait_ms > WAIT_TICK_MS)) {
			state = FEED_LATER;
			wait_ms = WAIT_TICK_MS;
		}
		wait_for_net(e, clock_mono_ms() + (state == FEED_LATER ? wait_ms : 60000));
		settle_again(e);
	}
	if (e->net_failed)
		return err_set(err, e->net_failed, "%s", e->net_err.text);
	return r ? err_set(err, r, "out of memory") : 0;
}

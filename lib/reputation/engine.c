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
	struct engine *engine;
	struct task *task;
	int64_t started_ms, deadline_ms;
	size_t waiting;
	struct flight *next_ready;
	bool is_ready;
};
struct engine {
	struct engine_conf engine_conf;
	const struct net_ops *ops;
	struct net *net;
	int net_failed; /* error of loading or opening */
	struct err net_err;
	struct flight *ready, **ready_end;
	struct flight *waiting; /* for their turn: settled again at each tick */
	size_t nflights;
};

int engine_new(const struct engine_conf *engine_conf, struct engine **ret_engine)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return IPREP_E_NOMEM;
	engine->engine_conf = *engine_conf;
	engine->ready_end = &engine->ready;
	*ret_engine = engine;
	return 0;
}

struct engine *engine_free(struct engine *engine)
{
	if (!engine)
		return NULL;
	if (engine->net)
		engine->ops->close(engine->net);
	free(engine);
	return NULL;
}

/* The module is opened when the first question is asked, and tried once. */
static int open_net(struct engine *engine)
{
	struct net_conf nc = { .resolvers = engine->engine_conf.conf->resolvers,
			       .nresolvers = engine->engine_conf.conf->nresolvers,
			       .ca_file = engine->engine_conf.conf->ca_file,
			       .proxy = engine->engine_conf.conf->proxy,
			       .user_agent = "iprep/" IPREP_VERSION,
			       .log = engine->engine_conf.log ? *engine->engine_conf.log
							      : (struct log){ 0 },
			       .now_ms = clock_mono_ms };

	if (engine->net || engine->net_failed)
		return engine->net_failed;
	engine->ops = engine->engine_conf.ops;
	if (!engine->ops)
		engine->net_failed = net_load(&engine->ops, &engine->net_err);
	if (!engine->net_failed)
		engine->net_failed = engine->ops->open(&nc, &engine->net, &engine->net_err);
	return engine->net_failed;
}

static void make_ready(struct engine *engine, struct flight *flight)
{
	if (flight->is_ready)
		return;
	flight->is_ready = true;
	flight->next_ready = NULL;
	*engine->ready_end = flight;
	engine->ready_end = &flight->next_ready;
}

static void log_answer(const struct engine *engine, const struct ask *ask)
{
	static const char *const names[] = { "none",   "ok",	      "timeout", "error",
					     "denied", "quarantined", "skipped" };
	char text[ADDR_TEXT_MAX];

	if (log_wants(engine->engine_conf.log, LOG_DEBUG))
		log_line(engine->engine_conf.log, LOG_DEBUG, "%s: %s: %s%s%s",
			 addr_text(&ask->task->addr, text), ask->source->name,
			 names[ask->answer.status], ask->answer.listed ? ", listed" : "",
			 ask->task->kind == TASK_LOOKUP ? "" : " (report)");
}

/* Every ask's done(). */
static void engine_answered(struct ask *ask)
{
	struct flight *flight = ask->owner;
	struct engine *engine = flight->engine;

	log_answer(engine, ask);
	if (ask->task->kind == TASK_LOOKUP || ask->answer.status != FINDING_NONE)
		ask->task->findings[ask->row] = ask->answer;
	if (--flight->waiting == 0)
		make_ready(engine, flight);
	free(ask);
}

static void answer_at_once(struct ask *ask, enum finding_status status, const char *why)
{
	ask->answer = (struct finding){ .status = ask->task->kind == TASK_LOOKUP ? (uint8_t)status
										 : FINDING_NONE };
	snprintf(ask->answer.detail, sizeof(ask->answer.detail), "%.150s", why);
	ask->task->outcome = OUT_LATER;
	ask->task->not_accepted = true;
	snprintf(ask->task->why, sizeof(ask->task->why), "%.150s", why);
	ask->done(ask);
}

/*
 * AbuseIPDB is asked after the lists: one silent list would eat all the time, and AbuseIPDB never
 * be heard again. So the lists get three fifths of it.
 */
static int64_t deadline_of(const struct engine *engine, const struct flight *flight, int row)
{
	const struct conf *conf = engine->engine_conf.conf;
	int64_t early = flight->started_ms + (flight->deadline_ms - flight->started_ms) * 3 / 5;

	if (conf->sources[row].costs || conf->abuseipdb < 0 || conf->check == CHECK_NEVER ||
	    clock_mono_ms() >= early)
		return flight->deadline_ms;
	return early;
}

static void ask_one(struct engine *engine, struct flight *flight, int row, struct ask *ask)
{
	const struct conf_source *source = &engine->engine_conf.conf->sources[row];
	const struct source_kind *kind = source_kind_of(source->type);

	*ask = (struct ask){ .conf = engine->engine_conf.conf,
			     .source = source,
			     .ops = engine->ops,
			     .net = engine->net,
			     .clock = engine->engine_conf.clock,
			     .log = engine->engine_conf.log,
			     .secret = engine->engine_conf.secret,
			     .asked_ms = clock_mono_ms(),
			     .deadline_ms = deadline_of(engine, flight, row),
			     .task = flight->task,
			     .row = row,
			     .done = engine_answered,
			     .owner = flight };
	if (engine->engine_conf.health && source->type == SOURCE_DNSBL)
		ask->health = &engine->engine_conf.health->rows[row];
	if (engine->net_failed)
		answer_at_once(ask, FINDING_ERROR, engine->net_err.text);
	else if (clock_mono_ms() >= flight->deadline_ms)
		answer_at_once(ask, FINDING_TIMEOUT,
			       "timeout: the deadline was over before it was asked");
	else if (flight->task->kind != TASK_LOOKUP && kind->send)
		kind->send(ask);
	else if (flight->task->kind == TASK_LOOKUP)
		kind->ask(ask);
	else
		answer_at_once(ask, FINDING_ERROR, "takes no reports");
}

/* One question more than asked keeps the flight from settling in the middle of the loop. */
static int ask_all(struct engine *engine, struct flight *flight, source_set ask)
{
	int rc = 0;

	open_net(engine);
	flight->task->asked |= ask;
	flight->waiting = 1;
	for (int row = 0; row < (int)engine->engine_conf.conf->nsources; row++) {
		struct ask *question;

		if (!(ask & SOURCE_BIT(row)))
			continue;
		question = calloc(1, sizeof(*question));
		if (!question) {
			flight->task->findings[row] = (struct finding){ .status = FINDING_ERROR };
			rc = IPREP_E_NOMEM;
			continue;
		}
		flight->waiting++;
		ask_one(engine, flight, row, question);
	}
	if (--flight->waiting == 0)
		make_ready(engine, flight);
	return rc;
}

static int start(struct engine *engine, const struct feed *feed, struct task *task)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (!flight) {
		feed->settled(feed->user, task);
		return IPREP_E_NOMEM;
	}
	flight->engine = engine;
	flight->task = task;
	flight->started_ms = clock_mono_ms();
	flight->deadline_ms = flight->started_ms +
			      (task->patience_ms ? task->patience_ms : feed->task_ms);
	if (feed->deadline_ms && feed->deadline_ms < flight->deadline_ms)
		flight->deadline_ms = feed->deadline_ms;
	engine->nflights++;
	if (task->ask)
		return ask_all(engine, flight, task->ask);
	make_ready(engine, flight);
	return 0;
}

static int settle_ready(struct engine *engine, const struct feed *feed)
{
	int rc = 0;

	while (engine->ready) {
		struct flight *flight = engine->ready;
		source_set more;

		engine->ready = flight->next_ready;
		if (!engine->ready)
			engine->ready_end = &engine->ready;
		flight->is_ready = false;
		flight->task->late = clock_mono_ms() >= flight->deadline_ms;
		more = feed->settled(feed->user, flight->task);
		if (more == SOURCE_WAIT) {
			flight->next_ready = engine->waiting;
			engine->waiting = flight;
			continue;
		}
		if (more) {
			int count = ask_all(engine, flight, more);

			rc = rc ? rc : count;
			continue;
		}
		free(flight);
		engine->nflights--;
	}
	return rc;
}

/* Fill the window. Returns the feed's last word; *ret_wait_ms with FEED_LATER. */
static enum feed_state fill(struct engine *engine, const struct feed *feed, int *ret_wait_ms,
			    int *rc)
{
	enum feed_state state = FEED_TASK;

	while (engine->nflights < feed->window_max && !engine->ready) {
		struct task *task;
		int count;

		state = feed->next(feed->user, &task, ret_wait_ms);
		if (state != FEED_TASK)
			break;
		count = start(engine, feed, task);
		*rc = *rc ? *rc : count;
	}
	return state;
}

static void wait_for_net(struct engine *engine, int64_t until_ms)
{
	struct timespec pause;
	int64_t ms = until_ms - clock_mono_ms();

	if (engine->net) {
		engine->ops->turn(engine->net, until_ms);
		return;
	}
	if (ms <= 0)
		return;
	pause = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	nanosleep(&pause, NULL);
}

static void settle_again(struct engine *engine)
{
	struct flight *flight = engine->waiting;

	engine->waiting = NULL;
	while (flight) {
		struct flight *next = flight->next_ready;

		make_ready(engine, flight);
		flight = next;
	}
}

int engine_run(struct engine *engine, const struct feed *feed, struct err *err)
{
	int rc = 0;

	for (;;) {
		int wait_ms = 60000;
		enum feed_state state = fill(engine, feed, &wait_ms, &rc);

		if (engine->ready) {
			int count = settle_ready(engine, feed);

			rc = rc ? rc : count;
			continue;
		}
		if (state == FEED_END && !engine->nflights)
			break;
		if (engine->waiting && (state != FEED_LATER || wait_ms > WAIT_TICK_MS)) {
			state = FEED_LATER;
			wait_ms = WAIT_TICK_MS;
		}
		wait_for_net(engine, clock_mono_ms() + (state == FEED_LATER ? wait_ms : 60000));
		settle_again(engine);
	}
	if (engine->net_failed)
		return err_set(err, engine->net_failed, "%s", engine->net_err.text);
	return rc ? err_set(err, rc, "out of memory") : 0;
}

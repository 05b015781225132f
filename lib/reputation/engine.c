/* SPDX-License-Identifier: MIT */
/*
 * Answers arrive from net's turn() or directly from a source; a task whose questions are all
 * answered goes on a ready list, which the loop works off: no recursion, however many tasks there
 * are.
 */
#include "reputation/engine.h"
#include "source/allow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <time.h>

#define WAIT_TICK_MS 50
#define IDLE_MS	     60000 /* nothing but answers to wait for */

struct in_flight { /* a task */
	struct engine *engine;
	struct task *task;
	int64_t started_ms, deadline_ms;
	size_t unanswered; /* questions */
	bool is_ready;
	struct in_flight *next_ready; /* on the ready list, or of those that wait for their turn */
	struct in_flight *next, **link; /* of all */
};
struct engine {
	const struct session *session;
	const struct net_ops *ops;
	struct net *net;
	struct err net_failure; /* of loading or opening; code 0: none */
	bool out_of_memory;
	struct in_flight *ready, **ready_end;
	struct in_flight *waiting; /* for their turn: settled again at each tick */
	struct in_flight *first;
	size_t count;
};

/* ---- what is in flight ---- */

size_t engine_in_flight(const struct engine *engine)
{
	if (engine)
		return engine->count;
	return 0;
}

size_t engine_in_flight_of(const struct engine *engine, enum task_kind kind)
{
	size_t count = 0;

	if (!engine)
		return 0;
	for (const struct in_flight *item = engine->first; item; item = item->next)
		count += item->task->kind == kind;
	return count;
}

bool engine_has_key(const struct engine *engine, const struct addr *key)
{
	if (!engine)
		return false;
	for (const struct in_flight *item = engine->first; item; item = item->next)
		if (addr_equal(&item->task->key, key))
			return true;
	return false;
}

static void add_in_flight(struct engine *engine, struct in_flight *item)
{
	item->next = engine->first;
	item->link = &engine->first;
	if (item->next)
		item->next->link = &item->next;
	engine->first = item;
	engine->count++;
}

static void remove_in_flight(struct engine *engine, struct in_flight *item)
{
	*item->link = item->next;
	if (item->next)
		item->next->link = item->link;
	engine->count--;
	free(item);
}

static void make_ready(struct engine *engine, struct in_flight *item)
{
	if (item->is_ready)
		return;
	item->is_ready = true;
	item->next_ready = NULL;
	*engine->ready_end = item;
	engine->ready_end = &item->next_ready;
}

/* ---- questions ---- */

/* The module is opened when the first question is asked, and tried once. */
static void open_net(struct engine *engine)
{
	const struct session *session = engine->session;
	struct net_conf nc = { .resolvers = session->conf->resolvers,
			       .nresolvers = session->conf->nresolvers,
			       .ca_file = session->conf->ca_file,
			       .proxy = session->conf->proxy,
			       .user_agent = "iprep/" IPREP_VERSION,
			       .now_ms = clock_mono_ms };

	if (engine->net || engine->net_failure.code)
		return;
	if (session->log)
		nc.log = *session->log;
	engine->ops = session->ops;
	if (!engine->ops && net_load(&engine->ops, &engine->net_failure))
		return;
	engine->net_failure.code = engine->ops->open(&nc, &engine->net, &engine->net_failure);
}

static void log_answer(const struct engine *engine, const struct ask *ask)
{
	static const char *const names[] = { "none",   "ok",	      "timeout", "error",
					     "denied", "quarantined", "skipped" };
	char text[ADDR_TEXT_MAX];

	if (log_wants(engine->session->log, LOG_DEBUG))
		log_line(engine->session->log, LOG_DEBUG, "%s: %s: %s%s%s",
			 addr_text(&ask->task->addr, text), ask->source->name,
			 names[ask->answer.status], ask->answer.listed ? ", listed" : "",
			 ask->task->kind == TASK_LOOKUP ? "" : " (report)");
}

/* Every ask's done(). */
static void engine_answered(struct ask *ask)
{
	struct in_flight *item = ask->owner;
	struct engine *engine = item->engine;

	int64_t waited_ms = clock_mono_ms() - ask->asked_ms;

	log_answer(engine, ask);
	ask->answer.waited_ms = (int)MAX(1, MIN(waited_ms, INT32_MAX));
	if (ask->task->kind == TASK_LOOKUP || ask->answer.status != FINDING_NONE)
		ask->task->findings[ask->row] = ask->answer;
	if (--item->unanswered == 0)
		make_ready(engine, item);
	free(ask);
}

static void answer_at_once(struct ask *ask, enum finding_status status, const char *why)
{
	ask->answer = (struct finding){ .status = FINDING_NONE };
	if (ask->task->kind == TASK_LOOKUP)
		ask->answer.status = (uint8_t)status;
	snprintf(ask->answer.detail, sizeof(ask->answer.detail), "%.150s", why);
	ask->task->outcome = OUT_LATER;
	ask->task->not_accepted = true;
	snprintf(ask->task->why, sizeof(ask->task->why), "%.150s", why);
	ask->done(ask);
}

/*
 * AbuseIPDB is asked after the lists: one silent list would use up all the time, and AbuseIPDB
 * would never be heard again. So the lists get three fifths of it. What has to be confirmed over
 * TCP is all that is missing, and gets the rest.
 */
static int64_t deadline_of(const struct in_flight *item, int row, int64_t now_ms)
{
	const struct conf *conf = item->engine->session->conf;
	int64_t early = item->started_ms + (item->deadline_ms - item->started_ms) * 3 / 5;

	if (item->task->kind != TASK_LOOKUP || conf->sources[row].costs ||
	    item->task->tcp & SOURCE_BIT(row) || conf->abuseipdb < 0 ||
	    conf->check == CHECK_NEVER || now_ms >= early)
		return item->deadline_ms;
	return early;
}

static void ask_one(struct in_flight *item, int row, struct ask *ask)
{
	const struct engine *engine = item->engine;
	const struct session *session = engine->session;
	const struct conf_source *source = &session->conf->sources[row];
	const struct source_kind *kind = source_kind_of(source->type);
	int64_t now_ms = clock_mono_ms();

	*ask = (struct ask){ .conf = session->conf,
			     .source = source,
			     .ops = engine->ops,
			     .net = engine->net,
			     .clock = session->clock,
			     .log = session->log,
			     .secret = session->secret,
			     .asked_ms = now_ms,
			     .deadline_ms = deadline_of(item, row, now_ms),
			     .task = item->task,
			     .row = row,
			     .done = engine_answered,
			     .owner = item };
	if (session->health && source->type == SOURCE_DNSBL)
		ask->health = &session->health->rows[row];
	if (engine->net_failure.code)
		answer_at_once(ask, FINDING_ERROR, engine->net_failure.text);
	else if (now_ms >= item->deadline_ms)
		answer_at_once(ask, FINDING_TIMEOUT,
			       "timeout: the deadline was over before it was asked");
	else if (item->task->kind != TASK_LOOKUP && kind->send)
		kind->send(ask);
	else if (item->task->kind == TASK_LOOKUP && kind->ask)
		kind->ask(ask);
	else if (item->task->kind == TASK_LOOKUP)
		answer_at_once(ask, FINDING_SKIPPED, "not asked for a lookup");
	else
		answer_at_once(ask, FINDING_ERROR, "takes no reports");
}

/* One question more than asked keeps the task from settling in the middle of the loop. */
static void ask_all(struct engine *engine, struct in_flight *item, source_set sources)
{
	open_net(engine);
	item->task->asked |= sources;
	item->unanswered = 1;
	for (int row = 0; row < (int)engine->session->conf->nsources; row++) {
		struct ask *ask;

		if (!(sources & SOURCE_BIT(row)))
			continue;
		ask = malloc(sizeof(*ask));
		if (!ask) {
			item->task->findings[row] = (struct finding){ .status = FINDING_ERROR };
			engine->out_of_memory = true;
			continue;
		}
		item->unanswered++;
		ask_one(item, row, ask);
	}
	if (--item->unanswered == 0)
		make_ready(engine, item);
}

/* ---- names of [allow] ---- */

static void engine_resolved(struct allow_query *query)
{
	struct in_flight *item = query->owner;

	item->unanswered = 0;
	make_ready(item->engine, item);
}

static void resolve_name(struct engine *engine, struct in_flight *item)
{
	struct allow_query *query = item->task->query;

	open_net(engine);
	query->ops = engine->ops;
	query->net = engine->net;
	query->deadline_ms = item->deadline_ms;
	query->done = engine_resolved;
	query->owner = item;
	item->unanswered = 1;
	if (!engine->net_failure.code) {
		allow_resolve(query);
		return;
	}
	snprintf(query->why, sizeof(query->why), "%.150s", engine->net_failure.text);
	engine_resolved(query);
}

/* ---- programs for the fleet ---- */

#define RUN_MS 20000 /* of one program; the runner itself ends it after 10 s */

static void engine_ran(void *user, const struct run_answer *answer)
{
	struct in_flight *item = user;
	struct fleet_call *call = item->task->call;

	free(call->output);
	call->output = malloc(answer->len + 1);
	call->answer = *answer;
	call->answer.output = call->output;
	if (!call->output)
		call->answer.len = 0;
	else
		memcpy(call->output, answer->output, answer->len);
	item->unanswered = 0;
	make_ready(item->engine, item);
}

static bool engine_ran_piece(void *user, const char *bytes, size_t len)
{
	struct fleet_call *call = ((struct in_flight *)user)->task->call;

	return call->take(call->user, bytes, len);
}

static void run_program(struct engine *engine, struct in_flight *item)
{
	struct run_answer none = { .status = NET_BROKEN, .output = "" };
	struct fleet_call *call = item->task->call;
	int64_t deadline_ms = clock_mono_ms() + (call->max_ms ? call->max_ms : RUN_MS);

	open_net(engine);
	item->unanswered = 1;
	call->request.take = call->take ? engine_ran_piece : NULL;
	if (!engine->net_failure.code) {
		engine->ops->run(engine->net, engine->session->runner_fd, &call->request,
				 MIN(item->deadline_ms, deadline_ms), engine_ran, item);
		return;
	}
	snprintf(none.why, sizeof(none.why), "%.90s", engine->net_failure.text);
	engine_ran(item, &none);
}

/* ---- the loop ---- */

static void start_task(struct engine *engine, const struct task_supply *supply, struct task *task)
{
	struct in_flight *item = calloc(1, sizeof(*item));

	if (!item) { /* it settles as if all had been asked and none had answered */
		engine->out_of_memory = true;
		task->asked = ~(source_set)0;
		task->late = true;
		while (supply->settled(supply->user, task))
			;
		return;
	}
	item->engine = engine;
	item->task = task;
	item->started_ms = clock_mono_ms();
	item->deadline_ms = item->started_ms;
	item->deadline_ms += task->patience_ms ? task->patience_ms : supply->task_ms;
	if (supply->deadline_ms && supply->deadline_ms < item->deadline_ms)
		item->deadline_ms = supply->deadline_ms;
	add_in_flight(engine, item);
	if (task->kind == TASK_RESOLVE)
		resolve_name(engine, item);
	else if (task->kind == TASK_FLEET)
		run_program(engine, item);
	else if (task->ask)
		ask_all(engine, item, task->ask);
	else
		make_ready(engine, item);
}

static void settle_ready(struct engine *engine, const struct task_supply *supply)
{
	while (engine->ready) {
		struct in_flight *item = engine->ready;
		source_set more;

		engine->ready = item->next_ready;
		if (!engine->ready)
			engine->ready_end = &engine->ready;
		item->is_ready = false;
		item->task->late = clock_mono_ms() >= item->deadline_ms;
		more = supply->settled(supply->user, item->task);
		if (more == SOURCE_WAIT) {
			item->next_ready = engine->waiting;
			engine->waiting = item;
		} else if (more && item->task->kind == TASK_FLEET) {
			run_program(engine, item);
		} else if (more) {
			ask_all(engine, item, more);
		} else {
			remove_in_flight(engine, item);
		}
	}
}

/* Returns the supply's last word; *ret_wait_ms with SUPPLY_LATER. */
static enum supply_state fill_window(struct engine *engine, const struct task_supply *supply,
				     int *ret_wait_ms)
{
	enum supply_state state = SUPPLY_TASK;

	while (engine->count < supply->window_max && !engine->ready) {
		struct task *task;

		state = supply->next(supply->user, &task, ret_wait_ms);
		if (state != SUPPLY_TASK)
			break;
		start_task(engine, supply, task);
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
	struct in_flight *item = engine->waiting;

	engine->waiting = NULL;
	while (item) {
		struct in_flight *next = item->next_ready;

		make_ready(engine, item);
		item = next;
	}
}

static void run_loop(struct engine *engine, const struct task_supply *supply)
{
	for (;;) {
		int wait_ms = IDLE_MS;
		enum supply_state state = fill_window(engine, supply, &wait_ms);

		if (engine->ready) {
			settle_ready(engine, supply);
			continue;
		}
		if (state == SUPPLY_END && !engine->count)
			return;
		if (state != SUPPLY_LATER)
			wait_ms = IDLE_MS;
		if (engine->waiting && wait_ms > WAIT_TICK_MS)
			wait_ms = WAIT_TICK_MS;
		wait_for_net(engine, clock_mono_ms() + wait_ms);
		settle_again(engine);
	}
}

int engine_run(const struct session *session, struct task_supply *supply)
{
	struct engine engine = { .session = session };

	engine.ready_end = &engine.ready;
	supply->engine = &engine;
	run_loop(&engine, supply);
	supply->engine = NULL;
	if (engine.net)
		engine.ops->close(engine.net);
	if (engine.net_failure.code)
		return err_set(session->err, engine.net_failure.code, "%s",
			       engine.net_failure.text);
	if (engine.out_of_memory)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	return 0;
}

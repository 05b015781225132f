/* SPDX-License-Identifier: MIT */
/* check.c - lookups for people: a few addresses, now */
#include "api/iprep_private.h"
#include "reputation/lookup.h"
#include "api/result.h"
#include <stdlib.h>

struct asking {
	struct iprep_ctx *ctx;
	struct session session;
	const char *const *addresses;
	size_t n, started, answered;
	struct lookup **lookups; /* NULL: not an address */
	bool *done;
	unsigned flags;
	int r;
	void (*answer)(void *user, const char *address, int err, const struct iprep_result *result);
	void *user;
};

/* Answers leave in the order of the questions. */
static void answer_ready(struct asking *q)
{
	while (q->answered < q->n && q->done[q->answered]) {
		size_t i = q->answered++;
		struct iprep_result *res = NULL;

		if (q->lookups[i])
			res = result_new(&q->session, q->lookups[i]);
		if (q->lookups[i] && !res)
			q->r = err_set(&q->ctx->err, IPREP_E_NOMEM, "out of memory");
		q->answer(q->user, q->addresses[i], res ? 0 : IPREP_E_ADDR, res);
		free(res);
		q->lookups[i] = lookup_free(q->lookups[i]);
	}
}

static enum feed_state asking_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct asking *q = user;
	unsigned flags = (q->flags & IPREP_CACHED ? LOOKUP_CACHED : 0) |
			 (q->flags & IPREP_FRESH ? LOOKUP_FRESH : 0);
	struct addr a;

	*ret_wait_ms = 0;
	while (q->started < q->n && !q->r) {
		size_t i = q->started++;

		if (!addr_parse(q->addresses[i], &a)) {
			q->done[i] = true;
			answer_ready(q);
			continue;
		}
		q->r = lookup_new(&q->session, &a, BY_HAND, flags, &q->lookups[i], &q->ctx->err);
		if (q->r)
			break;
		q->lookups[i]->task.id = (int64_t)i;
		*ret = &q->lookups[i]->task;
		return FEED_TASK;
	}
	return FEED_END;
}

static source_set asking_settled(void *user, struct task *t)
{
	struct asking *q = user;
	struct lookup *l = t->owner;
	source_set more = lookup_settled(&q->session, l);
	int r = 0;

	if (more)
		return more;
	if (q->session.store && l->verdict.kind != V_EXEMPT && l->task.asked) {
		r = store_begin(q->session.store, STORE_FAST);
		if (!r)
			r = store_end(q->session.store,
				      store_findings_put(q->session.store, q->session.conf, &l->key,
							 l->findings));
	}
	if (r)
		log_line(&q->ctx->log, LOG_NOTICE, "%s; the answer is right but not cached",
			 store_err(q->session.store)->text);
	q->done[t->id] = true;
	answer_ready(q);
	return 0;
}

static int run_asking(struct asking *q, int timeout_ms)
{
	struct engine_conf ec = { .conf = q->session.conf,
				  .clock = q->session.clock,
				  .log = q->session.log,
				  .secret = q->session.secret,
				  .health = q->session.health };
	struct feed feed = { .user = q,
			     .window_max = 256,
			     .task_ms = timeout_ms,
			     .next = asking_next,
			     .settled = asking_settled };
	struct engine *engine = NULL;
	int r = engine_new(&ec, &engine);

	if (r)
		return err_set(&q->ctx->err, r, "out of memory");
	r = engine_run(engine, &feed, &q->ctx->err);
	engine_free(engine);
	return q->r ? q->r : r;
}

int iprep_check(struct iprep_ctx *ctx, const char *const *addresses, size_t naddresses,
		unsigned flags, int timeout_ms,
		void (*answer)(void *user, const char *address, int err,
			       const struct iprep_result *result),
		void *user)
{
	struct asking q = { .ctx = ctx,
			    .addresses = addresses,
			    .n = naddresses,
			    .flags = flags,
			    .answer = answer,
			    .user = user };
	int r = ctx_read_key(ctx);

	if (r)
		return r;
	if (!conf_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points is configured; "
			       "enable a [dnsbl] or give AbuseIPDB a key");
	if (!(flags & IPREP_NO_STATE) && (r = ctx_open_store(ctx, STORE_WORK)))
		return r;
	q.session = ctx_env(ctx);
	if (flags & IPREP_NO_STATE)
		q.session.store = NULL;
	q.lookups = calloc(naddresses + 1, sizeof(*q.lookups));
	q.done = calloc(naddresses + 1, sizeof(*q.done));
	r = q.lookups && q.done
		    ? run_asking(&q, timeout_ms > 0 ? timeout_ms : ctx->conf->timeout_ms)
		    : err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; q.lookups && i < naddresses; i++)
		lookup_free(q.lookups[i]);
	free(q.lookups);
	free(q.done);
	return r;
}

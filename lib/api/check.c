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
	size_t count, started, answered;
	struct lookup **lookups; /* NULL: not an address */
	bool *done;
	unsigned flags;
	int rc;
	void (*answer)(void *user, const char *address, int err, const struct iprep_result *result);
	void *user;
};

/* Answers leave in the order of the questions. */
static void answer_ready(struct asking *asking)
{
	while (asking->answered < asking->count && asking->done[asking->answered]) {
		size_t i = asking->answered++;
		struct iprep_result *res = NULL;

		if (asking->lookups[i])
			res = result_new(&asking->session, asking->lookups[i]);
		if (asking->lookups[i] && !res)
			asking->rc = err_set(&asking->ctx->err, IPREP_E_NOMEM, "out of memory");
		asking->answer(asking->user, asking->addresses[i], res ? 0 : IPREP_E_ADDR, res);
		free(res);
		asking->lookups[i] = lookup_free(asking->lookups[i]);
	}
}

static enum feed_state asking_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct asking *asking = user;
	unsigned flags = (asking->flags & IPREP_CACHED ? LOOKUP_CACHED : 0) |
			 (asking->flags & IPREP_FRESH ? LOOKUP_FRESH : 0);
	struct addr addr;

	*ret_wait_ms = 0;
	while (asking->started < asking->count && !asking->rc) {
		size_t i = asking->started++;

		if (!addr_parse(asking->addresses[i], &addr)) {
			asking->done[i] = true;
			answer_ready(asking);
			continue;
		}
		asking->rc = lookup_new(&asking->session, &addr, BY_HAND, flags,
					&asking->lookups[i], &asking->ctx->err);
		if (asking->rc)
			break;
		asking->lookups[i]->task.id = (int64_t)i;
		*ret = &asking->lookups[i]->task;
		return FEED_TASK;
	}
	return FEED_END;
}

static source_set asking_settled(void *user, struct task *task)
{
	struct asking *asking = user;
	struct lookup *lookup = task->owner;
	source_set more = lookup_settled(&asking->session, lookup);
	int rc = 0;

	if (more)
		return more;
	if (asking->session.store && lookup->verdict.kind != V_EXEMPT && lookup->task.asked) {
		rc = store_begin(asking->session.store, STORE_FAST);
		if (!rc)
			rc = store_end(asking->session.store,
				       store_findings_put(asking->session.store,
							  asking->session.conf, &lookup->key,
							  lookup->findings));
	}
	if (rc)
		log_line(&asking->ctx->log, LOG_NOTICE, "%s; the answer is right but not cached",
			 asking->ctx->err.text);
	asking->done[task->id] = true;
	answer_ready(asking);
	return 0;
}

static int run_asking(struct asking *asking, int timeout_ms)
{
	struct engine_conf ec = { .conf = asking->session.conf,
				  .clock = asking->session.clock,
				  .log = asking->session.log,
				  .secret = asking->session.secret,
				  .health = asking->session.health };
	struct feed feed = { .user = asking,
			     .window_max = 256,
			     .task_ms = timeout_ms,
			     .next = asking_next,
			     .settled = asking_settled };
	struct engine *engine = NULL;
	int rc = engine_new(&ec, &engine);

	if (rc)
		return err_set(&asking->ctx->err, rc, "out of memory");
	rc = engine_run(engine, &feed, &asking->ctx->err);
	engine_free(engine);
	return asking->rc ? asking->rc : rc;
}

int iprep_check(struct iprep_ctx *ctx, const char *const *addresses, size_t naddresses,
		unsigned flags, int timeout_ms,
		void (*answer)(void *user, const char *address, int err,
			       const struct iprep_result *result),
		void *user)
{
	struct asking asking = { .ctx = ctx,
				 .addresses = addresses,
				 .count = naddresses,
				 .flags = flags,
				 .answer = answer,
				 .user = user };
	int rc = ctx_read_key(ctx);

	if (rc)
		return rc;
	if (!conf_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points is configured; "
			       "enable a [dnsbl] or give AbuseIPDB a key");
	if (!(flags & IPREP_NO_STATE) && (rc = ctx_open_store(ctx, STORE_WORK)))
		return rc;
	asking.session = ctx_env(ctx);
	if (flags & IPREP_NO_STATE)
		asking.session.store = NULL;
	asking.lookups = calloc(naddresses + 1, sizeof(*asking.lookups));
	asking.done = calloc(naddresses + 1, sizeof(*asking.done));
	rc = asking.lookups && asking.done
		     ? run_asking(&asking, timeout_ms > 0 ? timeout_ms : ctx->conf->timeout_ms)
		     : err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; asking.lookups && i < naddresses; i++)
		lookup_free(asking.lookups[i]);
	free(asking.lookups);
	free(asking.done);
	return rc;
}

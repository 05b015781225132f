/* SPDX-License-Identifier: MIT */
/* iprep_hooks.c - what fail2ban runs under its global lock: disk only, milliseconds (layer 6) */
#include "iprep_private.h"
#include "announce.h"
#include "buf.h"
#include "categories.h"
#include "gate.h"
#include "lookup.h"
#include "queue.h"
#include "source.h"
#include "worker.h"
#include <string.h>

#define USER_MAX 1024                      /* bytes: longer is an attack on us, not on an account */
#define FUTURE_MAX_S 86400                 /* clocks of log hosts are never that wrong */

/* An empty tag, or one that fail2ban did not know, is no name; nor is what no server would take. */
static size_t user_bytes(const char *user)
{
	size_t n = user ? strnlen(user, USER_MAX + 1) : 0;

	return n > USER_MAX || (n && user[0] == '<' && user[n - 1] == '>') ? 0 : n;
}

int iprep_gate(struct iprep_ctx *ctx, const char *address, const char *jail, const char *user,
	       bool restored, bool *ret_count, bool *ret_wake)
{
	struct gate_line line = { .jail = jail ? jail : "", .user_len = user_bytes(user),
				  .restored = restored };
	struct env env;
	int r = ctx_address(ctx, address, &line.addr);

	if (!r)
		r = ctx_note_key(ctx);
	if (!r)
		r = ctx_open_store(ctx, STORE_GATE);
	if (r)
		return r;
	env = ctx_env(ctx);
	line.user = line.user_len ? user : NULL;
	return gate_ask(&env, &line, ret_count, ret_wake, &ctx->err);
}

int iprep_good(struct iprep_ctx *ctx, const char *address)
{
	struct addr a, key;
	int r = ctx_address(ctx, address, &a);

	if (r || lookup_guard(ctx->conf, &a, true))
		return r;
	r = ctx_open_store(ctx, STORE_HOOK);
	if (r)
		return r;
	key = addr_key(&a, ctx->conf->ipv6_prefix);
	r = store_pardoned(ctx->store, &key);
	if (!r)
		r = store_good_put(ctx->store, &key);
	return r < 0 ? err_set(&ctx->err, r, "%s", store_err(ctx->store)->text) : 0;
}

/* fail2ban leaves "<name>" where a tag has no value. */
static const char *given(const char *text)
{
	return text && *text && *text != '<' ? text : NULL;
}

static int event_of(struct iprep_ctx *ctx, const struct iprep_report *report, struct event *ev)
{
	int64_t now = clock_now_s(&ctx->clock);
	int r = ctx_address(ctx, report->address, &ev->addr);

	if (!r && given(report->categories))
		r = categories_parse(report->categories, ev->categories, &ctx->err);
	if (r)
		return r;
	if (report->failures < 0)
		return err_set(&ctx->err, IPREP_E_ARG, "failures: %d is negative", report->failures);
	if (report->seen_at < 0 || report->seen_at > now + FUTURE_MAX_S)
		return err_set(&ctx->err, IPREP_E_ARG, "time: %lld is %s", (long long)report->seen_at,
			       report->seen_at < 0 ? "before 1970" : "in the future");
	ev->failures = report->failures;
	ev->seen_at = report->seen_at ? report->seen_at : now;
	if (ev->seen_at > now)
		ev->seen_at = now;
	if (given(report->jail))
		text_mask(ev->jail, sizeof(ev->jail), report->jail, strlen(report->jail));
	if (report->comment && strlen(report->comment) >= sizeof(ev->comment))
		return err_set(&ctx->err, IPREP_E_ARG, "comment: longer than %zu bytes",
			       sizeof(ev->comment) - 1);
	text_put(ev->comment, sizeof(ev->comment), report->comment ? report->comment : "");
	return 0;
}

int iprep_enqueue(struct iprep_ctx *ctx, const struct iprep_report *report, int *ret_recorded,
		  bool *ret_wake)
{
	struct event ev = { 0 };
	int recorded, r = event_of(ctx, report, &ev);
	struct env env;

	if (!r)
		r = ctx_note_key(ctx);
	if (!r)
		r = ctx_open_store(ctx, STORE_HOOK);
	if (r)
		return r;
	env = ctx_env(ctx);
	r = queue_event(&env, &ev, &recorded, ret_wake, &ctx->err);
	if (!r && ret_recorded)
		*ret_recorded = recorded;
	return r;
}

int iprep_worker_wanted(struct iprep_ctx *ctx, bool *ret_wanted)
{
	bool spawn = ctx->conf->start == WORKER_SPAWN;

	if (!spawn) {
		int r = worker_wake_file(ctx->conf, &ctx->err);

		if (r)
			return r;
	}
	*ret_wanted = spawn && !worker_runs(ctx->conf);
	return IPREP_OK;
}

int iprep_ready(struct iprep_ctx *ctx)
{
	struct env env;
	int r = ctx_open_store(ctx, STORE_HOOK);

	if (!r)
		r = store_try(ctx->store);
	if (r && ctx->store)
		err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	if (r)
		return r;
	env = ctx_env(ctx);
	r = announce_ready(&env, &ctx->err);
	return r ? r : ctx_read_key(ctx);
}

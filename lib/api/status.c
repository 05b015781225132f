/* SPDX-License-Identifier: MIT */
/* status.c - how the queue stands, and taking reports back */
#include "api/iprep_private.h"
#include "base/buf.h"
#include "base/json.h"
#include "source/source.h"
#include "worker/worker.h"
#include <stdio.h>
#include <stdlib.h>

#define STUCK_MAX  100
#define NENDPOINTS 4

struct stuck {
	struct iprep_stuck s;
	char address[ADDR_TEXT_MAX], why[DETAIL_MAX];
};
struct whole { /* one allocation */
	struct iprep_queue s;
	struct iprep_endpoint endpoints[NENDPOINTS];
	const struct iprep_endpoint *endpoint_list[NENDPOINTS];
	char errors[NENDPOINTS][DETAIL_MAX];
	struct stuck stuck[STUCK_MAX];
	const struct iprep_stuck *stuck_list[STUCK_MAX];
	const char *state; /* of those that are being read */
};

static int64_t sum(const int64_t by_age[NAGES])
{
	int64_t n = 0;

	for (int i = 0; i < NAGES; i++)
		n += by_age[i];
	return n;
}

static void on_stuck(void *user, const struct addr *addr, int64_t at, const char *why)
{
	struct whole *w = user;
	struct stuck *x = &w->stuck[w->s.nstuck];

	if (w->s.nstuck == STUCK_MAX)
		return;
	snprintf(x->why, sizeof(x->why), "%s", why);
	x->s = (struct iprep_stuck){
		.address = addr_text(addr, x->address), .state = w->state, .at = at, .why = x->why
	};
	w->stuck_list[w->s.nstuck++] = &x->s;
}

static int read_stuck(struct iprep_ctx *ctx, struct whole *w)
{
	int r;

	w->state = "parked";
	r = store_reports_each(ctx->store, REPORT_PARKED, STUCK_MAX, on_stuck, w);
	if (r)
		return r;
	w->state = "unknown";
	return store_reports_each(ctx->store, REPORT_UNKNOWN, STUCK_MAX, on_stuck, w);
}

static int read_endpoint(struct iprep_ctx *ctx, struct whole *w, enum task_kind kind)
{
	struct quota q;
	int r = store_quota_get(ctx->store, abuseipdb_endpoint(kind), ctx->auth_mark, &q);

	if (r)
		return r;
	snprintf(w->errors[kind], sizeof(w->errors[kind]), "%s", q.last_error);
	w->endpoints[kind] = (struct iprep_endpoint){
		.name = abuseipdb_endpoint(kind),
		.limit = q.limit,
		.remaining = q.remaining < 0 ? 0 : q.remaining,
		.stopped_until = q.stopped_until,
		.key_refused = q.auth_failed,
		.last_ok_at = q.last_ok_at,
		.last_error_at = q.last_error_at,
		.last_error = *w->errors[kind] ? w->errors[kind] : NULL,
	};
	w->endpoint_list[kind] = &w->endpoints[kind];
	w->s.nendpoints++;
	return 0;
}

static int read_all(struct iprep_ctx *ctx, struct whole *w)
{
	struct queue_counts c;
	int r = store_queue_counts(ctx->store, &c);

	if (r)
		return r;
	for (int i = 0; i < NAGES; i++) {
		w->s.queued[i] = c.by_age[WAIT_QUEUED][i];
		w->s.sending[i] = c.by_age[WAIT_SENDING][i];
		w->s.lookups[i] = c.by_age[WAIT_LOOKUP][i];
		w->s.retractions[i] = c.by_age[WAIT_RETRACTION][i];
	}
	w->s.parked = c.parked;
	w->s.unknown = c.unknown;
	w->s.oldest_s = c.oldest_s;
	w->s.worker_runs = worker_runs(ctx->conf);
	w->s.has_key = *ctx->secret != '\0';
	w->s.endpoints = w->endpoint_list;
	w->s.stuck = w->stuck_list;
	for (int kind = TASK_LOOKUP; kind <= TASK_RETRACT && !r; kind++)
		r = read_endpoint(ctx, w, (enum task_kind)kind);
	return r ? r : read_stuck(ctx, w);
}

int iprep_queue_status(struct iprep_ctx *ctx, struct iprep_queue **ret_status)
{
	struct whole *w;
	int r = ctx_read_key(ctx);

	if (!r)
		r = ctx_open_store(ctx, STORE_HOOK);
	if (r)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	r = read_all(ctx, w);
	if (r) {
		free(w);
		return err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	}
	*ret_status = &w->s;
	return IPREP_OK;
}

void iprep_queue_free(struct iprep_queue *status)
{
	free(status);
}

/* ---- JSON ---- */

static void put_time(struct json *o, const char *name, int64_t at)
{
	if (at)
		json_put_int(o, name, at);
	else
		json_put_null(o, name);
}

static void put_ages(struct json *o, const char *name, const int64_t by_age[NAGES])
{
	static const char *const names[] = { "minute", "hour", "day", "older" };
	struct json *ages = json_put_object(o, name);

	for (int i = 0; i < NAGES; i++)
		json_put_int(ages, names[i], by_age[i]);
}

static void put_endpoint(struct json *array, const struct iprep_endpoint *e)
{
	struct json *o = json_push_object(array);

	json_put_text(o, "name", e->name);
	json_put_int(o, "limit", e->limit);
	json_put_int(o, "remaining", e->remaining);
	put_time(o, "stopped_until", e->stopped_until);
	json_put_bool(o, "key_refused", e->key_refused);
	put_time(o, "last_ok_at", e->last_ok_at);
	put_time(o, "last_error_at", e->last_error_at);
	json_put_text(o, "last_error", e->last_error);
}

static void put_stuck(struct json *array, const struct iprep_stuck *x)
{
	struct json *o = json_push_object(array);

	json_put_text(o, "address", x->address);
	json_put_text(o, "state", x->state);
	json_put_int(o, "at", x->at);
	json_put_text(o, "why", x->why);
}

int iprep_queue_json(const struct iprep_queue *s, char **ret_line)
{
	struct json *o = json_new_object(), *part;
	char *line;

	part = json_put_object(o, "waiting");
	json_put_int(part, "report", sum(s->queued) + sum(s->sending));
	json_put_int(part, "lookup", sum(s->lookups));
	json_put_int(part, "retraction", sum(s->retractions));
	json_put_int(o, "sending", sum(s->sending));
	json_put_int(o, "parked", s->parked);
	json_put_int(o, "unknown", s->unknown);
	json_put_int(o, "oldest_s", s->oldest_s);
	part = json_put_object(o, "age");
	put_ages(part, "queued", s->queued);
	put_ages(part, "sending", s->sending);
	put_ages(part, "lookup", s->lookups);
	put_ages(part, "retraction", s->retractions);
	json_put_bool(o, "worker", s->worker_runs);
	json_put_bool(o, "key", s->has_key);
	part = json_put_array(o, "endpoints");
	for (size_t i = 0; i < s->nendpoints; i++)
		put_endpoint(part, s->endpoints[i]);
	part = json_put_array(o, "stuck");
	for (size_t i = 0; i < s->nstuck; i++)
		put_stuck(part, s->stuck[i]);
	line = json_line(o);
	json_free(o);
	if (!line)
		return IPREP_E_NOMEM;
	*ret_line = line;
	return IPREP_OK;
}

/* ---- taking reports back ---- */

int iprep_retract(struct iprep_ctx *ctx, const char *address, int64_t *ret_cancelled)
{
	struct addr a, key;
	int r = ctx_address(ctx, address, &a);

	if (!r)
		r = ctx_read_key(ctx);
	if (!r && !*ctx->secret)
		r = err_set(&ctx->err, IPREP_E_NOSOURCE,
			    "nothing can be taken back without an API key "
			    "([abuseipdb] key_file)");
	if (!r)
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	key = addr_key(&a, ctx->conf->ipv6_prefix);
	r = store_retract(ctx->store, &a, &key);
	if (r < 0)
		return err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	if (ret_cancelled)
		*ret_cancelled = r;
	return IPREP_OK;
}

int iprep_retraction_status(struct iprep_ctx *ctx, const char *address, int *ret_state,
			    int64_t *ret_deleted, char ret_why[160])
{
	struct retraction x = { .state = RETRACT_WAITS };
	struct addr a;
	int r = ctx_address(ctx, address, &a);

	if (!r)
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	r = store_retraction_get(ctx->store, &a, &x);
	if (r < 0)
		return err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	if (!r)
		return err_set(&ctx->err, IPREP_E_ARG, "%.100s: no retraction is known", address);
	*ret_state = (int)x.state;
	*ret_deleted = x.deleted;
	snprintf(ret_why, 160, "%s", x.why);
	return IPREP_OK;
}

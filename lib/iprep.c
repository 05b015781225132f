/* SPDX-License-Identifier: MIT */
/*
 * iprep.c - the public functions: validate, call down, say what went wrong (layer 6)
 *
 * A context opens what it needs when it is first needed: configuration, state, key, network.
 */
#include "announce.h"
#include "buf.h"
#include "gate.h"
#include "lookup.h"
#include "queue.h"
#include "result.h"
#include "secret.h"
#include "statedir.h"
#include "worker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct iprep_ctx {
	struct conf *conf;
	struct store *store;
	struct clock clock;
	struct log log;
	struct err err;
	char secret[SECRET_MAX], auth_mark[96];
};

#define FUTURE_MAX_S 86400                 /* clocks of log hosts are never that wrong */

int iprep_new(struct iprep_ctx **ret_ctx)
{
	struct iprep_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx || conf_new(&ctx->conf)) {
		free(ctx);
		return IPREP_E_NOMEM;
	}
	*ret_ctx = ctx;
	return IPREP_OK;
}

struct iprep_ctx *iprep_free(struct iprep_ctx *ctx)
{
	if (!ctx)
		return NULL;
	store_close(ctx->store);
	conf_free(ctx->conf);
	secret_wipe(ctx->secret);
	free(ctx);
	return NULL;
}

const char *iprep_strerror(int err)
{
	switch ((enum iprep_err)err) {
	case IPREP_OK: return "no error";
	case IPREP_E_NOMEM: return "out of memory";
	case IPREP_E_ARG: return "an argument is not acceptable";
	case IPREP_E_ADDR: return "not an IP address";
	case IPREP_E_CONFIG: return "error in the configuration";
	case IPREP_E_PERM: return "unsafe owner or mode, or not readable";
	case IPREP_E_STORE: return "the state database cannot be used";
	case IPREP_E_BUSY: return "locked by another process, try later";
	case IPREP_E_NET: return "no source could be reached";
	case IPREP_E_TIMEOUT: return "the deadline passed first";
	case IPREP_E_REMOTE: return "a source answered something that is not understood";
	case IPREP_E_AUTH: return "the API key was refused";
	case IPREP_E_QUOTA: return "the day's quota is used up";
	case IPREP_E_NOSOURCE: return "no source that gives points is configured";
	case IPREP_E_CREATE: return "a file or directory cannot be created";
	case IPREP_E_IO: return "a read or write failed";
	case IPREP_E_OS: return "the system refused";
	case IPREP_E_BUG: return "a mistake in iprep itself";
	}
	return "an unknown error";
}

const char *iprep_errmsg(const struct iprep_ctx *ctx)
{
	return ctx->err.code ? ctx->err.text : iprep_strerror(IPREP_OK);
}

const char *iprep_version(void)
{
	return IPREP_VERSION;
}

void iprep_set_log(struct iprep_ctx *ctx, int max_priority,
		   void (*fn)(void *user, int priority, const char *line), void *user)
{
	ctx->log = (struct log){ .fn = fn, .user = user, .max_priority = max_priority };
}

void iprep_set_clock(struct iprep_ctx *ctx, int64_t (*now_s)(void *user), void *user)
{
	ctx->clock = (struct clock){ .now_s = now_s, .user = user };
}

int iprep_load_config(struct iprep_ctx *ctx, const char *path)
{
	struct conf *conf;
	int r = conf_load(path ? path : CONF_DEFAULT_PATH, !path, &conf, &ctx->err);

	if (r)
		return r;
	conf_free(ctx->conf);
	ctx->conf = conf;
	return IPREP_OK;
}

int iprep_state_owner(struct iprep_ctx *ctx, uid_t *ret_uid, gid_t *ret_gid)
{
	return statedir_owner(ctx->conf->state, ret_uid, ret_gid, &ctx->err);
}

/* ---- what is opened when ---- */

static struct env env_of(struct iprep_ctx *ctx)
{
	return (struct env){ .conf = ctx->conf, .store = ctx->store, .clock = ctx->clock,
			     .log = &ctx->log, .secret = *ctx->secret ? ctx->secret : NULL,
			     .auth_mark = ctx->auth_mark };
}

static int open_store(struct iprep_ctx *ctx, enum store_mode mode)
{
	return ctx->store ? 0 : store_open(ctx->conf->state, mode, ctx->clock, &ctx->log, &ctx->store,
					   &ctx->err);
}

/* Hooks only need to know whether there is a key; nobody reads it for them. */
static int note_key(struct iprep_ctx *ctx)
{
	if (!*ctx->conf->key_file || access(ctx->conf->key_file, R_OK))
		return 0;
	return conf_enable_abuseipdb(ctx->conf) ? err_set(&ctx->err, IPREP_E_NOMEM, "out of memory") : 0;
}

static int read_key(struct iprep_ctx *ctx)
{
	struct stat st;
	int r;

	if (!*ctx->conf->key_file)
		return 0;
	r = secret_read(ctx->conf->key_file, ctx->secret, &ctx->err);
	if (r > 0)
		log_line(&ctx->log, LOG_NOTICE, "%s, looking up without AbuseIPDB", ctx->err.text);
	if (r)
		return r > 0 ? 0 : r;
	if (!stat(ctx->conf->key_file, &st))
		snprintf(ctx->auth_mark, sizeof(ctx->auth_mark), "%llu-%lld-%lld-%ld",
			 (unsigned long long)st.st_ino, (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return note_key(ctx);
}

static int parse(struct iprep_ctx *ctx, const char *text, struct addr *ret)
{
	char masked[104];

	if (addr_parse(text, ret))
		return 0;
	return err_set(&ctx->err, IPREP_E_ADDR, "%s: not an IP address",
		       text_mask(masked, sizeof(masked), text, strlen(text)));
}

/* ---- look-ups ---- */

struct asking {
	struct iprep_ctx *ctx;
	struct env env;
	const char *const *addresses;
	size_t n, started, answered;
	struct lookup **lookups;           /* NULL: not an address */
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
			res = result_new(&q->env, q->lookups[i]);
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
		q->r = lookup_new(&q->env, &a, BY_HAND, flags, &q->lookups[i], &q->ctx->err);
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
	source_set more = lookup_settled(&q->env, l);
	int r = 0;

	if (more)
		return more;
	if (q->env.store && l->verdict.kind != V_EXEMPT && l->task.asked) {
		r = store_begin(q->env.store, STORE_FAST);
		if (!r)
			r = store_end(q->env.store, store_findings_put(q->env.store, q->env.conf, &l->key,
								       l->findings));
	}
	if (r)
		log_line(&q->ctx->log, LOG_NOTICE, "%s; the answer is right but not cached",
			 store_err(q->env.store)->text);
	q->done[t->id] = true;
	answer_ready(q);
	return 0;
}

static int run_asking(struct asking *q, int timeout_ms)
{
	struct engine_conf ec = { .conf = q->env.conf, .clock = q->env.clock, .log = q->env.log,
				  .secret = q->env.secret };
	struct feed feed = { .user = q, .window_max = 256, .task_ms = timeout_ms,
			     .next = asking_next, .settled = asking_settled };
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
	struct asking q = { .ctx = ctx, .addresses = addresses, .n = naddresses, .flags = flags,
			    .answer = answer, .user = user };
	int r = read_key(ctx);

	if (r)
		return r;
	if (!conf_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE, "no source that gives points is configured; "
			       "enable a [dnsbl] or give AbuseIPDB a key");
	if (!(flags & IPREP_NO_STATE) && (r = open_store(ctx, STORE_WORK)))
		return r;
	q.env = env_of(ctx);
	if (flags & IPREP_NO_STATE)
		q.env.store = NULL;
	q.lookups = calloc(naddresses + 1, sizeof(*q.lookups));
	q.done = calloc(naddresses + 1, sizeof(*q.done));
	r = q.lookups && q.done ? run_asking(&q, timeout_ms > 0 ? timeout_ms : ctx->conf->timeout_ms)
				: err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; q.lookups && i < naddresses; i++)
		lookup_free(q.lookups[i]);
	free(q.lookups);
	free(q.done);
	return r;
}

/* ---- hooks ---- */

int iprep_gate(struct iprep_ctx *ctx, const char *address, const char *jail, bool restored,
	       bool *ret_count, bool *ret_wake)
{
	struct addr a;
	struct env env;
	int r = parse(ctx, address, &a);

	if (!r)
		r = note_key(ctx);
	if (!r)
		r = open_store(ctx, STORE_GATE);
	if (r)
		return r;
	env = env_of(ctx);
	return gate_ask(&env, &a, jail ? jail : "", restored, ret_count, ret_wake, &ctx->err);
}

/* fail2ban leaves "<name>" where a tag has no value. */
static const char *given(const char *text)
{
	return text && *text && *text != '<' ? text : NULL;
}

static int event_of(struct iprep_ctx *ctx, const struct iprep_report *report, struct event *ev)
{
	int64_t now = clock_now_s(&ctx->clock);
	int r = parse(ctx, report->address, &ev->addr);

	if (!r && given(report->categories))
		r = abuseipdb_categories(report->categories, ev->categories, &ctx->err);
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
		r = note_key(ctx);
	if (!r)
		r = open_store(ctx, STORE_HOOK);
	if (r)
		return r;
	env = env_of(ctx);
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
	int r = open_store(ctx, STORE_HOOK);

	if (!r)
		r = store_try(ctx->store);
	if (r && ctx->store)
		err_set(&ctx->err, r, "%s", store_err(ctx->store)->text);
	if (r)
		return r;
	env = env_of(ctx);
	r = announce_ready(&env, &ctx->err);
	return r ? r : read_key(ctx);
}

/* ---- worker, purge ---- */

int iprep_flush(struct iprep_ctx *ctx, int linger_s, struct iprep_flush_stats *ret_stats)
{
	struct worker_stats stats = { 0 };
	struct env env;
	int r = read_key(ctx);

	if (!r)
		r = open_store(ctx, STORE_WORK);
	if (r)
		return r;
	env = env_of(ctx);
	r = worker_run(&env, linger_s < 0 ? ctx->conf->linger_s : linger_s, &stats, &ctx->err);
	if (!r && ret_stats)
		*ret_stats = (struct iprep_flush_stats){ stats.lookups, stats.reports, stats.blocks,
							 stats.lines, stats.failed };
	return r;
}

#define PURGE_ROWS 200
#define PURGE_PAUSE_US 5000

static int store_failed(struct iprep_ctx *ctx, int r)
{
	return r < 0 ? err_set(&ctx->err, r, "%s", store_err(ctx->store)->text) : 0;
}

int iprep_purge(struct iprep_ctx *ctx, bool dry_run, struct iprep_purge_stats *ret_stats)
{
	struct store_counts c = { 0 };
	int r = open_store(ctx, STORE_WORK);

	if (r)
		return r;
	if (dry_run)
		r = store_purge_count(ctx->store, ctx->conf, &c);
	while (!dry_run && (r = store_purge_step(ctx->store, ctx->conf, PURGE_ROWS, &c)) > 0)
		usleep(PURGE_PAUSE_US);
	if (!dry_run && !r)
		r = store_purge_seen(ctx->store);
	if (r)
		return store_failed(ctx, r);
	*ret_stats = (struct iprep_purge_stats){ c.findings, c.lookups, c.reports, c.blocks, c.pardons };
	return IPREP_OK;
}

int iprep_forget(struct iprep_ctx *ctx, const char *address, int64_t pardon_s, bool dry_run,
		 char ret_key[64])
{
	struct addr a, key;
	int r = parse(ctx, address, &a);

	if (r)
		return r;
	if (pardon_s < 0 || pardon_s > 10 * 366 * 86400LL)
		return err_set(&ctx->err, IPREP_E_ARG, "pardon: %lld s is beyond ten years",
			       (long long)pardon_s);
	r = open_store(ctx, STORE_WORK);
	if (r)
		return r;
	key = addr_key(&a, ctx->conf->ipv6_prefix);
	if (!dry_run)
		r = store_forget(ctx->store, &key, pardon_s ? clock_now_s(&ctx->clock) + pardon_s : 0);
	if (!r && ret_key)
		addr_key_text(&key, ctx->conf->ipv6_prefix, ret_key);
	return store_failed(ctx, r);
}

int iprep_parse_duration(const char *text, int64_t *ret_s)
{
	return duration_parse(text, 10 * 366 * 86400LL, ret_s) ? IPREP_OK : IPREP_E_ARG;
}

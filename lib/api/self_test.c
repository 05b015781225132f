/* SPDX-License-Identifier: MIT */
/*
 * self_test.c - are the sources usable? Every list's test points, and the API key
 *
 * One task for 127.0.0.2, which every list should have (RFC 5782, 5), past all guards; the lists'
 * health asks for 127.0.0.1 beside it. Some good lists have no 127.0.0.2: that is said, no more.
 */
#include "api/iprep_private.h"
#include "reputation/engine.h"
#include "reputation/quota.h"
#include "reputation/dnsbl_health_store.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	struct session session;
	struct task task;
	bool fed;
};

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct test *t = user;

	*ret_wait_ms = 0;
	if (t->fed)
		return FEED_END;
	t->fed = true;
	*ret = &t->task;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *task)
{
	struct test *t = user;

	if (t->session.store && task->asked && t->session.conf->abuseipdb >= 0)
		quota_note(&t->session, "check", &task->quota);
	dnsbl_health_keep(&t->session);
	return 0;
}

static int run(struct test *t, int timeout_ms, struct err *e)
{
	const struct session *session = &t->session;
	struct engine_conf ec = { .conf = session->conf,
				  .clock = session->clock,
				  .log = session->log,
				  .secret = session->secret,
				  .health = session->health,
				  .ops = session->ops };
	struct feed feed = {
		.user = t, .window_max = 1, .task_ms = timeout_ms, .next = next, .settled = settled
	};
	struct engine *engine = NULL;
	int r = engine_new(&ec, &engine);

	if (r)
		return err_set(e, r, "out of memory");
	for (size_t i = 0; i < session->conf->nsources; i++) {
		t->task.ask |= SOURCE_BIT(i);
		dnsbl_health_forget(&session->health->rows[i]);
	}
	r = engine_run(engine, &feed, e);
	engine_free(engine);
	return r;
}

static void say_answer(const struct finding *f, char why[DETAIL_MAX])
{
	struct in_addr a = { .s_addr = htonl(f->a[0]) };
	char text[INET_ADDRSTRLEN];

	if (f->listed)
		snprintf(why, DETAIL_MAX, "127.0.0.1 is not listed, 127.0.0.2 is, as %s",
			 inet_ntop(AF_INET, &a, text, sizeof(text)));
	else
		snprintf(why, DETAIL_MAX,
			 "127.0.0.1 is not listed; it has no test entry 127.0.0.2");
}

static void judge_list(const struct test *t, size_t i, struct iprep_source *row,
		       char why[DETAIL_MAX])
{
	const struct health *h = &t->session.health->rows[i];
	const struct finding *f = &t->task.findings[i];

	row->probed_at = h->z.probed_at;
	row->latency_ms = h->z.probed_at ? h->z.latency_ms : -1;
	row->state = IPREP_SRC_SILENT;
	snprintf(why, DETAIL_MAX, "%s", f->detail);
	if (t->session.conf->sources[i].no_key) {
		row->state = IPREP_SRC_NO_KEY;
		snprintf(why, DETAIL_MAX, "its key cannot be read: %.120s",
			 t->session.conf->sources[i].key_file);
	} else if (dnsbl_health_is_bad(h)) {
		row->state = IPREP_SRC_QUARANTINED;
		snprintf(why, DETAIL_MAX, "%s", h->z.why);
	} else if (f->status == FINDING_OK) {
		row->state = IPREP_SRC_GOOD;
		say_answer(f, why);
		if (h->z.state[1] != ZONE_GOOD)
			snprintf(why + strlen(why), DETAIL_MAX - strlen(why),
				 "; no answer for IPv6");
	}
}

static void judge_api(const struct test *t, size_t i, struct iprep_source *row,
		      char why[DETAIL_MAX])
{
	const struct finding *f = &t->task.findings[i];

	row->latency_ms = -1;
	row->state = f->status == FINDING_OK	 ? IPREP_SRC_GOOD
		     : t->task.quota.auth_failed ? IPREP_SRC_REFUSED
						 : IPREP_SRC_SILENT;
	snprintf(why, DETAIL_MAX, "%s", f->detail);
	if (f->status == FINDING_OK && t->task.quota.remaining >= 0)
		snprintf(why, DETAIL_MAX, "the key is good, %lld of %lld checks left today",
			 (long long)t->task.quota.remaining, (long long)t->task.quota.limit);
	else if (f->status == FINDING_OK)
		snprintf(why, DETAIL_MAX, "the key is good");
}

static void judge(const struct test *t, void (*row)(void *user, const struct iprep_source *source),
		  void *user, bool *ret_passed)
{
	const struct conf *conf = t->session.conf;
	char why[DETAIL_MAX];

	*ret_passed = conf_gives_points(conf);
	for (size_t i = 0; i < conf->nsources; i++) {
		struct iprep_source s = { .name = conf->sources[i].name, .why = why };

		if (conf->sources[i].type == SOURCE_ABUSEIPDB)
			judge_api(t, i, &s, why);
		else
			judge_list(t, i, &s, why);
		*ret_passed &= s.state == IPREP_SRC_GOOD;
		row(user, &s);
	}
	if (conf->abuseipdb < 0) {
		struct iprep_source s = {
			.name = "abuseipdb", .state = IPREP_SRC_OFF, .latency_ms = -1, .why = why
		};

		snprintf(why, sizeof(why), "no key in %.100s: neither asked nor reported to",
			 *conf->key_file ? conf->key_file : "[abuseipdb] key_file");
		row(user, &s);
	}
}

int iprep_test_sources(struct iprep_ctx *ctx, unsigned flags, int timeout_ms,
		       void (*row)(void *user, const struct iprep_source *source), void *user,
		       bool *ret_passed)
{
	struct test t = { .task = { .kind = TASK_LOOKUP } };
	int r = ctx_read_key(ctx);

	if (!r && !(flags & IPREP_NO_STATE))
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	t.session = ctx_env(ctx);
	if (flags & IPREP_NO_STATE)
		t.session.store = NULL;
	t.task.findings = calloc(t.session.conf->nsources + 1, sizeof(*t.task.findings));
	if (!t.task.findings || !addr_parse("127.0.0.2", &t.task.addr))
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	r = dnsbl_health_load(&t.session);
	if (!r && t.session.store && t.session.conf->abuseipdb >= 0)
		r = store_quota_take(t.session.store, "check", 1);
	if (r)
		err_set(&ctx->err, r, "%s", store_err(t.session.store)->text);
	else
		r = run(&t, timeout_ms > 0 ? timeout_ms : t.session.conf->timeout_ms, &ctx->err);
	if (!r)
		judge(&t, row, user, ret_passed);
	free(t.task.findings);
	return r;
}

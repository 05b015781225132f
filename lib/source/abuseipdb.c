/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb.c - the API's calls; abuseipdb_check.c and _outcome.c read the answers
 *
 * The key travels in a header of its own, lives in the ask's secret, and is in no text.
 */
#include "source/abuseipdb_check.h"
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX	(256 * 1024) /* a check without "verbose" has some 600 bytes */
#define BULK_ANSWER_MAX (4 << 20)    /* 9,999 refused rows of some 100 bytes, and room */

struct call {
	char key[600], url[CONF_TEXT_MAX + 160];
	const char *headers[4];
};

static void send_call(struct ask *a, const char *method, const char *body,
		      void (*cb)(void *user, const struct http_answer *h))
{
	struct call *c = a->priv;
	bool upload = a->task->kind == TASK_BULK;
	struct http_request req = { .method = method,
				    .url = c->url,
				    .headers = c->headers,
				    .body = body,
				    .body_len = body ? strlen(body) : 0,
				    .upload = upload ? "csv" : NULL,
				    .answer_max = upload ? BULK_ANSWER_MAX : ANSWER_MAX };

	snprintf(c->key, sizeof(c->key), "Key: %s", a->secret ? a->secret : "");
	c->headers[0] = c->key;
	c->headers[1] = "Accept: application/json";
	c->headers[2] = body && !upload ? "Content-Type: application/x-www-form-urlencoded" : NULL;
	a->ops->http(a->net, &req, a->deadline_ms, cb, a);
}

static void end_call(struct ask *a)
{
	if (a->priv)
		explicit_bzero(a->priv, sizeof(struct call));
	free(a->priv);
	a->priv = NULL;
	ask_done(a);
}

static void silence(const struct ask *a, const struct http_answer *h, struct finding *f)
{
	f->status = h->status == NET_TIMEOUT ? FINDING_TIMEOUT : FINDING_ERROR;
	if (h->status == NET_TIMEOUT)
		snprintf(f->detail, sizeof(f->detail), "timeout after %lld ms",
			 (long long)(a->deadline_ms - a->asked_ms));
	else
		snprintf(f->detail, sizeof(f->detail), "%.150s",
			 *h->why ? h->why : net_status_text(h->status));
}

static void got_check(void *user, const struct http_answer *h)
{
	struct ask *a = user;
	struct finding *f = &a->answer;
	int64_t now = clock_now_s(&a->clock);

	abuseipdb_quota(h, TASK_LOOKUP, now, &a->task->quota);
	if (h->status != NET_OK) {
		silence(a, h, f);
		snprintf(a->task->quota.error, sizeof(a->task->quota.error), "%s", f->detail);
	} else if (h->code == 200) {
		abuseipdb_check_answer(a, h, now, f);
	} else if (h->code == 401 || a->task->quota.stopped_until) {
		f->status = FINDING_DENIED;
		snprintf(f->detail, sizeof(f->detail),
			 h->code == 401 ? "the API key was refused (HTTP 401)"
					: "quota used up (HTTP 429)");
	} else {
		f->status = FINDING_ERROR;
		snprintf(f->detail, sizeof(f->detail), "HTTP %d", h->code);
	}
	end_call(a);
}

static bool new_call(struct ask *a)
{
	a->priv = calloc(1, sizeof(struct call));
	if (a->priv)
		return true;
	a->answer.status = a->task->kind == TASK_LOOKUP ? FINDING_ERROR : FINDING_NONE;
	a->task->outcome = OUT_LATER;
	a->task->not_accepted = true;
	snprintf(a->task->why, sizeof(a->task->why), "out of memory");
	ask_done(a);
	return false;
}

static void abuseipdb_ask(struct ask *a)
{
	char ip[ADDR_TEXT_MAX];
	struct call *c;
	struct buf b;

	if (!new_call(a))
		return;
	c = a->priv;
	buf_init(&b, 128);
	addr_text(&a->task->addr, ip);
	abuseipdb_encode(&b, ip, strlen(ip));
	snprintf(c->url, sizeof(c->url), "%s/check?ipAddress=%s&maxAgeInDays=%d", a->conf->api_url,
		 b.text ? b.text : "", a->conf->max_age_days);
	buf_free(&b);
	send_call(a, "GET", NULL, got_check);
}

/* ---- reports and retractions ---- */

const char *abuseipdb_endpoint(enum task_kind kind)
{
	static const char *const names[] = { "check", "report", "bulk-report", "clear-address" };

	return names[kind];
}

static void got_outcome(void *user, const struct http_answer *h)
{
	struct ask *a = user;
	struct task *t = a->task;
	struct finding f = { 0 };
	int64_t now = clock_now_s(&a->clock);

	abuseipdb_quota(h, t->kind, now, &t->quota);
	t->why[0] = '\0';
	if (h->status != NET_OK) {
		silence(a, h, &f);
		t->outcome = OUT_LATER;
		t->not_accepted = !h->sent;
		snprintf(t->why, sizeof(t->why), "%s", f.detail);
		t->quota.seen = true;
		t->quota.limit = t->quota.remaining = -1;
	} else {
		abuseipdb_outcome(a, h, now, &a->answer);
		t->not_accepted = h->code >= 300 && h->code < 500;
	}
	if (t->outcome == OUT_DUPLICATE) /* whatever else its answer looks like */
		t->quota.stopped_until = 0;
	snprintf(t->quota.error, sizeof(t->quota.error), "%s",
		 t->outcome == OUT_DUPLICATE || t->outcome == OUT_DONE ? "" : t->why);
	end_call(a);
}

static void abuseipdb_send(struct ask *a)
{
	struct task *t = a->task;
	char ip[ADDR_TEXT_MAX];
	struct call *c;
	struct buf b;

	if (!new_call(a))
		return;
	c = a->priv;
	buf_init(&b, 128);
	if (t->kind == TASK_RETRACT) {
		addr_text(&t->addr, ip);
		buf_puts(&b, "?ipAddress=");
		abuseipdb_encode(&b, ip, strlen(ip));
	}
	snprintf(c->url, sizeof(c->url), "%s/%s%s", a->conf->api_url, abuseipdb_endpoint(t->kind),
		 b.text ? b.text : "");
	buf_free(&b);
	send_call(a, t->kind == TASK_RETRACT ? "DELETE" : "POST", t->body, got_outcome);
}

const struct source_kind source_abuseipdb = {
	.type = SOURCE_ABUSEIPDB,
	.ask = abuseipdb_ask,
	.send = abuseipdb_send,
};

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

static void send_call(struct ask *ask, const char *method, const char *body,
		      void (*cb)(void *user, const struct http_answer *answer))
{
	struct call *call = ask->priv;
	bool upload = ask->task->kind == TASK_BULK;
	struct http_request req = { .method = method,
				    .url = call->url,
				    .headers = call->headers,
				    .body = body,
				    .body_len = body ? strlen(body) : 0,
				    .upload = upload ? "csv" : NULL,
				    .answer_max = upload ? BULK_ANSWER_MAX : ANSWER_MAX };

	snprintf(call->key, sizeof(call->key), "Key: %s", text_or(ask->secret, ""));
	call->headers[0] = call->key;
	call->headers[1] = "Accept: application/json";
	if (body && !upload)
		call->headers[2] = "Content-Type: application/x-www-form-urlencoded";
	else
		call->headers[2] = NULL;
	ask->ops->http(ask->net, &req, ask->deadline_ms, cb, ask);
}

static void end_call(struct ask *ask)
{
	if (ask->priv)
		explicit_bzero(ask->priv, sizeof(struct call));
	free(ask->priv);
	ask->priv = NULL;
	ask->done(ask);
}

static void describe_silence(const struct ask *ask, const struct http_answer *answer,
			     struct finding *finding)
{
	finding->status = answer->status == NET_TIMEOUT ? FINDING_TIMEOUT : FINDING_ERROR;
	if (answer->status == NET_TIMEOUT)
		snprintf(finding->detail, sizeof(finding->detail), "timeout after %lld ms",
			 (long long)(ask->deadline_ms - ask->asked_ms));
	else
		snprintf(finding->detail, sizeof(finding->detail), "%.150s",
			 text_filled(answer->why, net_status_text(answer->status)));
}

static void got_check(void *user, const struct http_answer *answer)
{
	struct ask *ask = user;
	struct finding *finding = &ask->answer;
	int64_t now = clock_now_s(&ask->clock);

	abuseipdb_quota(answer, TASK_LOOKUP, now, &ask->task->quota);
	if (answer->status != NET_OK) {
		describe_silence(ask, answer, finding);
		snprintf(ask->task->quota.error, sizeof(ask->task->quota.error), "%s",
			 finding->detail);
	} else if (answer->code == 200) {
		abuseipdb_check_answer(ask, answer, now, finding);
	} else if (answer->code == 401 || ask->task->quota.stopped_until) {
		finding->status = FINDING_DENIED;
		snprintf(finding->detail, sizeof(finding->detail),
			 answer->code == 401 ? "the API key was refused (HTTP 401)"
					     : "quota used up (HTTP 429)");
	} else {
		finding->status = FINDING_ERROR;
		snprintf(finding->detail, sizeof(finding->detail), "HTTP %d", answer->code);
	}
	end_call(ask);
}

static bool new_call(struct ask *ask)
{
	ask->priv = calloc(1, sizeof(struct call));
	if (ask->priv)
		return true;
	ask->answer.status = ask->task->kind == TASK_LOOKUP ? FINDING_ERROR : FINDING_NONE;
	ask->task->outcome = OUT_LATER;
	ask->task->not_accepted = true;
	snprintf(ask->task->why, sizeof(ask->task->why), "out of memory");
	ask->done(ask);
	return false;
}

static void abuseipdb_ask(struct ask *ask)
{
	char ip[ADDR_TEXT_MAX];
	struct call *call;
	struct buf buf;

	if (!new_call(ask))
		return;
	call = ask->priv;
	buf_init(&buf, 128);
	addr_text(&ask->task->addr, ip);
	abuseipdb_encode(&buf, ip, strlen(ip));
	snprintf(call->url, sizeof(call->url), "%s/check?ipAddress=%s&maxAgeInDays=%d",
		 ask->conf->api_url, text_or(buf.text, ""), ask->conf->max_age_days);
	buf_free(&buf);
	send_call(ask, "GET", NULL, got_check);
}

/* ---- reports and retractions ---- */

const char *abuseipdb_endpoint(enum task_kind kind)
{
	static const char *const names[] = { "check", "report", "bulk-report", "clear-address",
					     "blacklist" };

	return names[kind];
}

static void got_outcome(void *user, const struct http_answer *answer)
{
	struct ask *ask = user;
	struct task *task = ask->task;
	struct finding finding = { 0 };
	int64_t now = clock_now_s(&ask->clock);

	abuseipdb_quota(answer, task->kind, now, &task->quota);
	task->why[0] = '\0';
	if (answer->status != NET_OK) {
		describe_silence(ask, answer, &finding);
		task->outcome = OUT_LATER;
		task->not_accepted = !answer->sent;
		snprintf(task->why, sizeof(task->why), "%s", finding.detail);
		task->quota.seen = true;
		task->quota.limit = task->quota.remaining = -1;
	} else {
		abuseipdb_outcome(ask, answer, now, &ask->answer);
		task->not_accepted = answer->code >= 300 && answer->code < 500;
	}
	if (task->outcome == OUT_DUPLICATE) /* whatever else its answer looks like */
		task->quota.stopped_until = 0;
	snprintf(task->quota.error, sizeof(task->quota.error), "%s",
		 task->outcome == OUT_DUPLICATE || task->outcome == OUT_DONE ? "" : task->why);
	end_call(ask);
}

static void abuseipdb_send(struct ask *ask)
{
	struct task *task = ask->task;
	char ip[ADDR_TEXT_MAX];
	struct call *call;
	struct buf buf;

	if (!new_call(ask))
		return;
	call = ask->priv;
	buf_init(&buf, 128);
	if (task->kind == TASK_RETRACT) {
		addr_text(&task->addr, ip);
		buf_puts(&buf, "?ipAddress=");
		abuseipdb_encode(&buf, ip, strlen(ip));
	}
	snprintf(call->url, sizeof(call->url), "%s/%s%s", ask->conf->api_url,
		 abuseipdb_endpoint(task->kind), text_or(buf.text, ""));
	buf_free(&buf);
	send_call(ask, task->kind == TASK_RETRACT ? "DELETE" : "POST", task->body, got_outcome);
}

const struct source_kind source_abuseipdb = {
	.type = SOURCE_ABUSEIPDB,
	.ask = abuseipdb_ask,
	.send = abuseipdb_send,
};

/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_outcome.c - what became of a report, a bulk report, a retraction; and of the quota
 *
 * A duplicate within 15 minutes comes as 403, 422 or 429, perhaps others, with several wordings,
 * once without its wrapper: it is done. What is refused for good is parked, unless it is a whole
 * file of reports: then the file is at fault, and each may still go alone. Everything else is tried
 * again. Facts: docs.abuseipdb.com (REPORT, BULK-REPORT, CLEAR-ADDRESS, errors), answers recorded
 * by its clients.
 */
#include "source/abuseipdb_check.h"
#include "base/addr.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX     ((size_t)4 << 20)
#define JUST_RESET_S 86340 /* such a Retry-After is the counter starting anew (cowrie) */

static int64_t next_midnight(int64_t now)
{
	return (now / 86400 + 1) * 86400;
}

/* error: of a body that is JSON; a proxy's page speaks of minutes, too. */
static bool is_duplicate(const char *body, const struct json *error)
{
	const struct json *source = json_member(error, "source");
	const char *parameter = json_text(json_member(source, "parameter"));
	const char *detail = json_text(json_member(error, "detail"));

	if (!error)
		return false;
	if (strstr(body, "15 minutes"))
		return true;
	/* "ip" is also what a 422 names when the address itself is refused */
	return parameter && !strcmp(parameter, "ip") &&
	       !(detail && strstr(detail, "must be a valid"));
}

static enum outcome refused_outcome(const struct ask *a, int code, const char *body,
				    const struct json *error)
{
	enum task_kind kind = a->task->kind;

	if (kind == TASK_REPORT && code >= 400 && code < 500 && code != 401 &&
	    is_duplicate(body, error))
		return OUT_DUPLICATE;
	if ((code == 402 || code == 422) && kind != TASK_BULK)
		return OUT_PARKED;
	return OUT_LATER;
}

/* What the service says for people; nothing that holds the key, should a server send it back. */
static void say_why(const struct ask *a, int code, const struct json *error)
{
	const char *detail = json_text(json_member(error, "detail"));
	struct task *t = a->task;
	char masked[100];

	if (detail && a->secret && text_shows(detail, strlen(detail), a->secret))
		detail = NULL;
	snprintf(t->why, sizeof(t->why), "HTTP %d%s%s", code, detail ? ": " : "",
		 detail ? text_mask(masked, sizeof(masked), detail, strlen(detail)) : "");
}

static void score_of(const struct ask *a, const struct json *data, int64_t now, struct finding *f)
{
	int64_t score;

	if (!json_int(json_member(data, "abuseConfidenceScore"), 0, 100, &score))
		return;
	*f = (struct finding){ .status = FINDING_OK,
			       .partial = a->conf->check != CHECK_NEVER,
			       .points = abuseipdb_points(a, score),
			       .answered_at = now,
			       .expires_at = now + a->conf->api_cache_s };
	f->listed = f->points > 0;
	snprintf(f->detail, sizeof(f->detail), "confidence %lld, in the answer to our report",
		 (long long)score);
}

/* ---- rows of a bulk report ---- */

/* "Duplicate IP", "Invalid IP", "Invalid Category": input is the address in all of them. */
static bool row_of(const struct ask *a, const struct json *o, struct refused_row *ret)
{
	const char *error = json_text(json_member(o, "error")),
		   *input = json_text(json_member(o, "input"));

	*ret = (struct refused_row){ 0 };
	if (!error || !input || !addr_parse(input, &ret->addr))
		return false;
	ret->duplicate = !strcmp(error, "Duplicate IP");
	if (!a->secret || !text_shows(error, strlen(error), a->secret))
		text_mask(ret->why, sizeof(ret->why), error, strlen(error));
	return true;
}

/* False: not understood, or of rows that cannot be told. */
static bool rows_of(const struct ask *a, const struct json *data)
{
	const struct json *list = json_member(data, "invalidReports"), *o = json_item(list, 0);
	struct task *t = a->task;
	size_t n = json_count(list);

	if (!json_int(json_member(data, "savedReports"), 0, INT32_MAX, &t->count))
		return false;
	t->refused = n ? calloc(n, sizeof(*t->refused)) : NULL;
	if (n && !t->refused)
		return false;
	for (; o && t->nrefused < n; o = json_next(o))
		if (!row_of(a, o, &t->refused[t->nrefused++]))
			return false;
	return true;
}

/* An answer that does not name what was reported may be anybody's. */
static bool names_address(const struct ask *a, const struct json *data)
{
	const char *text = json_text(json_member(data, "ipAddress"));
	struct addr named;

	return text && addr_parse(text, &named) &&
	       !memcmp(named.b, a->task->addr.b, sizeof(named.b));
}

static bool is_done(const struct ask *a, const struct json *data, int64_t now, struct finding *ret)
{
	struct task *t = a->task;

	switch (t->kind) {
	case TASK_LOOKUP:
		return false;
	case TASK_REPORT:
		if (!names_address(a, data))
			return false;
		score_of(a, data, now, ret);
		return true;
	case TASK_BULK:
		return rows_of(a, data);
	case TASK_RETRACT:
		return json_int(json_member(data, "numReportsDeleted"), 0, INT32_MAX, &t->count);
	}
	return false;
}

static void read_outcome(const struct ask *a, const struct http_answer *h, const struct buf *body,
			 int64_t now, struct finding *ret)
{
	struct json *root = json_parse(body->text, body->len);
	const struct json *error = json_item(json_member(root, "errors"), 0);
	struct task *t = a->task;

	if (!error) /* once seen without its wrapper */
		error = root;
	if (h->code == 200 && is_done(a, json_member(root, "data"), now, ret))
		t->outcome = OUT_DONE;
	else if (h->code == 200)
		t->outcome = OUT_LATER;
	else
		t->outcome = refused_outcome(a, h->code, body->text, error);
	if (t->outcome == OUT_PARKED || t->outcome == OUT_LATER)
		say_why(a, h->code, error);
	json_free(root);
}

void abuseipdb_outcome(const struct ask *a, const struct http_answer *h, int64_t now,
		       struct finding *ret)
{
	struct task *t = a->task;
	struct buf body;

	buf_init(&body, BODY_MAX);
	buf_add(&body, h->body, h->body_len);
	t->why[0] = '\0';
	t->outcome = OUT_LATER;
	if (body.failed)
		snprintf(t->why, sizeof(t->why), "out of memory");
	else
		read_outcome(a, h, &body, now, ret);
	if (t->outcome != OUT_DONE) {
		free(t->refused);
		t->refused = NULL;
		t->nrefused = 0;
	}
	if (h->retry_after_s > 0 && h->retry_after_s <= 86400)
		t->retry_after_s = h->retry_after_s > JUST_RESET_S ? 10 : h->retry_after_s;
	buf_free(&body);
}

static int64_t stop_of(const struct http_answer *h, int64_t now)
{
	int64_t latest = now + 2 * 86400; /* more than that is no daily quota's */

	if (h->retry_after_s > JUST_RESET_S && h->retry_after_s <= 86400)
		return now + 10;
	if (h->retry_after_s > 0 && h->retry_after_s <= latest - now)
		return now + h->retry_after_s;
	return h->reset_at > now && h->reset_at <= latest ? h->reset_at : next_midnight(now);
}

void abuseipdb_quota(const struct http_answer *h, enum task_kind kind, int64_t now,
		     struct quota_seen *ret)
{
	bool file_refused = kind == TASK_BULK &&
			    (h->code == 402 || h->code == 413 || h->code == 422);
	bool names_dup = h->body_len && memmem(h->body, h->body_len, "15 minutes", 10);
	bool used_up = h->code == 429 && !names_dup &&
		       (h->retry_after_s >= 0 || h->reset_at > 0 ||
			(h->body_len && memmem(h->body, h->body_len, "rate limit", 10)));

	*ret = (struct quota_seen){ .seen = h->status == NET_OK,
				    .limit = h->limit,
				    .remaining = h->remaining };
	if (h->code == 401)
		ret->auth_failed = true;
	if (used_up)
		ret->stopped_until = stop_of(h, now);
	if (file_refused) /* another file today would fare no better */
		ret->stopped_until = next_midnight(now);
	if (h->status == NET_OK && h->code != 200 && !names_dup)
		snprintf(ret->error, sizeof(ret->error), "HTTP %d", h->code);
}

/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_outcome.c - what became of a report, a bulk report, a retraction; and of the quota
 *
 * A duplicate within 15 minutes is answered with 403, 422 or 429, perhaps others, in several
 * wordings, once without its wrapper; it counts as done. A report that is refused for good is
 * parked. If a whole file of reports is refused, the file is at fault, and each report may still be
 * sent alone. Everything else is tried again. Facts: docs.abuseipdb.com (REPORT, BULK-REPORT,
 * CLEAR-ADDRESS, errors), answers recorded by its clients.
 */
#include "source/abuseipdb_check.h"
#include "base/mask.h"
#include "base/addr.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX     ((size_t)4 << 20)
#define JUST_RESET_S 86340 /* such a Retry-After means that the counter was just reset (cowrie) */

static int64_t next_midnight(int64_t now)
{
	return (now / 86400 + 1) * 86400;
}

/* error: of a body that is JSON; the page of a proxy can contain minutes as well. */
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

static enum outcome refused_outcome(const struct ask *ask, int code, const char *body,
				    const struct json *error)
{
	enum task_kind kind = ask->task->kind;

	if (kind == TASK_REPORT && code >= 400 && code < 500 && code != 401 &&
	    is_duplicate(body, error))
		return OUT_DUPLICATE;
	if ((code == 402 || code == 422) && kind != TASK_BULK)
		return OUT_PARKED;
	return OUT_LATER;
}

/* The reason that the service gives, unless it holds the key, should a server send it back. */
static void set_why(const struct ask *ask, int code, const struct json *error)
{
	const char *detail = json_text(json_member(error, "detail"));
	struct task *task = ask->task;
	char masked[100];

	if (detail && ask->secret && text_shows(detail, strlen(detail), ask->secret))
		detail = NULL;
	snprintf(task->why, sizeof(task->why), "HTTP %d%s%s", code, detail ? ": " : "",
		 detail ? text_mask(masked, sizeof(masked), detail, strlen(detail)) : "");
}

static void score_of(const struct ask *ask, const struct json *data, int64_t now,
		     struct finding *finding)
{
	int64_t score;

	if (!json_int(json_member(data, "abuseConfidenceScore"), 0, 100, &score))
		return;
	*finding = (struct finding){ .status = FINDING_OK,
				     .partial = ask->conf->check != CHECK_NEVER,
				     .points = abuseipdb_points(ask, score),
				     .answered_at = now,
				     .expires_at = now + ask->conf->api_cache_s };
	finding->listed = finding->points > 0;
	snprintf(finding->detail, sizeof(finding->detail),
		 "confidence %lld, in the answer to our report", (long long)score);
}

/* ---- rows of a bulk report ---- */

/* "Duplicate IP", "Invalid IP", "Invalid Category": input is the address in all of them. */
static bool refused_row_of(const struct ask *ask, const struct json *json, struct refused_row *ret)
{
	const char *error = json_text(json_member(json, "error")),
		   *input = json_text(json_member(json, "input"));

	*ret = (struct refused_row){ 0 };
	if (!error || !input || !addr_parse(input, &ret->addr))
		return false;
	ret->duplicate = !strcmp(error, "Duplicate IP");
	if (!ask->secret || !text_shows(error, strlen(error), ask->secret))
		text_mask(ret->why, sizeof(ret->why), error, strlen(error));
	return true;
}

/* False: invalid, or about rows that cannot be identified. */
static bool rows_of(const struct ask *ask, const struct json *data)
{
	const struct json *list = json_member(data, "invalidReports"), *json = json_item(list, 0);
	struct task *task = ask->task;
	size_t count = json_count(list);

	if (!json_int(json_member(data, "savedReports"), 0, INT32_MAX, &task->count))
		return false;
	if (count)
		task->refused = calloc(count, sizeof(*task->refused));
	else
		task->refused = NULL;
	if (count && !task->refused)
		return false;
	for (; json && task->nrefused < count; json = json_next(json))
		if (!refused_row_of(ask, json, &task->refused[task->nrefused++]))
			return false;
	return true;
}

/* An answer that does not name the reported address may belong to another one. */
static bool names_address(const struct ask *ask, const struct json *data)
{
	const char *text = json_text(json_member(data, "ipAddress"));
	struct addr named;

	return text && addr_parse(text, &named) && addr_equal(&named, &ask->task->addr);
}

static bool is_done(const struct ask *ask, const struct json *data, int64_t now,
		    struct finding *ret)
{
	struct task *task = ask->task;

	switch (task->kind) {
	case TASK_LOOKUP:
		return false;
	case TASK_REPORT:
		if (!names_address(ask, data))
			return false;
		score_of(ask, data, now, ret);
		return true;
	case TASK_BULK:
		return rows_of(ask, data);
	case TASK_RETRACT:
		return json_int(json_member(data, "numReportsDeleted"), 0, INT32_MAX, &task->count);
	}
	return false;
}

static void read_outcome(const struct ask *ask, const struct http_answer *answer,
			 const struct buf *body, int64_t now, struct finding *ret)
{
	struct json *root = json_parse(body->text, body->len);
	const struct json *error = json_item(json_member(root, "errors"), 0);
	struct task *task = ask->task;

	if (!error) /* once seen without its wrapper */
		error = root;
	if (answer->code == 200 && is_done(ask, json_member(root, "data"), now, ret))
		task->outcome = OUT_DONE;
	else if (answer->code == 200)
		task->outcome = OUT_LATER;
	else
		task->outcome = refused_outcome(ask, answer->code, body->text, error);
	if (task->outcome == OUT_PARKED || task->outcome == OUT_LATER)
		set_why(ask, answer->code, error);
	json_free(root);
}

void abuseipdb_outcome(const struct ask *ask, const struct http_answer *answer, int64_t now,
		       struct finding *ret)
{
	struct task *task = ask->task;
	struct buf body;

	buf_init(&body, BODY_MAX);
	buf_add(&body, answer->body, answer->body_len);
	task->why[0] = '\0';
	task->outcome = OUT_LATER;
	if (body.failed)
		snprintf(task->why, sizeof(task->why), "out of memory");
	else
		read_outcome(ask, answer, &body, now, ret);
	if (task->outcome != OUT_DONE) {
		free(task->refused);
		task->refused = NULL;
		task->nrefused = 0;
	}
	if (answer->retry_after_s > 0 && answer->retry_after_s <= 86400)
		task->retry_after_s = answer->retry_after_s > JUST_RESET_S ? 10
									   : answer->retry_after_s;
	buf_free(&body);
}

static int64_t stop_of(const struct http_answer *answer, int64_t now)
{
	int64_t latest = now + 2 * 86400; /* more than that is no daily quota's */

	if (answer->retry_after_s > JUST_RESET_S && answer->retry_after_s <= 86400)
		return now + 10;
	if (answer->retry_after_s > 0 && answer->retry_after_s <= latest - now)
		return now + answer->retry_after_s;
	if (answer->reset_at > now && answer->reset_at <= latest)
		return answer->reset_at;
	return next_midnight(now);
}

void abuseipdb_quota(const struct http_answer *answer, enum task_kind kind, int64_t now,
		     struct quota_seen *ret)
{
	bool file_refused = kind == TASK_BULK &&
			    (answer->code == 402 || answer->code == 413 || answer->code == 422);
	bool names_dup = answer->body_len &&
			 memmem(answer->body, answer->body_len, "15 minutes", 10);
	bool used_up =
		answer->code == 429 && !names_dup &&
		(answer->retry_after_s >= 0 || answer->reset_at > 0 ||
		 (answer->body_len && memmem(answer->body, answer->body_len, "rate limit", 10)));

	*ret = (struct quota_seen){ .seen = answer->status == NET_OK,
				    .limit = answer->limit,
				    .remaining = answer->remaining };
	if (answer->code == 401)
		ret->auth_failed = true;
	if (used_up)
		ret->stopped_until = stop_of(answer, now);
	if (file_refused) /* another file today would fare no better */
		ret->stopped_until = next_midnight(now);
	if (answer->status == NET_OK && answer->code != 200 && !names_dup)
		snprintf(ret->error, sizeof(ret->error), "HTTP %d", answer->code);
}

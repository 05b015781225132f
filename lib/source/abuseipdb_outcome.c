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

#define JUST_RESET_S 86340 /* such a Retry-After means that the counter was just reset (cowrie) */

bool abuseipdb_names(const struct json *data, const struct addr *addr)
{
	const char *text = json_text(json_member(data, "ipAddress"));
	struct addr named;

	return text && addr_parse(text, &named) && addr_equal(&named, addr);
}

static int64_t next_midnight(int64_t now)
{
	return (now / 86400 + 1) * 86400;
}

/* What the service says of a refusal; NULL: nothing. */
static const char *error_detail(const struct json *error)
{
	const char *detail = json_text(json_member(error, "detail"));

	if (!detail)
		detail = json_text(json_member(error, "message"));
	return detail;
}

static bool names_ip(const struct json *error)
{
	const char *parameter = json_text(json_member(json_member(error, "source"), "parameter"));

	return parameter && !strcmp(parameter, "ip");
}

/*
 * Known by its words. Those that blame the "ip" without them say why the address is refused ("must
 * be a valid", "is whitelisted and cannot be reported"), except with 429, which is never about what
 * an address is.
 */
static bool is_duplicate(int code, const struct json *error)
{
	const char *detail = error_detail(error);

	if (detail && (strstr(detail, "15 minutes") || strstr(detail, "only report the same IP")))
		return true;
	return code == 429 && names_ip(error);
}

static enum outcome refused_outcome(const struct ask *ask, int code, const struct json *error)
{
	enum task_kind kind = ask->task->kind;

	if (kind == TASK_REPORT && code >= 400 && code < 500 && code != 401 &&
	    is_duplicate(code, error))
		return OUT_DUPLICATE;
	if (kind == TASK_BULK)
		return OUT_LATER;
	if (code == 402 || code == 422)
		return OUT_PARKED;
	if (kind == TASK_REPORT && code == 403 && names_ip(error))
		return OUT_PARKED;
	return OUT_LATER;
}

/* The reason that the service gives, unless it shows a piece of the key, should a server send it
 * back. What is shown is what is searched. */
static char *put_reason(const struct ask *ask, const char *reason, char *dst, size_t room)
{
	text_mask(dst, room, text_or(reason, ""), strlen(text_or(reason, "")));
	if (ask->secret && text_shows(dst, strlen(dst), ask->secret))
		dst[0] = '\0';
	return text_redact(dst);
}

static void set_why(const struct ask *ask, int code, const struct json *error)
{
	struct task *task = ask->task;
	char reason[100];

	put_reason(ask, error_detail(error), reason, sizeof(reason));
	snprintf(task->why, sizeof(task->why), "HTTP %d%s%s", code, *reason ? ": " : "", reason);
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
	if (!ret->duplicate) /* which counts as done, and is the most frequent */
		put_reason(ask, error, ret->why, sizeof(ret->why));
	return true;
}

/* False: invalid, or about rows that cannot be identified. */
static bool rows_of(const struct ask *ask, const struct json *data)
{
	const struct json *list = json_member(data, "invalidReports"), *json = json_item(list, 0);
	struct task *task = ask->task;
	size_t count = json_count(list);

	if (!json_int(json_member(data, "savedReports"), 0, BULK_ROWS_MAX, &task->count))
		return false;
	if ((!json_is_absent(list) && !json_is_array(list)) || count > BULK_ROWS_MAX)
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

static bool is_done(const struct ask *ask, const struct json *data, int64_t now,
		    struct finding *ret)
{
	struct task *task = ask->task;

	switch (task->kind) {
	case TASK_FETCH:
	case TASK_RESOLVE:
	case TASK_FLEET:
	case TASK_LOOKUP:
		return false;
	case TASK_REPORT:
		if (!abuseipdb_names(data, &task->addr))
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

static void read_outcome(const struct ask *ask, const struct http_answer *answer, int64_t now,
			 struct finding *ret)
{
	struct json *root = json_parse(answer->body, answer->body_len);
	const struct json *errors = json_member(root, "errors"), *error = json_item(errors, 0);
	struct task *task = ask->task;

	if (!error) /* once seen without its wrapper */
		error = root;
	if (answer->code != 200)
		task->outcome = refused_outcome(ask, answer->code, error);
	else if (!errors && is_done(ask, json_member(root, "data"), now, ret))
		task->outcome = OUT_DONE;
	else
		task->outcome = OUT_LATER;
	if (task->outcome == OUT_PARKED || task->outcome == OUT_LATER)
		set_why(ask, answer->code, error);
	json_free(root);
}

void abuseipdb_outcome(const struct ask *ask, const struct http_answer *answer, int64_t now,
		       struct finding *ret)
{
	struct task *task = ask->task;

	task->why[0] = '\0';
	read_outcome(ask, answer, now, ret);
	if (task->outcome != OUT_DONE) {
		free(task->refused);
		task->refused = NULL;
		task->nrefused = 0;
	}
	if (answer->retry_after_s > 0 && answer->retry_after_s <= 86400)
		task->retry_after_s = answer->retry_after_s > JUST_RESET_S ? 10
									   : answer->retry_after_s;
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
	if (ret->limit >= 0 && ret->remaining > ret->limit) /* one of them is wrong */
		ret->remaining = -1;
	if (answer->code == 401)
		ret->auth_failed = true;
	if (used_up)
		ret->stopped_until = stop_of(answer, now);
	if (file_refused) /* another file today would fare no better */
		ret->stopped_until = next_midnight(now);
	if (answer->status == NET_OK && answer->code != 200 && !names_dup)
		snprintf(ret->error, sizeof(ret->error), "HTTP %d", answer->code);
}

/* SPDX-License-Identifier: MIT */
/* abuseipdb_check.h - what an answer of the API means; pure */
#pragma once
#include "base/buf.h"
#include "source/source.h"

/* 200 of /check: fills in status, points, rule, detail. An invalid answer: FINDING_ERROR. */
void abuseipdb_check_answer(const struct ask *ask, const struct http_answer *answer, int64_t now,
			    struct finding *ret);
/* Does the data of an answer name this address? One that names none may belong to another. */
struct json;
bool abuseipdb_names(const struct json *data, const struct addr *addr);
/* Points of a confidence score from 0 to 100. */
int abuseipdb_points(const struct ask *ask, int64_t score);

/*
 * Any answer to ask->task, which is no lookup: outcome, why, retry_after_s, count and refused rows
 * in the task; the score that came with a report in *ret (partial), else FINDING_NONE.
 */
void abuseipdb_outcome(const struct ask *ask, const struct http_answer *answer, int64_t now,
		       struct finding *ret);
/* Quota headers, 401 and 429, for any endpoint; a file of reports that is refused stops its own. */
void abuseipdb_quota(const struct http_answer *answer, enum task_kind kind, int64_t now,
		     struct quota_seen *ret);
/* application/x-www-form-urlencoded: all but unreserved characters as %XX (RFC 3986, 2.3). */
void abuseipdb_encode(struct buf *buf, const char *text, size_t len);

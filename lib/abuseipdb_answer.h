/* SPDX-License-Identifier: MIT */
/* abuseipdb_answer.h - what an answer of the API means; pure (layer 3) */
#pragma once
#include "buf.h"
#include "source.h"

/* 200 of /check: fills in status, points, rule, detail. Anything not understood: FINDING_ERROR. */
void abuseipdb_check_answer(const struct ask *a, const struct http_answer *h, int64_t now,
			    struct finding *ret);
/* Any answer of /report: outcome and why in *t, the score in *ret (partial) or FINDING_NONE. */
void abuseipdb_report_answer(const struct ask *a, const struct http_answer *h, int64_t now,
			     struct task *t, struct finding *ret);
/* Quota headers, 401 and 429, for any endpoint. */
void abuseipdb_quota(const struct http_answer *h, int64_t now, struct quota_seen *ret);
/* application/x-www-form-urlencoded: all but unreserved characters as %XX (RFC 3986, 2.3). */
void abuseipdb_encode(struct buf *b, const char *text, size_t n);

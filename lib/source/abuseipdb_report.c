/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_report.c - the body of a report, and rows of a bulk report (docs.abuseipdb.com, REPORT;
 * abuseipdb.com/bulk-report: headings, quoting, ISO 8601 with zone, 10,000 lines, 2 MB)
 */
#include "source/abuseipdb_check.h"
#include "base/buf.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

void abuseipdb_encode(struct buf *b, const char *text, size_t n)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (size_t i = 0; i < n; i++) {
		if (text[i] && strchr(plain, text[i]))
			buf_add(b, text + i, 1);
		else
			buf_printf(b, "%%%02X", (unsigned)(unsigned char)text[i]);
	}
}

static bool iso_time(int64_t at, char dst[40])
{
	time_t t = (time_t)at;
	struct tm tm;

	return gmtime_r(&t, &tm) && strftime(dst, 40, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
}

char *abuseipdb_report_body(const struct addr *a, const char *categories, const char *comment,
			    int64_t seen_at)
{
	char ip[ADDR_TEXT_MAX], when[40];
	struct buf b;

	if (seen_at && !iso_time(seen_at, when))
		return NULL;
	buf_init(&b, 8192);
	buf_puts(&b, "ip=");
	addr_text(a, ip);
	abuseipdb_encode(&b, ip, strlen(ip));
	buf_puts(&b, "&categories=");
	abuseipdb_encode(&b, categories, strlen(categories));
	buf_puts(&b, "&comment=");
	abuseipdb_encode(&b, comment, utf8_cut(comment, REPORT_COMMENT_MAX));
	if (seen_at) {
		buf_puts(&b, "&timestamp=");
		abuseipdb_encode(&b, when, strlen(when));
	}
	if (b.failed) {
		buf_free(&b);
		return NULL;
	}
	return b.text;
}

/* ---- bulk reports ---- */

/* A backslash escapes the enclosure and not itself: one that stands before it becomes a slash. */
static void put_quoted(struct buf *b, const char *text, size_t n)
{
	buf_puts(b, "\"");
	for (size_t i = 0; i < n; i++) {
		bool before_quote = text[i] == '\\' && (i + 1 == n || text[i + 1] == '"');

		if (text[i] == '"')
			buf_puts(b, "\\\"");
		else if (before_quote)
			buf_puts(b, "/");
		else
			buf_add(b, (unsigned char)text[i] < ' ' ? " " : text + i, 1);
	}
	buf_puts(b, "\"");
}

void abuseipdb_bulk_head(struct buf *b)
{
	buf_puts(b, "IP,Categories,ReportDate,Comment\n");
}

bool abuseipdb_bulk_row(struct buf *b, const struct addr *a, const char *categories,
			const char *comment, int64_t seen_at)
{
	bool several = strchr(categories, ',');
	size_t before = b->len;
	char ip[ADDR_TEXT_MAX], when[40];

	if (!iso_time(seen_at, when))
		return false;
	buf_printf(b, "%s,%s%s%s,%s,", addr_text(a, ip), several ? "\"" : "", categories,
		   several ? "\"" : "", when);
	put_quoted(b, comment, utf8_cut(comment, REPORT_COMMENT_MAX));
	buf_puts(b, "\n");
	if (!b->failed)
		return true;
	b->failed = false; /* the rows before it still fit */
	b->len = before;
	b->text[before] = '\0';
	return false;
}

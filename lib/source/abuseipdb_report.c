/* SPDX-License-Identifier: MIT */
/*
 * abuseipdb_report.c - the body of a report, and rows of a bulk report (docs.abuseipdb.com, REPORT;
 * abuseipdb.com/bulk-report: headings, quoting, ISO 8601 with zone, 10,000 lines, 2 MB)
 */
#include "source/abuseipdb_check.h"
#include "base/buf.h"
#include "base/time.h"
#include <stdio.h>
#include <string.h>

void abuseipdb_encode(struct buf *buf, const char *text, size_t len)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (size_t i = 0; i < len; i++) {
		if (text[i] && strchr(plain, text[i]))
			buf_add(buf, text + i, 1);
		else
			buf_printf(buf, "%%%02X", (unsigned)(unsigned char)text[i]);
	}
}

char *abuseipdb_report_body(const struct addr *addr, const char *categories, const char *comment,
			    int64_t seen_at)
{
	char ip[ADDR_TEXT_MAX], when[TIME_TEXT_MAX];
	struct buf buf;

	if (seen_at && !*time_text(seen_at, TIME_ISO_OFFSET, when))
		return NULL;
	buf_init(&buf, 8192);
	buf_puts(&buf, "ip=");
	addr_text(addr, ip);
	abuseipdb_encode(&buf, ip, strlen(ip));
	buf_puts(&buf, "&categories=");
	abuseipdb_encode(&buf, categories, strlen(categories));
	buf_puts(&buf, "&comment=");
	abuseipdb_encode(&buf, comment, utf8_cut(comment, REPORT_COMMENT_MAX));
	if (seen_at) {
		buf_puts(&buf, "&timestamp=");
		abuseipdb_encode(&buf, when, strlen(when));
	}
	if (buf.failed) {
		buf_free(&buf);
		return NULL;
	}
	return buf.text;
}

/* ---- bulk reports ---- */

/* A backslash escapes the enclosure and not itself: a backslash before it becomes a slash. */
static void put_quoted(struct buf *buf, const char *text, size_t len)
{
	buf_puts(buf, "\"");
	for (size_t i = 0; i < len; i++) {
		bool before_quote = text[i] == '\\' && (i + 1 == len || text[i + 1] == '"');

		if (text[i] == '"')
			buf_puts(buf, "\\\"");
		else if (before_quote)
			buf_puts(buf, "/");
		else
			buf_add(buf, (unsigned char)text[i] < ' ' ? " " : text + i, 1);
	}
	buf_puts(buf, "\"");
}

void abuseipdb_bulk_head(struct buf *buf)
{
	buf_puts(buf, "IP,Categories,ReportDate,Comment\n");
}

bool abuseipdb_bulk_row(struct buf *buf, const struct addr *addr, const char *categories,
			const char *comment, int64_t seen_at)
{
	const char *quote = strchr(categories, ',') ? "\"" : "";
	size_t before = buf->len;
	char ip[ADDR_TEXT_MAX], when[TIME_TEXT_MAX];

	if (!*time_text(seen_at, TIME_ISO_OFFSET, when))
		return false;
	buf_printf(buf, "%s,%s%s%s,%s,", addr_text(addr, ip), quote, categories, quote, when);
	put_quoted(buf, comment, utf8_cut(comment, REPORT_COMMENT_MAX));
	buf_puts(buf, "\n");
	if (!buf->failed)
		return true;
	buf->failed = false; /* the rows before it still fit */
	buf->len = before;
	buf->text[before] = '\0';
	return false;
}

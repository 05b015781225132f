/* SPDX-License-Identifier: MIT */
/* abuseipdb_report.c - the body of a report (docs.abuseipdb.com, REPORT) */
#include "abuseipdb_answer.h"
#include "buf.h"
#include "categories.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COMMENT_MAX 1024                   /* bytes, abuseipdb.com/bulk-report */
void abuseipdb_encode(struct buf *b, const char *text, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (size_t i = 0; i < n; i++) {
		if (text[i] && strchr(plain, text[i]))
			buf_add(b, text + i, 1);
		else
			buf_printf(b, "%%%02X", (unsigned)(unsigned char)text[i]);
	}
}

char *abuseipdb_report_body(const struct addr *a, const char *categories_text, const char *comment,
			    int64_t seen_at)
{
	char ip[ADDR_TEXT_MAX], when[40], numbers[CONF_TEXT_MAX];
	time_t t = (time_t)seen_at;
	struct tm tm;
	struct buf b;

	if (categories_parse(categories_text, numbers, NULL) || !gmtime_r(&t, &tm))
		return NULL;
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	buf_init(&b, 8192);
	buf_puts(&b, "ip=");
	addr_text(a, ip);
	abuseipdb_encode(&b, ip, strlen(ip));
	buf_puts(&b, "&categories=");
	abuseipdb_encode(&b, numbers, strlen(numbers));
	buf_puts(&b, "&comment=");
	abuseipdb_encode(&b, comment, utf8_cut(comment, COMMENT_MAX));
	buf_puts(&b, "&timestamp=");
	abuseipdb_encode(&b, when, strlen(when));
	if (b.failed) {
		buf_free(&b);
		return NULL;
	}
	return b.text;
}

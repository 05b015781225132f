/* SPDX-License-Identifier: MIT */
/* abuseipdb_report.c - the body of a report, and names of categories (docs.abuseipdb.com) */
#include "abuseipdb_answer.h"
#include "buf.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define COMMENT_MAX 1024                   /* bytes, abuseipdb.com/bulk-report */
#define CATEGORIES_MAX 30

static const struct { const char *name; int number; } categories[] = {
	{ "dns-compromise", 1 }, { "dns-poisoning", 2 }, { "fraud-orders", 3 }, { "ddos-attack", 4 },
	{ "ddos", 4 }, { "ftp-brute-force", 5 }, { "ftp", 5 }, { "ping-of-death", 6 },
	{ "phishing", 7 }, { "fraud-voip", 8 }, { "open-proxy", 9 }, { "web-spam", 10 },
	{ "email-spam", 11 }, { "blog-spam", 12 }, { "vpn-ip", 13 }, { "port-scan", 14 },
	{ "hacking", 15 }, { "sql-injection", 16 }, { "spoofing", 17 }, { "brute-force", 18 },
	{ "bad-web-bot", 19 }, { "exploited-host", 20 }, { "web-app-attack", 21 },
	{ "web-attack", 21 }, { "ssh", 22 }, { "iot-targeted", 23 },
};

static int category_of(const char *name)
{
	int64_t n;

	if (int_parse(name, 1, 23, &n))
		return (int)n;
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		if (!strcasecmp(categories[i].name, name))
			return categories[i].number;
	return 0;
}

int abuseipdb_categories(const char *text, char dst[CONF_TEXT_MAX], struct err *e)
{
	char list[CONF_TEXT_MAX], one[16], out[CONF_TEXT_MAX] = "", masked[64], *save = NULL;
	bool seen[24] = { 0 };
	int n = 0;

	if (strlen(text) >= sizeof(list))
		return err_set(e, IPREP_E_ARG, "categories: longer than %zu bytes", sizeof(list) - 1);
	memcpy(list, text, strlen(text) + 1);
	for (char *p = strtok_r(list, ", ", &save); p; p = strtok_r(NULL, ", ", &save)) {
		int c = category_of(p);

		if (!c)
			return err_set(e, IPREP_E_ARG, "categories: \"%s\" is no category of AbuseIPDB",
				       text_mask(masked, sizeof(masked), p, strlen(p)));
		if (seen[c])
			continue;
		seen[c] = true;
		snprintf(one, sizeof(one), "%s%d", n++ ? "," : "", c);
		text_put(out, sizeof(out), one);
	}
	if (!n || n > CATEGORIES_MAX)
		return err_set(e, IPREP_E_ARG, "categories: \"%s\" names none",
			       text_mask(masked, sizeof(masked), text, strlen(text)));
	memcpy(dst, out, strlen(out) + 1);
	return 0;
}

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

/* Where a UTF-8 text may be cut so that it has at most max bytes. */
static size_t utf8_cut(const char *text, size_t max)
{
	size_t n = strlen(text);

	if (n <= max)
		return n;
	for (n = max; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

char *abuseipdb_report_body(const struct addr *a, const char *categories_text, const char *comment,
			    int64_t seen_at)
{
	char ip[ADDR_TEXT_MAX], when[40], numbers[CONF_TEXT_MAX];
	time_t t = (time_t)seen_at;
	struct tm tm;
	struct buf b;

	if (abuseipdb_categories(categories_text, numbers, NULL) || !gmtime_r(&t, &tm))
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

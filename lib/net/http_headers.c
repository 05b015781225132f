/* SPDX-License-Identifier: MIT */
/*
 * http_headers.c - the headers of an answer that the library knows (RFC 9110)
 *
 * Foreign text: numbers have limits, texts have room and one line of printable ASCII, and a header
 * given twice counts as absent. An ETag and Last-Modified are sent back as they came (13.1), so one
 * that would have to be changed is left out.
 */
#include "net/http_private.h"
#include "base/clock.h"
#include "base/mask.h"
#include "base/parse.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CALLS_MAX 100000000    /* a day; the largest plan has 50,000 */
#define WAIT_MAX  31622400     /* a year */
#define TIME_MAX  253402300799 /* the end of the year 9999 */

/* Its value, until curl is called again; NULL: absent, or given twice. */
static const char *header_value(CURL *easy, const char *name)
{
	struct curl_header *header;

	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
	    header->amount != 1)
		return NULL;
	return header->value;
}

/* A decimal number up to max and nothing else; -1: none. */
static int64_t number_header(CURL *easy, const char *name, int64_t max)
{
	const char *value = header_value(easy, name);
	int64_t number;

	if (!value || !int_parse(value, 0, max, &number))
		return -1;
	return number;
}

/* One of the three forms of HTTP, which begin with the day of the week; -1: not a date.
 * curl_getdate(3) alone takes "20261130" as well. */
static int64_t date_parse(const char *value)
{
	if (!value || !isalpha((unsigned char)*value))
		return -1;
	return curl_getdate(value, NULL);
}

static int64_t read_retry_after(CURL *easy)
{
	int64_t seconds = number_header(easy, "Retry-After", WAIT_MAX), at, now;

	if (seconds >= 0)
		return seconds;
	at = date_parse(header_value(easy, "Retry-After"));
	if (at < 0)
		return -1;
	now = date_parse(header_value(easy, "Date")); /* the same clock as Retry-After's */
	if (now < 0)
		now = clock_now_s(NULL);
	if (at <= now)
		return 0;
	return at - now <= WAIT_MAX ? at - now : -1;
}

static void copy_masked(const struct call *call, const char *name, char *dst, size_t room)
{
	const char *value = header_value(call->easy, name);

	if (value)
		http_mask(call, dst, room, value, strlen(value));
}

/* As it came, or not at all. */
static void copy_unchanged(const struct call *call, const char *value, char *dst, size_t room)
{
	text_printable(dst, room, value, strlen(value));
	if (strcmp(dst, value) != 0 || http_shows_secret(call, dst))
		*dst = '\0';
}

/* 8.8.3: in quotes, perhaps after W/. */
static bool is_etag(const char *value)
{
	const char *end;

	if (!strncmp(value, "W/", 2))
		value += 2;
	if (*value != '"')
		return false;
	end = strchr(value + 1, '"');
	return end && !end[1];
}

void http_read_headers(const struct call *call, struct http_answer *answer)
{
	CURL *easy = call->easy;
	const char *value;

	answer->limit = number_header(easy, "X-RateLimit-Limit", CALLS_MAX);
	answer->remaining = number_header(easy, "X-RateLimit-Remaining", CALLS_MAX);
	answer->reset_at = number_header(easy, "X-RateLimit-Reset", TIME_MAX);
	answer->retry_after_s = read_retry_after(easy);
	value = header_value(easy, "ETag");
	if (value && is_etag(value))
		copy_unchanged(call, value, answer->etag, sizeof(answer->etag));
	value = header_value(easy, "Last-Modified");
	if (date_parse(value) >= 0)
		copy_unchanged(call, value, answer->last_modified, sizeof(answer->last_modified));
	copy_masked(call, "Content-Type", answer->content_type, sizeof(answer->content_type));
	copy_masked(call, "X-Generated-At", answer->generated_at, sizeof(answer->generated_at));
	value = header_value(easy, "Content-Encoding");
	answer->is_encoded = value && strcasecmp(value, "identity") != 0;
}

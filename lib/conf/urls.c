/* SPDX-License-Identifier: MIT */
/* urls.c - the URLs of the configuration: of AbuseIPDB, of feeds, of a proxy */
#include "conf/keys.h"
#include <stdio.h>
#include <string.h>

#define SCHEME_EXPECTED "expected https:// (http:// only to loopback)"

static bool loopback_host(const char *host)
{
	size_t len = strcspn(host, *host == '[' ? "]" : ":/");
	char one[16];
	struct addr addr;

	len += host[len] == ']';
	if (len >= sizeof(one) || (host[len] && !strchr(":/", host[len])))
		return false;
	snprintf(one, sizeof(one), "%.*s", (int)len, host);
	return !strcmp(one, "localhost") || !strcmp(one, "[::1]") ||
	       (addr_parse(one, &addr) && addr_is_v4(&addr) && addr.bytes[12] == 127);
}

static bool is_safe_scheme(const char *text)
{
	return !strncmp(text, "https://", 8) ||
	       (!strncmp(text, "http://", 7) && loopback_host(text + 7));
}

bool p_url(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	(void)key;
	if (!is_safe_scheme(text))
		return key_error(error, SCHEME_EXPECTED);
	if (text[strcspn(text, " \"'@#?<>\\")] || text[strlen(text) - 1] == '/')
		return key_error(error, "not a plain URL without a slash at its end");
	return key_copy(dst, text, error);
}

/* A path, a query and a slash at its end are the publisher's; no fragment and no password. */
bool p_feed_url(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	const char *host, *path;

	(void)key;
	if (!*text) /* of a feed that has a file instead */
		return key_copy(dst, text, error);
	if (!is_safe_scheme(text))
		return key_error(error, SCHEME_EXPECTED);
	host = strstr(text, "://") + 3;
	path = host + strcspn(host, "/?");
	if (path == host || memchr(host, '@', (size_t)(path - host)))
		return key_error(error, "expected a host after https://, without a user name");
	for (const char *at = host; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\"#<>\\^`{|}", *at))
			return key_error(error, "expected a URL without blanks and fragment (#)");
	return key_copy(dst, text, error);
}

/* "[SCHEME://]HOST[:PORT]"; this file holds no secret, so no password before an '@'. */
bool p_proxy(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	const char *scheme_end = strstr(text, "://"), *host = text;

	(void)key;
	if (scheme_end)
		host = scheme_end + 3;
	if (*text && (!*host || host[strcspn(host, " \t\"'@#?<>\\/")]))
		return key_error(error, "expected a proxy such as http://proxy.example.org:3128");
	return key_copy(dst, text, error);
}

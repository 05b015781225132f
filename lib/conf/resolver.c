/* SPDX-License-Identifier: MIT */
/* resolver.c - see resolver.h */
#include "conf/resolver.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>

/* Cuts text, "HOST" or "HOST:PORT", into its parts; *ret_port NULL: none. False: malformed. */
static bool split_port(char *text, char **ret_host, char **ret_port)
{
	char *colon = strchr(text, ':'), *end;

	*ret_host = text;
	*ret_port = NULL;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end || !colon || colon > end || (end[1] && end[1] != ':'))
			return false;
		*ret_host = text + 1;
		if (end[1])
			*ret_port = end + 2;
		*end = '\0';
	} else if (colon && !strchr(colon + 1, ':')) { /* with more of them it is IPv6 */
		*ret_port = colon + 1;
		*colon = '\0';
	}
	return true;
}

bool resolver_parse(const char *text, struct resolver *ret)
{
	char copy[ADDR_TEXT_MAX], *host, *port_text;
	struct resolver resolver;
	int64_t port = 53;

	if (strlen(text) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%s", text);
	if (!split_port(copy, &host, &port_text))
		return false;
	if (port_text && !int_parse(port_text, 1, UINT16_MAX, &port))
		return false;
	if (!addr_parse(host, &resolver.addr))
		return false;
	resolver.port = (uint16_t)port;
	*ret = resolver;
	return true;
}

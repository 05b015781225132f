/* SPDX-License-Identifier: MIT */
/*
 * resolvers.c - addresses of resolvers, strictly
 *
 * Not left to ares_set_servers_csv(3): it skips what it does not understand at the end of an
 * entry, takes ports above 65535 and says nothing of where the mistake is.
 */
#include "net/resolvers.h"
#include "base/buf.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ENTRY_MAX 64 /* "[...]:65535" with 45 bytes of IPv6 */

static bool take_port(const char *text, int *ret)
{
	int n = 0;

	if (!*text || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (*text - '0');
	}
	*ret = n;
	return n >= 1 && n <= 65535;
}

/* ADDRESS4[:PORT], ADDRESS6, [ADDRESS6][:PORT]; entry is cut into pieces. */
static bool take_entry(char *entry, char ret[RESOLVER_ROOM])
{
	char *host = entry, *port_text = NULL, *end, shown[INET6_ADDRSTRLEN];
	struct in6_addr a;
	int family = AF_INET, port = 53;

	if (*entry == '[') {
		host = entry + 1;
		end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':') || !memchr(host, ':', (size_t)(end - host)))
			return false;
		port_text = end[1] ? end + 2 : NULL;
		*end = '\0';
	} else if ((end = strchr(entry, ':')) && end == strrchr(entry, ':')) {
		*end = '\0';
		port_text = end + 1;
	}
	if (port_text && !take_port(port_text, &port))
		return false;
	if (strchr(host, ':'))
		family = AF_INET6;
	if (inet_pton(family, host, &a) != 1 || !inet_ntop(family, &a, shown, sizeof(shown)))
		return false;
	snprintf(ret, RESOLVER_ROOM, family == AF_INET6 ? "[%s]:%d" : "%s:%d", shown, port);
	return true;
}

int net_resolvers_parse(const char *text, char ret[RESOLVERS_MAX][RESOLVER_ROOM], size_t *ret_n,
			struct err *e)
{
	const char *p = text + strspn(text, " \t");
	char entry[ENTRY_MAX], shown[ENTRY_MAX];
	size_t n = 0;

	while (*p || n) {
		size_t len, used;

		p += strspn(p, " \t");
		used = len = strcspn(p, ",");
		while (used && strchr(" \t", p[used - 1]))
			used--;
		if (n == RESOLVERS_MAX)
			return err_set(e, IPREP_E_CONFIG, "[dns] resolvers: more than %d",
				       RESOLVERS_MAX);
		memcpy(entry, p, used < ENTRY_MAX ? used : 0);
		entry[used < ENTRY_MAX ? used : 0] = '\0';
		if (!take_entry(entry, ret[n]))
			return err_set(e, IPREP_E_CONFIG,
				       "[dns] resolvers: \"%s\" is not an"
				       " address with or without a port, as in"
				       " 127.0.0.1:53 or [::1]:53",
				       text_mask(shown, sizeof(shown), p, used));
		n++;
		p += len;
		if (!*p++)
			break;
	}
	*ret_n = n;
	return 0;
}

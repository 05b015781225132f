/* SPDX-License-Identifier: MIT */
/*
 * resolvers.c - addresses of resolvers, strictly
 *
 * Not left to ares_set_servers_csv(3): it skips what it does not understand at the end of an
 * entry, takes ports above 65535 and says nothing of where the mistake is.
 */
#include "net/resolvers.h"
#include "base/mask.h"
#include "base/parse.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ENTRY_MAX 64 /* "[...]:65535" with 45 bytes of IPv6 */

static bool take_port(const char *text, int *ret)
{
	int64_t port;

	if (!int_parse(text, 1, 65535, &port))
		return false;
	*ret = (int)port;
	return true;
}

/* ADDRESS4[:PORT], ADDRESS6, [ADDRESS6][:PORT]; entry is cut into pieces. */
static bool take_entry(char *entry, char ret[RESOLVER_ROOM])
{
	char *host = entry, *port_text = NULL, *end, shown[INET6_ADDRSTRLEN];
	struct in6_addr in6_addr;
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
	if (inet_pton(family, host, &in6_addr) != 1 ||
	    !inet_ntop(family, &in6_addr, shown, sizeof(shown)))
		return false;
	snprintf(ret, RESOLVER_ROOM, family == AF_INET6 ? "[%s]:%d" : "%s:%d", shown, port);
	return true;
}

int net_resolvers_parse(const char *text, char ret[RESOLVERS_MAX][RESOLVER_ROOM], size_t *ret_n,
			struct err *error)
{
	const char *pos = text + strspn(text, " \t");
	char entry[ENTRY_MAX], shown[ENTRY_MAX];
	size_t count = 0;

	while (*pos || count) {
		size_t len, used;

		pos += strspn(pos, " \t");
		used = len = strcspn(pos, ",");
		while (used && strchr(" \t", pos[used - 1]))
			used--;
		if (count == RESOLVERS_MAX)
			return err_set(error, IPREP_E_CONFIG, "[dns] resolvers: more than %d",
				       RESOLVERS_MAX);
		memcpy(entry, pos, used < ENTRY_MAX ? used : 0);
		entry[used < ENTRY_MAX ? used : 0] = '\0';
		if (!take_entry(entry, ret[count]))
			return err_set(error, IPREP_E_CONFIG,
				       "[dns] resolvers: \"%s\" is not an"
				       " address with or without a port, as in"
				       " 127.0.0.1:53 or [::1]:53",
				       text_mask(shown, sizeof(shown), pos, used));
		count++;
		pos += len;
		if (!*pos++)
			break;
	}
	*ret_n = count;
	return 0;
}

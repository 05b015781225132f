/* SPDX-License-Identifier: MIT */
#include "own.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static bool addr_of(const struct sockaddr *sa, struct addr *ret)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		*ret = (struct addr){ .b = { [10] = 0xff, [11] = 0xff } };
		memcpy(ret->b + 12, &v4.sin_addr, 4);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof(v6));
	memcpy(ret->b, &v6.sin6_addr, 16);
	return true;
}

bool own_in(const struct prefix *p)
{
	struct ifaddrs *list = NULL;
	bool has = false;
	struct addr one;

	if (getifaddrs(&list))
		return false;
	for (struct ifaddrs *i = list; i && !has; i = i->ifa_next)
		has = i->ifa_addr && addr_of(i->ifa_addr, &one) && prefix_has(p, &one);
	freeifaddrs(list);
	return has;
}

bool own_has(const struct addr *a)
{
	struct prefix p = { *a, 128 };

	return own_in(&p);
}

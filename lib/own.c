/* SPDX-License-Identifier: MIT */
#include "own.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static bool same(const struct sockaddr *sa, const struct addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		return !memcmp(a->b, mapped, 12) && !memcmp(a->b + 12, &v4.sin_addr, 4);
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		return !memcmp(a->b, &v6.sin6_addr, 16);
	}
	return false;
}

bool own_has(const struct addr *a)
{
	struct ifaddrs *list = NULL;
	bool has = false;

	if (getifaddrs(&list))
		return false;
	for (struct ifaddrs *i = list; i && !has; i = i->ifa_next)
		has = i->ifa_addr && same(i->ifa_addr, a);
	freeifaddrs(list);
	return has;
}

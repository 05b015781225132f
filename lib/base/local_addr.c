/* SPDX-License-Identifier: MIT */
#include "base/local_addr.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static bool addr_of(const struct sockaddr *sa, struct addr *ret)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		*ret = (struct addr){ .bytes = { [10] = 0xff, [11] = 0xff } };
		memcpy(ret->bytes + 12, &v4.sin_addr, 4);
		return true;
	}
	if (sa->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sa, sizeof(v6));
	memcpy(ret->bytes, &v6.sin6_addr, 16);
	return true;
}

bool local_addr_in(const struct prefix *prefix)
{
	struct ifaddrs *list = NULL;
	bool has = false;
	struct addr one;

	if (getifaddrs(&list))
		return false;
	for (struct ifaddrs *ifaddrs = list; ifaddrs && !has; ifaddrs = ifaddrs->ifa_next)
		has = ifaddrs->ifa_addr && addr_of(ifaddrs->ifa_addr, &one) &&
		      prefix_has(prefix, &one);
	freeifaddrs(list);
	return has;
}

bool local_addr_has(const struct addr *addr)
{
	struct prefix prefix = { *addr, 128 };

	return local_addr_in(&prefix);
}

struct local_addr_list *local_addr_list_new(void)
{
	struct ifaddrs *list = NULL;
	struct local_addr_list *own;
	size_t count = 0;

	if (getifaddrs(&list))
		return NULL;
	for (struct ifaddrs *ifaddrs = list; ifaddrs; ifaddrs = ifaddrs->ifa_next)
		count++;
	own = calloc(1, sizeof(*own) + count * sizeof(own->addrs[0]));
	for (struct ifaddrs *ifaddrs = list; ifaddrs && own; ifaddrs = ifaddrs->ifa_next)
		own->count += ifaddrs->ifa_addr &&
			      addr_of(ifaddrs->ifa_addr, &own->addrs[own->count]);
	freeifaddrs(list);
	return own;
}

bool local_addr_list_has(const struct local_addr_list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (addr_equal(&list->addrs[i], addr))
			return true;
	return false;
}

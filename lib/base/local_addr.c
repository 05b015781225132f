/* SPDX-License-Identifier: MIT */
/* local_addr.c - see local_addr.h */
#include "base/local_addr.h"
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* sockaddr: NULL for an interface without an address */
static bool sockaddr_addr(const struct sockaddr *sockaddr, struct addr *ret)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (!sockaddr)
		return false;
	if (sockaddr->sa_family == AF_INET) {
		memcpy(&v4, sockaddr, sizeof(v4));
		*ret = (struct addr){ .bytes = { [10] = 0xff, [11] = 0xff } };
		memcpy(ret->bytes + 12, &v4.sin_addr, 4);
		return true;
	}
	if (sockaddr->sa_family != AF_INET6)
		return false;
	memcpy(&v6, sockaddr, sizeof(v6));
	memcpy(ret->bytes, &v6.sin6_addr, 16);
	return true;
}

int local_addr_in(const struct prefix *prefix)
{
	struct ifaddrs *list = NULL;
	struct addr addr;
	bool found = false;

	if (getifaddrs(&list))
		return -1;
	for (struct ifaddrs *entry = list; entry && !found; entry = entry->ifa_next)
		found = sockaddr_addr(entry->ifa_addr, &addr) && prefix_has(prefix, &addr);
	freeifaddrs(list);
	return found;
}

int local_addr_has(const struct addr *addr)
{
	struct prefix prefix = { *addr, 128 };

	return local_addr_in(&prefix);
}

struct local_addr_list *local_addr_list_new(void)
{
	struct ifaddrs *list = NULL;
	struct local_addr_list *ours;
	size_t count = 0;

	if (getifaddrs(&list))
		return NULL;
	for (struct ifaddrs *entry = list; entry; entry = entry->ifa_next)
		count++;
	ours = calloc(1, sizeof(*ours) + count * sizeof(ours->addrs[0]));
	for (struct ifaddrs *entry = list; entry && ours; entry = entry->ifa_next)
		if (sockaddr_addr(entry->ifa_addr, &ours->addrs[ours->count]))
			ours->count++;
	freeifaddrs(list);
	return ours;
}

bool local_addr_list_has(const struct local_addr_list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++)
		if (addr_equal(&list->addrs[i], addr))
			return true;
	return false;
}

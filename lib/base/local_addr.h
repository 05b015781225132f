/* SPDX-License-Identifier: MIT */
/* local_addr.h - is this one of our own addresses? Asks the kernel (a netlink socket): not for
 * hooks */
#pragma once
#include "base/addr.h"

bool local_addr_has(const struct addr *addr);
/* All of them at one time, for who looks many up. Release with free(). NULL: no memory or no
 * kernel. */
struct local_addr_list {
	size_t count;
	struct addr addrs[];
};
struct local_addr_list *local_addr_list_new(void);
bool local_addr_list_has(const struct local_addr_list *list, const struct addr *addr);
/* Does the prefix hold one of them? */
bool local_addr_in(const struct prefix *prefix);

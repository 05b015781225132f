/* SPDX-License-Identifier: MIT */
/* local_addr.h - is this one of our own addresses? Asks the kernel (a netlink socket): not for
 * hooks */
#pragma once
#include "base/addr.h"

bool own_has(const struct addr *a);
/* All of them at one time, for who looks many up. Release with free(). NULL: no memory or no
 * kernel. */
struct own_list {
	size_t n;
	struct addr addrs[];
};
struct own_list *own_list_new(void);
bool own_list_has(const struct own_list *list, const struct addr *a);
/* Does the prefix hold one of them? */
bool own_in(const struct prefix *p);

/* SPDX-License-Identifier: MIT */
/* local_addr.h - the addresses of this host; asks the kernel by netlink: not for the gate */
#pragma once
#include "base/addr.h"

/* 1: it is one of them; 0: it is not; -1: the kernel does not answer, or out of memory. */
int local_addr_has(const struct addr *addr);
/* The same: the prefix contains one of them. */
int local_addr_in(const struct prefix *prefix);

/* All of them, for many lookups. */
struct local_addr_list {
	size_t count;
	struct addr addrs[];
};
/* Release with free(). NULL: out of memory, or the kernel does not answer. */
struct local_addr_list *local_addr_list_new(void);
bool local_addr_list_has(const struct local_addr_list *list, const struct addr *addr);

/* SPDX-License-Identifier: MIT */
/* resolver.h - a DNS resolver: an address and a port */
#pragma once
#include "base/addr.h"

#define RESOLVERS_MAX 8

struct resolver {
	struct addr addr;
	uint16_t port;
};

/* "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]" or "[::1]:53"; the port is 53 if none is given. */
bool resolver_parse(const char *text, struct resolver *ret);

/* SPDX-License-Identifier: MIT */
/* net_resolvers.h - "127.0.0.1:5353, [::1]:53" into what c-ares takes (in the module) */
#pragma once
#include "err.h"
#include <ares.h>
#include <stddef.h>

#define RESOLVERS_MAX 8

/* Empty text: none. The nodes are linked in their order. Errors: _CONFIG names the value. */
int net_resolvers_parse(const char *text, struct ares_addr_port_node nodes[RESOLVERS_MAX],
			size_t *ret_n, struct err *e);

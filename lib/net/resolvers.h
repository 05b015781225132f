/* SPDX-License-Identifier: MIT */
/* resolvers.h - "127.0.0.1:5353, [::1]:53" into resolvers as cares.h takes them (in the module) */
#pragma once
#include "base/err.h"
#include "net/cares.h"

/* Empty text: none. Errors: _CONFIG names the value. */
int net_resolvers_parse(const char *text, char ret[RESOLVERS_MAX][RESOLVER_ROOM], size_t *ret_n,
			struct err *error);

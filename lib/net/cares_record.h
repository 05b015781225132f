/* SPDX-License-Identifier: MIT */
/*
 * cares_record.h - which c-ares is modern, and what its parsed replies say (in the module)
 *
 * Modern is 1.34: it can be told to leave its timeouts alone (ARES_PROCESS_FLAG_SKIP_NON_FD). 1.28
 * to 1.33 have a part of the new interface, but not that, and pass for old.
 */
#pragma once
#define CARES_NO_DEPRECATED /* 1.28 to 1.33 would warn of what is old */
#include "net/net.h"
#include <ares.h>

#define IS_MODERN (ARES_VERSION >= 0x012200) /* 1.34.0 */

#if IS_MODERN
/* As dns_message_parse() does it of the bytes: tests/unit/test_dns_message.c compares. */
void net_ares_read(const ares_dns_record_t *reply, const char *name, int type,
		   struct dns_answer *ret);
#endif

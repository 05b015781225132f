/* SPDX-License-Identifier: MIT */
/* dns_message.h - a DNS reply into a dns_answer; pure, foreign bytes (layer 2, in the module) */
#pragma once
#include "net.h"

/* name without trailing dot, type NET_A or NET_TXT. Never fails: what is odd is NET_BROKEN. */
void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret);

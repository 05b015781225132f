/* SPDX-License-Identifier: MIT */
/* dns_message.h - a DNS reply into a dns_answer; pure, foreign bytes (layer 2, in the module) */
#pragma once
#include "net.h"

/*
 * @msg   the whole message as it came, without TCP's length
 * @name  what was asked, without trailing dot; @type NET_A or NET_TXT
 * @ret   always completely written: what is odd is NET_BROKEN and says why
 */
void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret);

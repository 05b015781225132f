/* SPDX-License-Identifier: MIT */
/* dns_message.h - a DNS reply into a dns_answer; pure, foreign bytes (layer 2, in the module) */
#pragma once
#include "net/net.h"

/*
 * @msg   the whole message as it came, without TCP's length
 * @name  what was asked, without trailing dot; @type NET_A or NET_TXT
 * @ret   always completely written: what is odd is NET_BROKEN and says why
 */
void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret);
/*
 * For c-ares, which is less strict and lets one malformed message end all questions of its socket:
 * what of a datagram it may see. Returns the new length: the same; shorter, if it is malformed,
 * then it says FORMERR to its question, or is truncated; 0: nothing.
 */
size_t dns_message_tidy(unsigned char *msg, size_t len);

/* ttl_s is at most this TTL of one more record; both readers of replies call it. */
void dns_answer_least_ttl(struct dns_answer *answer, uint32_t ttl);

/* SPDX-License-Identifier: MIT */
/* dns_message.h - the bytes of a DNS reply into a dns_answer, without input or output (in the
 * module) */
#pragma once
#include "net/net.h"

/*
 * @msg   the whole message as it came, without TCP's length
 * @name  what was asked, without trailing dot; @type NET_A, NET_AAAA or NET_TXT
 * @ret   always completely written: what is odd is NET_BROKEN and says why. The caller calls
 *        dns_answer_done().
 */
void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret);
/*
 * Prepares a datagram for c-ares, which is less strict and lets one malformed message end all
 * questions of its socket. Returns the new length. A sound message is unchanged. A malformed one is
 * cut to its question, with FORMERR or, if it was truncated, with TC; 0: it has no question either.
 */
size_t dns_message_tidy(unsigned char *msg, size_t len);

/* Frees its TXT records. */
void dns_answer_done(struct dns_answer *answer);

/* For both readers of replies, this one and cares_record.c: */
/* One more record has this TTL; ttl_s becomes the least of all. */
void dns_answer_least_ttl(struct dns_answer *answer, uint32_t ttl);
/* One more record; an address that is there already is not added. */
void dns_answer_add_address(struct dns_answer *answer, uint32_t ip);
void dns_answer_add_address6(struct dns_answer *answer, const void *bytes);
/* One more TXT record, its strings joined and cut to TXT_MAX. False: no memory. */
bool dns_answer_add_txt(struct dns_answer *answer, const void *bytes, size_t len, bool is_cut);
extern const char dns_no_memory[];
extern const char dns_truncated[]; /* why: the rest is to be had over TCP */
/* Nothing but NET_BROKEN and why; what it was is not freed. */
void dns_answer_set_broken(struct dns_answer *answer, const char *why);
/* The same of one that has records, which are freed. */
void dns_answer_spoil(struct dns_answer *answer, const char *why);
/* The name is the zone or in it. */
bool dns_name_is_below(const char *name, const char *zone);
extern const char dns_foreign_soa[]; /* why: the SOA is of a zone that the name is not in */
/* Why the records of one name contradict each other; NULL: they do not. found: of the type asked.
 */
const char *dns_names_clash(int found, int ncnames);
/* A "no" of these sections, its SOA taken: NET_BROKEN if nothing proves it. hops: CNAMEs followed.
 */
void dns_answer_judge_negative(struct dns_answer *answer, int hops, bool has_ns, bool is_authority);

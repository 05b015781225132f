/* SPDX-License-Identifier: MIT */
/*
 * cares_record.c - a reply that c-ares has parsed, into a dns_answer (ares_dns_record(3))
 *
 * The rules are those of dns_message.c, and their reasons are there. Writing the reply back into
 * bytes for it would take a quarter of the time of a long list.
 */
#include "net/cares_record.h"
#include "net/dns_message.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#if IS_MODERN

#define CHAIN_MAX 8

static void broken(struct dns_answer *a, const char *why)
{
	*a = (struct dns_answer){ .status = NET_BROKEN };
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static bool our_question(const ares_dns_record_t *m, const char *name, int type)
{
	ares_dns_rec_type_t asked_type;
	ares_dns_class_t asked_class;
	const char *asked;

	return ares_dns_record_query_cnt(m) == 1 &&
	       ares_dns_record_query_get(m, 0, &asked, &asked_type, &asked_class) == ARES_SUCCESS &&
	       (int)asked_type == type && asked_class == ARES_CLASS_IN && !strcasecmp(asked, name);
}

static void take_record(struct dns_answer *a, const ares_dns_rr_t *rr, int type, bool first)
{
	if (type == NET_TXT) {
		size_t len = 0;
		const unsigned char *text = ares_dns_rr_get_bin(rr, ARES_RR_TXT_DATA, &len);

		if (first && text) {
			a->txt_len = len < sizeof(a->txt) ? len : sizeof(a->txt);
			memcpy(a->txt, text, a->txt_len);
		}
	} else if (a->na < ANSWERS_MAX) {
		a->a[a->na++] = ntohl(ares_dns_rr_get_addr(rr, ARES_RR_A_ADDR)->s_addr);
	}
	dns_answer_least_ttl(a, ares_dns_rr_get_ttl(rr));
}

/* Records of name; returns how many, and in ret_next where a CNAME of it points to, or NULL. */
static int take_name(const ares_dns_record_t *m, const char *name, int type, struct dns_answer *a,
		     const char **ret_next)
{
	size_t n = ares_dns_record_rr_cnt(m, ARES_SECTION_ANSWER);
	int found = 0;

	*ret_next = NULL;
	for (size_t i = 0; i < n; i++) {
		const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(m, ARES_SECTION_ANSWER, i);

		if (ares_dns_rr_get_class(rr) != ARES_CLASS_IN ||
		    strcasecmp(ares_dns_rr_get_name(rr), name))
			continue;
		if ((int)ares_dns_rr_get_type(rr) == type) {
			take_record(a, rr, type, !found++);
		} else if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_CNAME && !*ret_next) {
			*ret_next = ares_dns_rr_get_str(rr, ARES_RR_CNAME_CNAME);
			dns_answer_least_ttl(a, ares_dns_rr_get_ttl(rr));
		}
	}
	return found;
}

static void take_no(const ares_dns_record_t *m, enum net_status status, struct dns_answer *ret)
{
	size_t n = ares_dns_record_rr_cnt(m, ARES_SECTION_AUTHORITY);
	bool has_ns = false;

	*ret = (struct dns_answer){ .status = status };
	for (size_t i = 0; i < n; i++) {
		const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(m, ARES_SECTION_AUTHORITY,
								       i);

		if (ares_dns_rr_get_type(rr) == ARES_REC_TYPE_SOA) {
			uint32_t ttl = ares_dns_rr_get_ttl(rr);
			uint32_t minimum = ares_dns_rr_get_u32(rr, ARES_RR_SOA_MINIMUM);

			dns_answer_least_ttl(ret, ttl < minimum ? ttl : minimum);
		}
		has_ns |= ares_dns_rr_get_type(rr) == ARES_REC_TYPE_NS;
	}
	if (status == NET_NODATA && has_ns && !ret->has_ttl &&
	    !(ares_dns_record_get_flags(m) & ARES_FLAG_AA))
		broken(ret, "a referral: this resolver does not recurse");
}

static void take_answers(const ares_dns_record_t *m, const char *name, int type, bool is_nxdomain,
			 struct dns_answer *ret)
{
	const char *next;
	int found, hops = 0;

	while (!(found = take_name(m, name, type, ret, &next)) && next) {
		if (hops++ == CHAIN_MAX) {
			broken(ret, "CNAMEs in a loop, or too many");
			return;
		}
		name = next;
	}
	if (found && is_nxdomain)
		broken(ret, "NXDOMAIN with an answer");
	else if (found)
		ret->status = NET_OK;
	else if (ares_dns_record_rr_cnt(m, ARES_SECTION_ANSWER) && !hops)
		broken(ret, "malformed answer: records of another name or type");
	else
		take_no(m, is_nxdomain ? NET_NXDOMAIN : NET_NODATA, ret);
}

void net_ares_read(const ares_dns_record_t *reply, const char *name, int type,
		   struct dns_answer *ret)
{
	unsigned flags = ares_dns_record_get_flags(reply);
	int rcode = (int)ares_dns_record_get_rcode(reply);

	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (!(flags & ARES_FLAG_QR) || ares_dns_record_get_opcode(reply) != ARES_OPCODE_QUERY ||
	    !our_question(reply, name, type))
		broken(ret, "not an answer to our question");
	else if (rcode == ARES_RCODE_SERVFAIL)
		ret->status = NET_SERVFAIL;
	else if (rcode == ARES_RCODE_REFUSED)
		ret->status = NET_REFUSED;
	else if (rcode == ARES_RCODE_FORMERR)
		broken(ret, "FORMERR");
	else if (rcode == ARES_RCODE_NOTIMP)
		broken(ret, "NOTIMP");
	else if (rcode != ARES_RCODE_NOERROR && rcode != ARES_RCODE_NXDOMAIN)
		snprintf(ret->why, sizeof(ret->why), "response code %d", rcode);
	else if (flags & ARES_FLAG_TC)
		broken(ret, "truncated");
	else
		take_answers(reply, name, type, rcode == ARES_RCODE_NXDOMAIN, ret);
}

#endif

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
#include <sys/param.h>

#if IS_MODERN

#define CHAIN_MAX 8

static bool record_is_ours(const ares_dns_record_t *message, const char *name, int type)
{
	ares_dns_rec_type_t asked_type;
	ares_dns_class_t asked_class;
	const char *asked;

	return ares_dns_record_query_cnt(message) == 1 &&
	       ares_dns_record_query_get(message, 0, &asked, &asked_type, &asked_class) ==
		       ARES_SUCCESS &&
	       (int)asked_type == type && asked_class == ARES_CLASS_IN && !strcasecmp(asked, name);
}

/* False: no memory. */
static bool record_take(struct dns_answer *answer, const ares_dns_rr_t *record, int type)
{
	size_t len = 0;
	const unsigned char *text;

	dns_answer_least_ttl(answer, ares_dns_rr_get_ttl(record));
	if (type == NET_A)
		dns_answer_add_address(answer,
				       ntohl(ares_dns_rr_get_addr(record, ARES_RR_A_ADDR)->s_addr));
	if (type == NET_AAAA)
		dns_answer_add_address6(answer, ares_dns_rr_get_addr6(record, ARES_RR_AAAA_ADDR));
	if (type != NET_TXT)
		return true;
	text = ares_dns_rr_get_bin(record, ARES_RR_TXT_DATA, &len);
	if (!text)
		len = 0;
	return dns_answer_add_txt(answer, text ? (const void *)text : "", MIN(len, TXT_MAX),
				  len > TXT_MAX);
}

/*
 * Records of name, how many in ret_found, and in ret_next where a CNAME of it points to, or NULL.
 * Returns why they are no answer, or NULL.
 */
static const char *record_take_name(const ares_dns_record_t *message, const char *name, int type,
				    struct dns_answer *answer, int *ret_found,
				    const char **ret_next)
{
	size_t count = ares_dns_record_rr_cnt(message, ARES_SECTION_ANSWER);
	int ncnames = 0;

	*ret_found = 0;
	*ret_next = NULL;
	for (size_t i = 0; i < count; i++) {
		const ares_dns_rr_t *record = ares_dns_record_rr_get_const(message,
									   ARES_SECTION_ANSWER, i);

		if (ares_dns_rr_get_class(record) != ARES_CLASS_IN ||
		    strcasecmp(ares_dns_rr_get_name(record), name))
			continue;
		if ((int)ares_dns_rr_get_type(record) == type) {
			if (!record_take(answer, record, type))
				return dns_no_memory;
			(*ret_found)++;
		} else if (ares_dns_rr_get_type(record) == ARES_REC_TYPE_CNAME) {
			*ret_next = ares_dns_rr_get_str(record, ARES_RR_CNAME_CNAME);
			ncnames++;
			dns_answer_least_ttl(answer, ares_dns_rr_get_ttl(record));
		}
	}
	return dns_names_clash(*ret_found, ncnames);
}

static void record_take_negative(const ares_dns_record_t *message, enum net_status status,
				 const char *name, int hops, struct dns_answer *ret)
{
	size_t count = ares_dns_record_rr_cnt(message, ARES_SECTION_AUTHORITY);
	bool has_ns = false;

	*ret = (struct dns_answer){ .status = status };
	for (size_t i = 0; i < count; i++) {
		const ares_dns_rr_t *record =
			ares_dns_record_rr_get_const(message, ARES_SECTION_AUTHORITY, i);

		has_ns |= ares_dns_rr_get_type(record) == ARES_REC_TYPE_NS;
		if (ares_dns_rr_get_type(record) != ARES_REC_TYPE_SOA ||
		    ares_dns_rr_get_class(record) != ARES_CLASS_IN)
			continue;
		dns_answer_least_ttl(ret, ares_dns_rr_get_ttl(record));
		dns_answer_least_ttl(ret, ares_dns_rr_get_u32(record, ARES_RR_SOA_MINIMUM));
		if (!dns_name_is_below(name, ares_dns_rr_get_name(record))) {
			dns_answer_set_broken(ret, dns_foreign_soa);
			return;
		}
	}
	dns_answer_judge_negative(ret, hops, has_ns,
				  ares_dns_record_get_flags(message) & ARES_FLAG_AA);
}

static void record_take_answers(const ares_dns_record_t *message, const char *name, int type,
				bool is_nxdomain, struct dns_answer *ret)
{
	const char *next;
	int found, hops = 0;

	for (;; hops++) {
		const char *why = record_take_name(message, name, type, ret, &found, &next);

		if (why) {
			dns_answer_spoil(ret, why);
			return;
		}
		if (found || !next || !*next)
			break;
		if (hops == CHAIN_MAX) {
			dns_answer_set_broken(ret, "CNAMEs in a loop, or too many");
			return;
		}
		name = next;
	}
	if (found && is_nxdomain)
		dns_answer_spoil(ret, "NXDOMAIN with an answer");
	else if (found)
		ret->status = NET_OK;
	else if (ares_dns_record_rr_cnt(message, ARES_SECTION_ANSWER) && !hops)
		dns_answer_set_broken(ret, "malformed answer: records of another name or type");
	else
		record_take_negative(message, is_nxdomain ? NET_NXDOMAIN : NET_NODATA, name, hops,
				     ret);
}

void net_ares_read(const ares_dns_record_t *reply, const char *name, int type,
		   struct dns_answer *ret)
{
	unsigned flags = ares_dns_record_get_flags(reply);
	int rcode = (int)ares_dns_record_get_rcode(reply);

	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (!(flags & ARES_FLAG_QR) || ares_dns_record_get_opcode(reply) != ARES_OPCODE_QUERY ||
	    !record_is_ours(reply, name, type))
		dns_answer_set_broken(ret, "not an answer to our question");
	else if (rcode == ARES_RCODE_SERVFAIL)
		ret->status = NET_SERVFAIL;
	else if (rcode == ARES_RCODE_REFUSED)
		ret->status = NET_REFUSED;
	else if (rcode == ARES_RCODE_FORMERR)
		dns_answer_set_broken(ret, "FORMERR");
	else if (rcode == ARES_RCODE_NOTIMP)
		dns_answer_set_broken(ret, "NOTIMP");
	else if (rcode != ARES_RCODE_NOERROR && rcode != ARES_RCODE_NXDOMAIN)
		snprintf(ret->why, sizeof(ret->why), "response code %d", rcode);
	else if (flags & ARES_FLAG_TC)
		dns_answer_set_broken(ret, dns_truncated);
	else
		record_take_answers(reply, name, type, rcode == ARES_RCODE_NXDOMAIN, ret);
}

#endif

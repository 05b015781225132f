/* SPDX-License-Identifier: MIT */
/*
 * dns_message.c - RFC 1035 messages through glibc's ns_initparse(3), ns_parserr(3), dn_expand(3)
 *
 * The question must be ours: a resolver that answers another one is broken or lying. CNAMEs are
 * followed inside the answer only, a bounded number of them, since a message can contain a loop.
 * "No" is a negative answer as in RFC 2308: NXDOMAIN, or NODATA that is not a referral; its TTL is
 * min(SOA TTL, SOA minimum) (section 5). Everything that is neither records nor a "no" is
 * NET_BROKEN, because taking a strange message for a "no" would clear an address.
 */
#include "net/dns_message.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#define CHAIN_MAX   8
#define SOA_NUMBERS 20 /* serial, refresh, retry, expire, minimum */

static const char malformed[] = "malformed "; /* begins why */

static bool message_is_ours(ns_msg *msg, const char *name, int type)
{
	ns_rr rr;

	return ns_msg_count(*msg, ns_s_qd) == 1 && !ns_parserr(msg, ns_s_qd, 0, &rr) &&
	       (int)ns_rr_type(rr) == type && ns_rr_class(rr) == ns_c_in &&
	       !strcasecmp(ns_rr_name(rr), name);
}

void dns_answer_set_broken(struct dns_answer *answer, const char *why)
{
	*answer = (struct dns_answer){ .status = NET_BROKEN };
	snprintf(answer->why, sizeof(answer->why), "%s", why);
}

void dns_answer_least_ttl(struct dns_answer *answer, uint32_t ttl)
{
	if (ttl > INT32_MAX) /* RFC 2181, 8: the sign bit means zero */
		ttl = 0;
	if (!answer->has_ttl || ttl < answer->ttl_s)
		answer->ttl_s = ttl;
	answer->has_ttl = true;
}

/* The strings of one TXT record (RFC 1035, 3.3.14), joined and cut; false: malformed. */
static bool message_take_txt(struct dns_answer *answer, const unsigned char *bytes, size_t len,
			     bool keep)
{
	if (!len)
		return false;
	while (len) {
		size_t count = *bytes, kept = 0;

		if (count + 1 > len)
			return false;
		if (keep)
			kept = sizeof(answer->txt) - answer->txt_len;
		if (kept > count)
			kept = count;
		memcpy(answer->txt + answer->txt_len, bytes + 1, kept);
		answer->txt_len += kept;
		bytes += count + 1;
		len -= count + 1;
	}
	return true;
}

static bool message_take_record(struct dns_answer *answer, const ns_rr *rr, int type, bool first)
{
	if (type == NET_TXT) {
		if (!message_take_txt(answer, ns_rr_rdata(*rr), ns_rr_rdlen(*rr), first))
			return false;
	} else {
		if (ns_rr_rdlen(*rr) != 4)
			return false;
		if (answer->na < ANSWERS_MAX)
			answer->a[answer->na++] = (uint32_t)ns_get32(ns_rr_rdata(*rr));
	}
	dns_answer_least_ttl(answer, ns_rr_ttl(*rr));
	return true;
}

/* Records of name, and in ret_next where a CNAME of it points to, or nothing. False: malformed. */
static bool message_take_name(ns_msg *msg, const char *name, int type, struct dns_answer *answer,
			      int *ret_found, char ret_next[NS_MAXDNAME])
{
	ns_rr rr;

	*ret_next = '\0';
	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++) {
		if (ns_parserr(msg, ns_s_an, i, &rr))
			return false;
		if (ns_rr_class(rr) != ns_c_in || strcasecmp(ns_rr_name(rr), name))
			continue;
		if ((int)ns_rr_type(rr) == type) {
			if (!message_take_record(answer, &rr, type, !*ret_found))
				return false;
			(*ret_found)++;
		} else if (ns_rr_type(rr) == ns_t_cname && !*ret_next) {
			int count = dn_expand(ns_msg_base(*msg), ns_msg_end(*msg), ns_rr_rdata(rr),
					      ret_next, NS_MAXDNAME);

			if (count < 0 || count != ns_rr_rdlen(rr))
				return false;
			dns_answer_least_ttl(answer, ns_rr_ttl(rr));
		}
	}
	return true;
}

/* The two names before a SOA's numbers have no fixed length (RFC 1035, 3.3.13). */
static bool message_take_soa(ns_msg *msg, const ns_rr *rr, struct dns_answer *answer)
{
	const unsigned char *bytes = ns_rr_rdata(*rr), *end = bytes + ns_rr_rdlen(*rr);
	char name[NS_MAXDNAME];
	uint32_t minimum, ttl = ns_rr_ttl(*rr);

	for (int i = 0; i < 2; i++) {
		int count = dn_expand(ns_msg_base(*msg), ns_msg_end(*msg), bytes, name,
				      sizeof(name));

		if (count < 0 || count > end - bytes)
			return false;
		bytes += count;
	}
	if (end - bytes != SOA_NUMBERS)
		return false;
	minimum = (uint32_t)ns_get32(end - 4);
	dns_answer_least_ttl(answer, MIN(ttl, minimum));
	return true;
}

static void message_take_negative(ns_msg *msg, enum net_status status, struct dns_answer *ret)
{
	bool has_ns = false;
	ns_rr rr;

	*ret = (struct dns_answer){ .status = status };
	for (int i = 0; i < ns_msg_count(*msg, ns_s_ns); i++) {
		if (ns_parserr(msg, ns_s_ns, i, &rr)) {
			dns_answer_set_broken(ret, "malformed authority section");
			return;
		}
		if (ns_rr_type(rr) == ns_t_soa && !message_take_soa(msg, &rr, ret)) {
			dns_answer_set_broken(ret, "malformed SOA");
			return;
		}
		has_ns |= ns_rr_type(rr) == ns_t_ns;
	}
	/* RFC 2308, 2.2: NS without SOA is a referral. A resolver that recurses sends none. */
	if (status == NET_NODATA && has_ns && !ret->has_ttl && !ns_msg_getflag(*msg, ns_f_aa))
		dns_answer_set_broken(ret, "a referral: this resolver does not recurse");
}

static void message_take_answers(ns_msg *msg, const char *name, int type, bool is_nxdomain,
				 struct dns_answer *ret)
{
	char current[NS_MAXDNAME], next[NS_MAXDNAME];
	int found = 0, hops = 0;

	snprintf(current, sizeof(current), "%s", name);
	for (;; hops++) {
		if (!message_take_name(msg, current, type, ret, &found, next)) {
			dns_answer_set_broken(ret, "malformed answer section");
			return;
		}
		if (found || !*next)
			break;
		if (hops == CHAIN_MAX) {
			dns_answer_set_broken(ret, "CNAMEs in a loop, or too many");
			return;
		}
		memcpy(current, next, sizeof(current));
	}
	if (found && is_nxdomain)
		dns_answer_set_broken(ret, "NXDOMAIN with an answer");
	else if (found)
		ret->status = NET_OK;
	else if (ns_msg_count(*msg, ns_s_an) && !hops)
		dns_answer_set_broken(ret, "malformed answer: records of another name or type");
	else
		message_take_negative(msg, is_nxdomain ? NET_NXDOMAIN : NET_NODATA, ret);
}

static void message_other_rcode(int rcode, struct dns_answer *ret)
{
	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (rcode == ns_r_formerr)
		dns_answer_set_broken(ret, "FORMERR");
	else if (rcode == ns_r_notimpl)
		dns_answer_set_broken(ret, "NOTIMP");
	else
		snprintf(ret->why, sizeof(ret->why), "response code %d", rcode);
}

void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret)
{
	ns_msg m;
	int rcode;

	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (len > NS_MAXMSG || ns_initparse(msg, (int)len, &m)) {
		dns_answer_set_broken(ret, "malformed message");
		return;
	}
	if (!ns_msg_getflag(m, ns_f_qr) || ns_msg_getflag(m, ns_f_opcode) != ns_o_query ||
	    !message_is_ours(&m, name, type)) {
		dns_answer_set_broken(ret, "not an answer to our question");
		return;
	}
	rcode = ns_msg_getflag(m, ns_f_rcode);
	if (rcode == ns_r_servfail)
		ret->status = NET_SERVFAIL;
	else if (rcode == ns_r_refused)
		ret->status = NET_REFUSED;
	else if (rcode != ns_r_noerror && rcode != ns_r_nxdomain)
		message_other_rcode(rcode, ret);
	else if (ns_msg_getflag(m, ns_f_tc))
		dns_answer_set_broken(ret, "truncated");
	else
		message_take_answers(&m, name, type, rcode == ns_r_nxdomain, ret);
}

static bool is_malformed(const unsigned char *msg, size_t len)
{
	struct dns_answer answer;
	ns_msg m;
	ns_rr rr;

	if (len > NS_MAXMSG || ns_initparse(msg, (int)len, &m) || ns_parserr(&m, ns_s_qd, 0, &rr))
		return true;
	dns_message_parse(msg, len, ns_rr_name(rr), (int)ns_rr_type(rr), &answer);
	return answer.status == NET_BROKEN &&
	       !strncmp(answer.why, malformed, sizeof(malformed) - 1);
}

size_t dns_message_tidy(unsigned char *msg, size_t len)
{
	const unsigned char *end = msg + len;
	int count;

	if (!is_malformed(msg, len))
		return len;
	if (len < NS_HFIXEDSZ || ns_get16(msg + 4) != 1)
		return 0;
	count = dn_skipname(msg + NS_HFIXEDSZ, end);
	if (count < 0 || end - msg < NS_HFIXEDSZ + count + NS_QFIXEDSZ)
		return 0;
	memset(msg + 6, 0, 6); /* no records */
	if (!(msg[2] & 2))     /* TC */
		msg[3] = (unsigned char)((msg[3] & 0xf0) | ns_r_formerr);
	return (size_t)(NS_HFIXEDSZ + count + NS_QFIXEDSZ);
}

/* SPDX-License-Identifier: MIT */
/*
 * dns_message.c - RFC 1035 messages through glibc's ns_initparse(3), ns_parserr(3), dn_expand(3)
 *
 * The question must be ours: a resolver that answers another one is broken or lying. CNAMEs are
 * followed inside the answer only, a bounded number of them, since a message can contain a loop.
 * "No" is what RFC 2308 calls so: NXDOMAIN, or NODATA that is not a referral; it lives
 * min(SOA TTL, SOA minimum) (section 5). Everything that is neither records nor a "no" is
 * NET_BROKEN, because a "no" read into a strange message would clear an address.
 */
#include "net/dns_message.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CHAIN_MAX   8
#define SOA_NUMBERS 20 /* serial, refresh, retry, expire, minimum */

static const char malformed[] = "malformed "; /* begins why */

static void broken(struct dns_answer *a, const char *why)
{
	*a = (struct dns_answer){ .status = NET_BROKEN };
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static bool our_question(ns_msg *m, const char *name, int type)
{
	ns_rr rr;

	return ns_msg_count(*m, ns_s_qd) == 1 && !ns_parserr(m, ns_s_qd, 0, &rr) &&
	       (int)ns_rr_type(rr) == type && ns_rr_class(rr) == ns_c_in &&
	       !strcasecmp(ns_rr_name(rr), name);
}

void dns_answer_least_ttl(struct dns_answer *a, uint32_t ttl)
{
	if (ttl > INT32_MAX) /* RFC 2181, 8: the sign bit means zero */
		ttl = 0;
	if (!a->has_ttl || ttl < a->ttl_s)
		a->ttl_s = ttl;
	a->has_ttl = true;
}

/* The strings of one TXT record (RFC 1035, 3.3.14), joined and cut; false: malformed. */
static bool take_txt(struct dns_answer *a, const unsigned char *p, size_t len, bool keep)
{
	if (!len)
		return false;
	while (len) {
		size_t n = *p, room = keep ? sizeof(a->txt) - a->txt_len : 0;

		if (n + 1 > len)
			return false;
		memcpy(a->txt + a->txt_len, p + 1, n < room ? n : room);
		a->txt_len += n < room ? n : room;
		p += n + 1;
		len -= n + 1;
	}
	return true;
}

static bool take_record(struct dns_answer *a, const ns_rr *rr, int type, bool first)
{
	if (type == NET_TXT) {
		if (!take_txt(a, ns_rr_rdata(*rr), ns_rr_rdlen(*rr), first))
			return false;
	} else {
		if (ns_rr_rdlen(*rr) != 4)
			return false;
		if (a->na < ANSWERS_MAX)
			a->a[a->na++] = (uint32_t)ns_get32(ns_rr_rdata(*rr));
	}
	dns_answer_least_ttl(a, ns_rr_ttl(*rr));
	return true;
}

/* Records of name, and in ret_next where a CNAME of it points to, or nothing. False: malformed. */
static bool take_name(ns_msg *m, const char *name, int type, struct dns_answer *a, int *ret_found,
		      char ret_next[NS_MAXDNAME])
{
	ns_rr rr;

	*ret_next = '\0';
	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
		if (ns_parserr(m, ns_s_an, i, &rr))
			return false;
		if (ns_rr_class(rr) != ns_c_in || strcasecmp(ns_rr_name(rr), name))
			continue;
		if ((int)ns_rr_type(rr) == type) {
			if (!take_record(a, &rr, type, !*ret_found))
				return false;
			(*ret_found)++;
		} else if (ns_rr_type(rr) == ns_t_cname && !*ret_next) {
			int n = dn_expand(ns_msg_base(*m), ns_msg_end(*m), ns_rr_rdata(rr),
					  ret_next, NS_MAXDNAME);

			if (n < 0 || n != ns_rr_rdlen(rr))
				return false;
			dns_answer_least_ttl(a, ns_rr_ttl(rr));
		}
	}
	return true;
}

/* The two names before a SOA's numbers have no fixed length (RFC 1035, 3.3.13). */
static bool take_soa(ns_msg *m, const ns_rr *rr, struct dns_answer *a)
{
	const unsigned char *p = ns_rr_rdata(*rr), *end = p + ns_rr_rdlen(*rr);
	char name[NS_MAXDNAME];
	uint32_t minimum, ttl = ns_rr_ttl(*rr);

	for (int i = 0; i < 2; i++) {
		int n = dn_expand(ns_msg_base(*m), ns_msg_end(*m), p, name, sizeof(name));

		if (n < 0 || n > end - p)
			return false;
		p += n;
	}
	if (end - p != SOA_NUMBERS)
		return false;
	minimum = (uint32_t)ns_get32(end - 4);
	dns_answer_least_ttl(a, ttl < minimum ? ttl : minimum);
	return true;
}

static void take_no(ns_msg *m, enum net_status status, struct dns_answer *ret)
{
	bool has_ns = false;
	ns_rr rr;

	*ret = (struct dns_answer){ .status = status };
	for (int i = 0; i < ns_msg_count(*m, ns_s_ns); i++) {
		if (ns_parserr(m, ns_s_ns, i, &rr)) {
			broken(ret, "malformed authority section");
			return;
		}
		if (ns_rr_type(rr) == ns_t_soa && !take_soa(m, &rr, ret)) {
			broken(ret, "malformed SOA");
			return;
		}
		has_ns |= ns_rr_type(rr) == ns_t_ns;
	}
	/* RFC 2308, 2.2: NS and no SOA says "ask those". A resolver that recurses never does. */
	if (status == NET_NODATA && has_ns && !ret->has_ttl && !ns_msg_getflag(*m, ns_f_aa))
		broken(ret, "a referral: this resolver does not recurse");
}

static void take_answers(ns_msg *m, const char *name, int type, bool is_nxdomain,
			 struct dns_answer *ret)
{
	char current[NS_MAXDNAME], next[NS_MAXDNAME];
	int found = 0, hops = 0;

	snprintf(current, sizeof(current), "%s", name);
	for (;; hops++) {
		if (!take_name(m, current, type, ret, &found, next)) {
			broken(ret, "malformed answer section");
			return;
		}
		if (found || !*next)
			break;
		if (hops == CHAIN_MAX) {
			broken(ret, "CNAMEs in a loop, or too many");
			return;
		}
		memcpy(current, next, sizeof(current));
	}
	if (found && is_nxdomain)
		broken(ret, "NXDOMAIN with an answer");
	else if (found)
		ret->status = NET_OK;
	else if (ns_msg_count(*m, ns_s_an) && !hops)
		broken(ret, "malformed answer: records of another name or type");
	else
		take_no(m, is_nxdomain ? NET_NXDOMAIN : NET_NODATA, ret);
}

static void other_rcode(int rcode, struct dns_answer *ret)
{
	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (rcode == ns_r_formerr)
		broken(ret, "FORMERR");
	else if (rcode == ns_r_notimpl)
		broken(ret, "NOTIMP");
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
		broken(ret, "malformed message");
		return;
	}
	if (!ns_msg_getflag(m, ns_f_qr) || ns_msg_getflag(m, ns_f_opcode) != ns_o_query ||
	    !our_question(&m, name, type)) {
		broken(ret, "not an answer to our question");
		return;
	}
	rcode = ns_msg_getflag(m, ns_f_rcode);
	if (rcode == ns_r_servfail)
		ret->status = NET_SERVFAIL;
	else if (rcode == ns_r_refused)
		ret->status = NET_REFUSED;
	else if (rcode != ns_r_noerror && rcode != ns_r_nxdomain)
		other_rcode(rcode, ret);
	else if (ns_msg_getflag(m, ns_f_tc))
		broken(ret, "truncated");
	else
		take_answers(&m, name, type, rcode == ns_r_nxdomain, ret);
}

static bool is_malformed(const unsigned char *msg, size_t len)
{
	struct dns_answer a;
	ns_msg m;
	ns_rr rr;

	if (len > NS_MAXMSG || ns_initparse(msg, (int)len, &m) || ns_parserr(&m, ns_s_qd, 0, &rr))
		return true;
	dns_message_parse(msg, len, ns_rr_name(rr), (int)ns_rr_type(rr), &a);
	return a.status == NET_BROKEN && !strncmp(a.why, malformed, sizeof(malformed) - 1);
}

size_t dns_message_tidy(unsigned char *msg, size_t len)
{
	const unsigned char *end = msg + len;
	int n;

	if (!is_malformed(msg, len))
		return len;
	if (len < NS_HFIXEDSZ || ns_get16(msg + 4) != 1)
		return 0;
	n = dn_skipname(msg + NS_HFIXEDSZ, end);
	if (n < 0 || end - msg < NS_HFIXEDSZ + n + NS_QFIXEDSZ)
		return 0;
	memset(msg + 6, 0, 6); /* no records */
	if (!(msg[2] & 2))     /* TC */
		msg[3] = (unsigned char)((msg[3] & 0xf0) | ns_r_formerr);
	return (size_t)(NS_HFIXEDSZ + n + NS_QFIXEDSZ);
}

/* SPDX-License-Identifier: MIT */
/*
 * dns_message.c - RFC 1035 messages through glibc's ns_parse(3) functions
 *
 * The question must be ours: a resolver that answers another one is broken or lying. CNAMEs are
 * followed inside the answer only. A "no" lives min(SOA TTL, SOA minimum) (RFC 2308, 5).
 */
#include "dns_message.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CHAIN_MAX 8

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

static void least_ttl(struct dns_answer *a, uint32_t ttl)
{
	if (!a->has_ttl || ttl < a->ttl_s)
		a->ttl_s = ttl;
	a->has_ttl = true;
}

static bool take_txt(struct dns_answer *a, const unsigned char *p, size_t len)
{
	if (a->txt_len)
		return true;
	while (len) {
		size_t n = *p, room = sizeof(a->txt) - a->txt_len;

		if (n + 1 > len)
			return false;
		memcpy(a->txt + a->txt_len, p + 1, n < room ? n : room);
		a->txt_len += n < room ? n : room;
		p += n + 1;
		len -= n + 1;
	}
	return true;
}

static bool take_record(struct dns_answer *a, const ns_rr *rr, int type)
{
	if (type == NET_TXT) {
		if (!take_txt(a, ns_rr_rdata(*rr), ns_rr_rdlen(*rr)))
			return false;
	} else {
		if (ns_rr_rdlen(*rr) != 4)
			return false;
		if (a->na < ANSWERS_MAX)
			a->a[a->na++] = (uint32_t)ns_get32(ns_rr_rdata(*rr));
	}
	least_ttl(a, ns_rr_ttl(*rr));
	return true;
}

/* One pass for records of the name; *ret_next is where a CNAME points to, or empty. */
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
			if (!take_record(a, &rr, type))
				return false;
			(*ret_found)++;
		} else if (ns_rr_type(rr) == ns_t_cname) {
			if (dn_expand(ns_msg_base(*m), ns_msg_end(*m), ns_rr_rdata(rr), ret_next,
				      NS_MAXDNAME) < 0)
				return false;
			least_ttl(a, ns_rr_ttl(rr));
		}
	}
	return true;
}

static void take_negative_ttl(ns_msg *m, struct dns_answer *a)
{
	ns_rr rr;

	a->has_ttl = false;
	for (int i = 0; i < ns_msg_count(*m, ns_s_ns); i++) {
		const unsigned char *end;
		uint32_t minimum;

		if (ns_parserr(m, ns_s_ns, i, &rr))
			return;
		if (ns_rr_type(rr) != ns_t_soa || ns_rr_rdlen(rr) < 20)
			continue;
		end = ns_rr_rdata(rr) + ns_rr_rdlen(rr);
		minimum = (uint32_t)ns_get32(end - 4);
		least_ttl(a, ns_rr_ttl(rr) < minimum ? ns_rr_ttl(rr) : minimum);
	}
}

static void take_answers(ns_msg *m, const char *name, int type, struct dns_answer *ret)
{
	char current[NS_MAXDNAME], next[NS_MAXDNAME];
	int found = 0;

	snprintf(current, sizeof(current), "%s", name);
	for (int hops = 0; hops < CHAIN_MAX; hops++) {
		if (!take_name(m, current, type, ret, &found, next)) {
			broken(ret, "malformed answer section");
			return;
		}
		if (found || !*next)
			break;
		memcpy(current, next, sizeof(current));
	}
	if (found) {
		ret->status = NET_OK;
	} else if (*next) {
		broken(ret, "endless chain of CNAMEs");
	} else {
		ret->status = NET_NODATA;
		take_negative_ttl(m, ret);
	}
}

void dns_message_parse(const unsigned char *msg, size_t len, const char *name, int type,
		       struct dns_answer *ret)
{
	ns_msg m;

	*ret = (struct dns_answer){ .status = NET_BROKEN };
	if (len > 65535 || ns_initparse(msg, (int)len, &m)) {
		broken(ret, "malformed message");
		return;
	}
	if (!ns_msg_getflag(m, ns_f_qr) || !our_question(&m, name, type)) {
		broken(ret, "an answer to another question");
		return;
	}
	switch ((int)ns_msg_getflag(m, ns_f_rcode)) {
	case ns_r_noerror:
		take_answers(&m, name, type, ret);
		return;
	case ns_r_nxdomain:
		ret->status = NET_NXDOMAIN;
		take_negative_ttl(&m, ret);
		return;
	case ns_r_servfail:
		ret->status = NET_SERVFAIL;
		return;
	case ns_r_refused:
		ret->status = NET_REFUSED;
		return;
	default:
		snprintf(ret->why, sizeof(ret->why), "response code %d",
			 (int)ns_msg_getflag(m, ns_f_rcode));
	}
}

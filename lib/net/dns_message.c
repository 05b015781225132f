/* SPDX-License-Identifier: MIT */
/*
 * dns_message.c - RFC 1035 messages through glibc's ns_initparse(3), ns_parserr(3), dn_expand(3)
 *
 * The question must be ours: a resolver that answers another one is broken or lying. CNAMEs are
 * followed inside the answer only, a bounded number of them, since a message can contain a loop.
 * "No" is a negative answer as in RFC 2308: NXDOMAIN, or NODATA with the SOA that proves it; its
 * TTL is min(SOA TTL, SOA minimum) (section 5). A list says "no" with NXDOMAIN (RFC 5782, 2.1), so
 * an empty answer without SOA is a resolver that failed or filters, and an alias whose target is
 * missing is an entry that cannot be read. Everything that is neither records nor a "no" is
 * NET_BROKEN, because taking a strange message for a "no" would clear an address.
 */
#include "net/dns_message.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

#define CHAIN_MAX   8
#define SOA_NUMBERS 20 /* serial, refresh, retry, expire, minimum */

static const char malformed[] = "malformed "; /* begins why */
static const char malformed_answer[] = "malformed answer section";

const char dns_truncated[] = "truncated";
const char dns_no_memory[] = "out of memory";
const char dns_foreign_soa[] = "a negative answer of another zone";

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

void dns_answer_done(struct dns_answer *answer)
{
	while (answer->txts) {
		struct dns_txt *next = answer->txts->next;

		free(answer->txts);
		answer->txts = next;
	}
}

void dns_answer_spoil(struct dns_answer *answer, const char *why)
{
	dns_answer_done(answer);
	dns_answer_set_broken(answer, why);
}

void dns_answer_least_ttl(struct dns_answer *answer, uint32_t ttl)
{
	if (ttl > INT32_MAX) /* RFC 2181, 8: the sign bit means zero */
		ttl = 0;
	if (!answer->has_ttl || ttl < answer->ttl_s)
		answer->ttl_s = ttl;
	answer->has_ttl = true;
}

void dns_answer_add_address(struct dns_answer *answer, uint32_t ip)
{
	for (size_t i = 0; i < answer->na; i++)
		if (answer->a[i] == ip)
			return;
	if (answer->na < A_MAX)
		answer->a[answer->na++] = ip;
	else
		answer->is_cut = true;
}

void dns_answer_add_address6(struct dns_answer *answer, const void *bytes)
{
	for (size_t i = 0; i < answer->na6; i++)
		if (!memcmp(answer->a6[i], bytes, 16))
			return;
	if (answer->na6 < ANSWERS_MAX)
		memcpy(answer->a6[answer->na6++], bytes, 16);
	else
		answer->is_cut = true;
}

bool dns_answer_add_txt(struct dns_answer *answer, const void *bytes, size_t len, bool is_cut)
{
	struct dns_txt **end = &answer->txts, *txt;
	size_t count = 0;

	for (; *end; end = &(*end)->next)
		count++;
	if (count == TXTS_MAX) {
		answer->is_cut = true;
		return true;
	}
	txt = malloc(sizeof(*txt) + len);
	if (!txt)
		return false;
	*txt = (struct dns_txt){ .bytes = (char *)(txt + 1), .len = len, .is_cut = is_cut };
	memcpy(txt + 1, bytes, len);
	*end = txt;
	if (count)
		return true;
	answer->txt_len = MIN(len, sizeof(answer->txt));
	memcpy(answer->txt, bytes, answer->txt_len);
	return true;
}

/* The strings of one TXT record (RFC 1035, 3.3.14). Returns why it is none, or NULL. */
static const char *message_take_txt(struct dns_answer *answer, const unsigned char *bytes,
				    size_t len)
{
	unsigned char joined[TXT_MAX];
	size_t total = 0, kept = 0;

	if (!len)
		return malformed_answer;
	while (len) {
		size_t count = *bytes, fits = MIN(count, sizeof(joined) - kept);

		if (count + 1 > len)
			return malformed_answer;
		memcpy(joined + kept, bytes + 1, fits);
		kept += fits;
		total += count;
		bytes += count + 1;
		len -= count + 1;
	}
	if (!dns_answer_add_txt(answer, joined, kept, total > kept))
		return dns_no_memory;
	return NULL;
}

/* Returns why it is none, or NULL. */
static const char *message_take_record(struct dns_answer *answer, const ns_rr *rr, int type)
{
	const char *why;

	dns_answer_least_ttl(answer, ns_rr_ttl(*rr));
	if (type == NET_TXT)
		return message_take_txt(answer, ns_rr_rdata(*rr), ns_rr_rdlen(*rr));
	why = ns_rr_rdlen(*rr) == (type == NET_A ? 4 : 16) ? NULL : malformed_answer;
	if (!why && type == NET_A)
		dns_answer_add_address(answer, (uint32_t)ns_get32(ns_rr_rdata(*rr)));
	else if (!why)
		dns_answer_add_address6(answer, ns_rr_rdata(*rr));
	return why;
}

bool dns_name_is_below(const char *name, const char *zone)
{
	size_t len = strlen(name), zone_len = strlen(zone);

	if (!zone_len || !strcmp(zone, "."))
		return true;
	if (zone_len > len || strcasecmp(name + len - zone_len, zone))
		return false;
	return zone_len == len || name[len - zone_len - 1] == '.';
}

const char *dns_names_clash(int found, int ncnames)
{
	if (ncnames > 1)
		return "two CNAMEs of one name";
	if (found && ncnames) /* RFC 1034, 3.6.2 */
		return "a CNAME next to other records";
	return NULL;
}

/*
 * Records of name, and in ret_next where a CNAME of it points to, or nothing. Returns why they are
 * no answer, or NULL.
 */
static const char *message_take_name(ns_msg *msg, const char *name, int type,
				     struct dns_answer *answer, int *ret_found,
				     char ret_next[NS_MAXDNAME])
{
	int ncnames = 0;
	ns_rr rr;

	*ret_next = '\0';
	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++) {
		if (ns_parserr(msg, ns_s_an, i, &rr))
			return malformed_answer;
		if (ns_rr_class(rr) != ns_c_in || strcasecmp(ns_rr_name(rr), name))
			continue;
		if ((int)ns_rr_type(rr) == type) {
			const char *why = message_take_record(answer, &rr, type);

			if (why)
				return why;
			(*ret_found)++;
		} else if (ns_rr_type(rr) == ns_t_cname) {
			int count = dn_expand(ns_msg_base(*msg), ns_msg_end(*msg), ns_rr_rdata(rr),
					      ret_next, NS_MAXDNAME);

			if (count < 0 || count != ns_rr_rdlen(rr))
				return malformed_answer;
			ncnames++;
			dns_answer_least_ttl(answer, ns_rr_ttl(rr));
		}
	}
	return dns_names_clash(*ret_found, ncnames);
}

/* The two names before a SOA's numbers have no fixed length (RFC 1035, 3.3.13). */
static bool message_take_soa(ns_msg *msg, const ns_rr *rr, struct dns_answer *answer)
{
	const unsigned char *bytes = ns_rr_rdata(*rr), *end = bytes + ns_rr_rdlen(*rr);
	char name[NS_MAXDNAME];

	for (int i = 0; i < 2; i++) {
		int count = dn_expand(ns_msg_base(*msg), ns_msg_end(*msg), bytes, name,
				      sizeof(name));

		if (count < 0 || count > end - bytes)
			return false;
		bytes += count;
	}
	if (end - bytes != SOA_NUMBERS)
		return false;
	dns_answer_least_ttl(answer, ns_rr_ttl(*rr));
	dns_answer_least_ttl(answer, (uint32_t)ns_get32(end - 4));
	return true;
}

void dns_answer_judge_negative(struct dns_answer *answer, int hops, bool has_ns, bool is_authority)
{
	if (answer->has_ttl) /* a SOA */
		return;
	/* RFC 2308, 2.2: NS without SOA is a referral. A resolver that recurses sends none. */
	if (answer->status == NET_NODATA && has_ns && !is_authority)
		dns_answer_set_broken(answer, "a referral: this resolver does not recurse");
	else if (hops)
		dns_answer_set_broken(answer, "a CNAME to nothing, without a SOA that proves it");
	else if (answer->status == NET_NODATA)
		dns_answer_set_broken(answer, "neither an answer nor a SOA");
}

/* name: the one asked, or the last one of its CNAMEs. */
static void message_take_negative(ns_msg *msg, enum net_status status, const char *name, int hops,
				  struct dns_answer *ret)
{
	bool has_ns = false;
	ns_rr rr;

	*ret = (struct dns_answer){ .status = status };
	for (int i = 0; i < ns_msg_count(*msg, ns_s_ns); i++) {
		if (ns_parserr(msg, ns_s_ns, i, &rr)) {
			dns_answer_set_broken(ret, "malformed authority section");
			return;
		}
		has_ns |= ns_rr_type(rr) == ns_t_ns;
		if (ns_rr_type(rr) != ns_t_soa || ns_rr_class(rr) != ns_c_in)
			continue;
		if (!message_take_soa(msg, &rr, ret)) {
			dns_answer_set_broken(ret, "malformed SOA");
			return;
		}
		if (!dns_name_is_below(name, ns_rr_name(rr))) {
			dns_answer_set_broken(ret, dns_foreign_soa);
			return;
		}
	}
	dns_answer_judge_negative(ret, hops, has_ns, ns_msg_getflag(*msg, ns_f_aa));
}

static void message_take_answers(ns_msg *msg, const char *name, int type, bool is_nxdomain,
				 struct dns_answer *ret)
{
	char current[NS_MAXDNAME], next[NS_MAXDNAME];
	int found = 0, hops = 0;

	snprintf(current, sizeof(current), "%s", name);
	for (;; hops++) {
		const char *why = message_take_name(msg, current, type, ret, &found, next);

		if (why) {
			dns_answer_spoil(ret, why);
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
		dns_answer_spoil(ret, "NXDOMAIN with an answer");
	else if (found)
		ret->status = NET_OK;
	else if (ns_msg_count(*msg, ns_s_an) && !hops)
		dns_answer_set_broken(ret, "malformed answer: records of another name or type");
	else
		message_take_negative(msg, is_nxdomain ? NET_NXDOMAIN : NET_NODATA, current, hops,
				      ret);
}

/* The upper bits are in the OPT record (RFC 6891, 6.1.3): without them BADVERS reads as NOERROR.
 * Negative: malformed. */
static int message_rcode(ns_msg *msg)
{
	int rcode = ns_msg_getflag(*msg, ns_f_rcode);
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_ar); i++) {
		if (ns_parserr(msg, ns_s_ar, i, &rr))
			return -1;
		if (ns_rr_type(rr) == ns_t_opt)
			rcode |= (int)(ns_rr_ttl(rr) >> 24) << 4;
	}
	return rcode;
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
	rcode = message_rcode(&m);
	if (rcode < 0)
		dns_answer_set_broken(ret, "malformed additional section");
	else if (rcode == ns_r_servfail)
		ret->status = NET_SERVFAIL;
	else if (rcode == ns_r_refused)
		ret->status = NET_REFUSED;
	else if (rcode != ns_r_noerror && rcode != ns_r_nxdomain)
		message_other_rcode(rcode, ret);
	else if (ns_msg_getflag(m, ns_f_tc))
		dns_answer_set_broken(ret, dns_truncated);
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
	dns_answer_done(&answer);
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

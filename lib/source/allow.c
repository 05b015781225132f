/* SPDX-License-Identifier: MIT */
/*
 * allow.c - see allow.h
 *
 * One lookup of SPF at a time, in the order of the terms. An include that comes again is counted
 * and not looked up again; one that is on the way to itself is an error, as it would use up the
 * lookups of RFC 7208 anyway. A lookup that fails (timeout, SERVFAIL) is an error and never "void",
 * or an outage would take networks away.
 */
#include "source/allow.h"
#include "source/spf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FAMILIES = 2 };

struct allow_walk {
	/* A host name: */
	int nanswered, nfound;
	int failed_type;	/* NET_A or NET_AAAA, which has no answer */
	enum net_status failed; /* why not; NET_OK: both have one */
	char failed_why[96];
	/* SPF: those looked up and to be looked up; the first is the query's own. */
	struct spf_domain {
		char name[SPF_NAME_MAX];
		size_t parent;
		bool is_redirect;
	} domains[1 + SPF_LOOKUPS_MAX];
	size_t ndomains, current, nlookups, nvoid;
};

static void finish(struct allow_query *query)
{
	free(query->walk);
	query->walk = NULL;
	query->is_good = !query->why[0] || query->lost || query->is_cut;
	query->done(query);
}

__attribute__((format(printf, 2, 3))) static bool fail(struct allow_query *query, const char *fmt,
						       ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(query->why, sizeof(query->why), fmt, args);
	va_end(args);
	return false;
}

static const char *failure_text(enum net_status status, const char *why)
{
	return status == NET_BROKEN && *why ? why : net_status_text(status);
}

static void take_ttl(struct allow_query *query, const struct dns_answer *answer)
{
	if (!answer->has_ttl)
		return;
	if (!query->has_ttl || answer->ttl_s < query->ttl_s)
		query->ttl_s = answer->ttl_s;
	query->has_ttl = true;
}

static bool add_net(struct allow_query *query, const struct prefix *net)
{
	if (query->nnets == query->nets_room) {
		size_t room = query->nets_room ? 2 * query->nets_room : 16;
		struct prefix *nets = realloc(query->nets, room * sizeof(*nets));

		if (!nets)
			return fail(query, "out of memory");
		query->nets = nets;
		query->nets_room = room;
	}
	query->nets[query->nnets++] = *net;
	return true;
}

/* ---- host names ---- */

static void add_addresses(struct allow_query *query, const struct dns_answer *answer)
{
	struct prefix net = { .bits = 128 };

	for (size_t i = 0; i < answer->na && i < ANSWERS_MAX; i++) {
		uint32_t ip = answer->a[i];

		net.addr = (struct addr){ { [10] = 0xff,
					    0xff,
					    (uint8_t)(ip >> 24),
					    (uint8_t)(ip >> 16),
					    (uint8_t)(ip >> 8),
					    (uint8_t)ip } };
		if (!add_net(query, &net))
			return;
	}
	for (size_t i = 0; i < answer->na6; i++) {
		memcpy(net.addr.bytes, answer->a6[i], sizeof(net.addr.bytes));
		if (!add_net(query, &net))
			return;
	}
}

/*
 * A resolver that has the name in its own table says nothing of the other family, not even "no"
 * (NET_BROKEN). That is no failure of a name that has an address.
 */
static void judge_host(struct allow_query *query)
{
	const struct allow_walk *walk = query->walk;
	const char *text = failure_text(walk->failed, walk->failed_why);

	if (query->why[0])
		return;
	if (walk->failed != NET_OK && walk->nfound) {
		query->lost = walk->failed_type;
		if (walk->failed != NET_BROKEN)
			fail(query, "%s: %s: %s", query->name, query->lost == NET_A ? "A" : "AAAA",
			     text);
	} else if (walk->failed != NET_OK) {
		fail(query, "%s: %s", query->name, text);
	} else if (!walk->nfound) {
		fail(query, "%s: no address", query->name);
	} else if (query->is_cut) {
		fail(query, "%s: more than %d addresses", query->name, ANSWERS_MAX);
	}
}

static void got_addresses(struct allow_query *query, int type, const struct dns_answer *answer)
{
	struct allow_walk *walk = query->walk;

	if (answer->status == NET_OK) {
		walk->nfound++;
		query->is_cut |= answer->is_cut || answer->na > ANSWERS_MAX;
		add_addresses(query, answer);
	} else if (answer->status != NET_NXDOMAIN && answer->status != NET_NODATA &&
		   (walk->failed == NET_OK || walk->failed == NET_BROKEN)) {
		walk->failed = answer->status;
		walk->failed_type = type;
		snprintf(walk->failed_why, sizeof(walk->failed_why), "%s", answer->why);
	}
	take_ttl(query, answer);
	if (++walk->nanswered < FAMILIES)
		return;
	judge_host(query);
	finish(query);
}

static void got_a(void *user, const struct dns_answer *answer)
{
	got_addresses(user, NET_A, answer);
}

static void got_aaaa(void *user, const struct dns_answer *answer)
{
	got_addresses(user, NET_AAAA, answer);
}

/* ---- SPF ---- */

static struct spf_domain *domain_now(const struct allow_query *query)
{
	return &query->walk->domains[query->walk->current];
}

static bool is_on_the_way(const struct allow_walk *walk, const char *name)
{
	for (size_t at = walk->current;; at = walk->domains[at].parent) {
		if (!strcasecmp(walk->domains[at].name, name))
			return true;
		if (!at)
			return false;
	}
}

/* To be looked up later, if it is not there already. */
static bool follow(struct allow_query *query, const char *name, bool is_redirect)
{
	struct allow_walk *walk = query->walk;

	if (is_on_the_way(walk, name))
		return fail(query, "%s: includes itself", domain_now(query)->name);
	if (++walk->nlookups > SPF_LOOKUPS_MAX)
		return fail(query, "%s: more than %d includes", domain_now(query)->name,
			    SPF_LOOKUPS_MAX);
	for (size_t i = 0; i < walk->ndomains; i++)
		if (!strcasecmp(walk->domains[i].name, name))
			return true;
	walk->domains[walk->ndomains] = (struct spf_domain){ .parent = walk->current,
							     .is_redirect = is_redirect };
	snprintf(walk->domains[walk->ndomains++].name, SPF_NAME_MAX, "%s", name);
	return true;
}

static bool take_record(struct allow_query *query, const struct dns_txt *record)
{
	struct spf_reader reader;
	struct spf_term term;

	spf_read(&reader, record->bytes, record->len);
	for (;;) {
		switch (spf_next(&reader, &term)) {
		case SPF_END:
			return true;
		case SPF_NET:
			if (!add_net(query, &term.net))
				return false;
			break;
		case SPF_INCLUDE:
			if (!follow(query, term.name, false))
				return false;
			break;
		case SPF_REDIRECT:
			if (!follow(query, term.name, true))
				return false;
			break;
		case SPF_SKIPPED:
			query->nskipped++;
			break;
		case SPF_REFUSED:
			return fail(query, "%s: %s", domain_now(query)->name, term.why);
		}
	}
}

/* The SPF record among the TXT records of the domain (RFC 7208, 4.5). */
static bool take_texts(struct allow_query *query, const struct dns_answer *answer)
{
	const char *name = domain_now(query)->name;
	const struct dns_txt *record = NULL;

	for (const struct dns_txt *txt = answer->txts; txt; txt = txt->next) {
		if (!spf_is_record(txt->bytes, txt->len))
			continue;
		if (record)
			return fail(query, "%s: several SPF records", name);
		record = txt;
	}
	if (answer->is_cut)
		return fail(query, "%s: more than %d TXT records", name, TXTS_MAX);
	if (!record)
		return fail(query, "%s: no SPF record", name);
	if (record->is_cut)
		return fail(query, "%s: its SPF record is longer than %d bytes", name, TXT_MAX);
	return take_record(query, record);
}

/* Nothing there: some includes may lack, but not the domain itself or all that it consists of. */
static bool take_void(struct allow_query *query)
{
	struct allow_walk *walk = query->walk;

	if (!walk->current || domain_now(query)->is_redirect)
		return fail(query, "%s: no SPF record", domain_now(query)->name);
	if (++walk->nvoid > SPF_VOID_MAX)
		return fail(query, "%s: more than %d includes without a record",
			    domain_now(query)->name, SPF_VOID_MAX);
	return true;
}

static bool take_answer(struct allow_query *query, const struct dns_answer *answer)
{
	take_ttl(query, answer);
	if (answer->status == NET_OK)
		return take_texts(query, answer);
	if (answer->status == NET_NXDOMAIN || answer->status == NET_NODATA)
		return take_void(query);
	return fail(query, "%s: %s", domain_now(query)->name,
		    failure_text(answer->status, answer->why));
}

static void got_texts(void *user, const struct dns_answer *answer)
{
	struct allow_query *query = user;
	struct allow_walk *walk = query->walk;

	if (!take_answer(query, answer)) {
		finish(query);
		return;
	}
	if (++walk->current < walk->ndomains) {
		query->ops->dns(query->net, domain_now(query)->name, NET_TXT, false,
				query->deadline_ms, got_texts, query);
		return;
	}
	if (!query->nnets && query->nskipped)
		fail(query,
		     "%s: names no networks (a, mx, ptr, exists and macros are not followed)",
		     walk->domains[0].name);
	finish(query);
}

void allow_resolve(struct allow_query *query)
{
	struct allow_walk *walk = calloc(1, sizeof(*walk));

	query->walk = walk;
	if (!walk) {
		fail(query, "out of memory");
		finish(query);
		return;
	}
	if (query->is_spf) {
		snprintf(walk->domains[0].name, SPF_NAME_MAX, "%s", query->name);
		walk->ndomains = 1;
		query->ops->dns(query->net, query->name, NET_TXT, false, query->deadline_ms,
				got_texts, query);
		return;
	}
	query->ops->dns(query->net, query->name, NET_A, false, query->deadline_ms, got_a, query);
	query->ops->dns(query->net, query->name, NET_AAAA, false, query->deadline_ms, got_aaaa,
			query);
}

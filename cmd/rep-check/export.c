/* SPDX-License-Identifier: MIT */
/*
 * Sources: nft(8) 1.0.6, ipset(8) 7.17, hosts_access(5) of tcp_wrappers 7.6.q, cidr_table(5) of
 * Postfix 3.7, rbldnsd(8) 1.0~20210120. Blocks come sorted by address, IPv4 first.
 */
#include "rep-check/export.h"
#include <stdio.h>
#include <string.h>

#define DAY_S		  86400
#define IPSET_TIMEOUT_MAX 2147483 /* seconds, 24 days; 0 would be for ever */

static void put_head(const char *name, const char *how)
{
	printf("# made by rep-check --blocks --format %s\n# %s\n", name, how);
}

static bool is_v6(const struct iprep_block *b)
{
	return strchr(b->address, ':') != NULL;
}

static long long left_s(const struct export *e, const struct iprep_block *b)
{
	return b->until > e->now ? (long long)(b->until - e->now) : 1;
}

/* ---- nft: a table of its own, replaced in one transaction ---- */

static void nft_begin(struct export *e)
{
	(void)e;
	put_head("nft", "nft -f FILE");
	puts("table inet iprep\ndelete table inet iprep\ntable inet iprep {");
}

static void nft_close(struct export *e)
{
	if (e->has_element)
		puts("\n\t\t}");
	if (e->section)
		puts("\t}");
	e->has_element = false;
}

/* Both sets are there, with or without elements. */
static void nft_open(struct export *e, int section)
{
	bool has_prefixes = e->settings->ipv6_prefix < 128;

	while (e->section < section) {
		nft_close(e);
		e->section = e->section ? 6 : 4;
		if (e->section == 4)
			puts("\tset blocked4 {\n\t\ttype ipv4_addr\n\t\tflags timeout");
		else
			printf("\tset blocked6 {\n\t\ttype ipv6_addr\n\t\tflags %stimeout\n",
			       has_prefixes ? "interval, " : "");
	}
}

/* Elements of a set may not overlap; sorted, what holds another comes first. */
static bool is_held_by_last(struct export *e, const struct iprep_block *b)
{
	struct iprep_prefix p;
	size_t whole = (size_t)e->last.bits / 8;
	int rest = e->last.bits % 8;

	if (iprep_parse_prefix(b->address, &p))
		return false;
	if (e->last.bits && !memcmp(p.address, e->last.address, whole) &&
	    (!rest || !((p.address[whole] ^ e->last.address[whole]) >> (8 - rest))))
		return true;
	e->last = p;
	return false;
}

/* Days and seconds: nft takes no number of more than eight digits, that is of over three years. */
static void nft_block(struct export *e, const struct iprep_block *b)
{
	long long s = left_s(e, b);

	nft_open(e, is_v6(b) ? 6 : 4);
	if (is_v6(b) && is_held_by_last(e, b))
		return;
	printf("%s\t\t\t%s timeout %lldd%llds", e->has_element ? ",\n" : "\t\telements = {\n",
	       b->address, s / DAY_S, s % DAY_S);
	e->has_element = true;
}

static void nft_end(struct export *e)
{
	nft_open(e, 6);
	nft_close(e);
	puts("\tchain input {\n"
	     "\t\ttype filter hook input priority -1; policy accept;\n"
	     "\t\tip saddr @blocked4 drop\n"
	     "\t\tip6 saddr @blocked6 drop\n"
	     "\t}\n}");
}

/* ---- ipset: filled beside the old sets, then swapped ---- */

static const char *const ipset_types[][2] = {
	{ "iprep4", "hash:ip family inet" },
	{ "iprep6", "hash:net family inet6" },
};

/* Nothing here may change: "-exist" takes a set that is there only if it is the same. */
static void ipset_create(const char *name, const char *suffix, const char *type)
{
	printf("create %s%s %s hashsize 1024 maxelem 4194304 timeout 0 -exist\n", name, suffix,
	       type);
}

static void ipset_begin(struct export *e)
{
	(void)e;
	put_head("ipset", "ipset restore <FILE; sets iprep4 and iprep6 for rules of your own");
	for (size_t i = 0; i < 2; i++) {
		ipset_create(ipset_types[i][0], "", ipset_types[i][1]);
		ipset_create(ipset_types[i][0], "-new", ipset_types[i][1]);
		printf("flush %s-new\n", ipset_types[i][0]);
	}
}

static void ipset_block(struct export *e, const struct iprep_block *b)
{
	long long s = left_s(e, b);

	printf("add %s-new %s timeout %lld -exist\n", ipset_types[is_v6(b)][0], b->address,
	       s < IPSET_TIMEOUT_MAX ? s : IPSET_TIMEOUT_MAX);
}

static void ipset_end(struct export *e)
{
	(void)e;
	for (size_t i = 0; i < 2; i++)
		printf("swap %s-new %s\ndestroy %s-new\n", ipset_types[i][0], ipset_types[i][0],
		       ipset_types[i][0]);
}

/* ---- hosts.deny ---- */

static void hosts_begin(struct export *e)
{
	(void)e;
	put_head("hosts.deny", "for programs with libwrap, on every port; see hosts_access(5)");
}

static void hosts_block(struct export *e, const struct iprep_block *b)
{
	int len = (int)strcspn(b->address, "/");

	(void)e;
	if (is_v6(b))
		printf("ALL: [%.*s]%s\n", len, b->address, b->address + len);
	else
		printf("ALL: %s\n", b->address);
}

/* ---- cidr: for smtpd's check_client_access and for postscreen_access_list ---- */

static void cidr_begin(struct export *e)
{
	(void)e;
	put_head("cidr",
		 "check_client_access or postscreen_access_list = cidr:FILE; see cidr_table(5)");
}

/* No text of our own after it: postscreen wants the bare word. */
static void cidr_block(struct export *e, const struct iprep_block *b)
{
	(void)e;
	printf("%s\tREJECT\n", b->address);
}

/* ---- rbldnsd: one data set of kind "combined"; the answer is 127.0.0.2 for the lowest tier, then
 * .3 ---- */

static void rbl_section(struct export *e, int section)
{
	while (e->section < section) {
		e->section = e->section ? 6 : 4;
		/* RFC 5782, 5: what every list lists, so that it can be told from a dead one */
		puts(e->section == 4
			     ? "$DATASET ip4set:iprep4 @\n:127.0.0.2:test entry\n127.0.0.2"
			     : "$DATASET ip6trie:iprep6 @\n:127.0.0.2:test entry\n::ffff:7f00:2");
	}
}

static void rbl_begin(struct export *e)
{
	(void)e;
	put_head("rbldnsd", "rbldnsd ZONE:combined:FILE");
	puts("$SOA 300 localhost. nobody.invalid. 0 300 60 86400 300\n$NS 300 localhost.\n$TTL 300");
}

static void rbl_block(struct export *e, const struct iprep_block *b)
{
	size_t row = 0;

	for (size_t i = 0; i < e->settings->ntiers; i++)
		if (!strcmp(e->settings->tiers[i]->name, b->tier))
			row = i;
	rbl_section(e, is_v6(b) ? 6 : 4);
	printf("%s :127.0.0.%zu:blocked as %s: $\n", b->address, row + 2, b->tier);
}

static void rbl_end(struct export *e)
{
	rbl_section(e, 6);
}

/* clang-format off */
static const struct export_format formats[] = {
	{ "nft", nft_begin, nft_block, nft_end },
	{ "ipset", ipset_begin, ipset_block, ipset_end },
	{ "hosts.deny", hosts_begin, hosts_block, NULL },
	{ "cidr", cidr_begin, cidr_block, NULL },
	{ "rbldnsd", rbl_begin, rbl_block, rbl_end },
};
/* clang-format on */
const char export_names[] = "text, nft, ipset, hosts.deny, cidr, rbldnsd";

const struct export_format *export_format(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Sources: nft(8) 1.0.6, ipset(8) 7.17, hosts_access(5) of tcp_wrappers 7.6.q, cidr_table(5) of
 * Postfix 3.7, rbldnsd(8) 1.0~20210120. Blocks come sorted by address, IPv4 first.
 */
#include "rep-check/export.h"
#include "common/text.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>

#define DAY_S		  86400
#define IPSET_TIMEOUT_MAX 2147483 /* seconds, 24 days; 0 would mean forever */

static void put_head(const char *name, const char *how)
{
	printf("# made by rep-check --blocks --format %s\n# %s\n", name, how);
}

static bool is_v6(const struct iprep_block *block)
{
	return strchr(block->address, ':') != NULL;
}

static long long left_s(const struct export *export, const struct iprep_block *block)
{
	if (block->until > export->now)
		return (long long)(block->until - export->now);
	return 1;
}

/* ---- nft: a table of its own, replaced in one transaction ---- */

static void nft_begin(struct export *export)
{
	(void)export;
	put_head("nft", "nft -f FILE");
	puts("table inet iprep\ndelete table inet iprep\ntable inet iprep {");
}

static void nft_close(struct export *export)
{
	if (export->has_element)
		puts("\n\t\t}");
	if (export->section)
		puts("\t}");
	export->has_element = false;
}

/* Both sets are there, with or without elements. */
static void nft_open(struct export *export, int section)
{
	bool has_prefixes = export->settings->ipv6_prefix < 128;

	while (export->section < section) {
		nft_close(export);
		if (export->section)
			export->section = 6;
		else
			export->section = 4;
		if (export->section == 4)
			puts("\tset blocked4 {\n\t\ttype ipv4_addr\n\t\tflags timeout");
		else
			printf("\tset blocked6 {\n\t\ttype ipv6_addr\n\t\tflags %stimeout\n",
			       has_prefixes ? "interval, " : "");
	}
}

/* As the library prints it: "2001:db8::1" or "2001:db8::/64". */
static bool read_network(const char *text, struct network *ret)
{
	size_t len = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	long long bits = 128;

	if (len >= sizeof(address) || (text[len] && !number_parse(text + len + 1, 1, 128, &bits)))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	ret->bits = (int)bits;
	return inet_pton(AF_INET6, address, ret->address) == 1;
}

/* Elements of a set may not overlap; sorted, what holds another comes first. */
static bool is_held_by_last(struct export *export, const struct iprep_block *block)
{
	struct network network;
	size_t whole = (size_t) export->last.bits / 8;
	int rest = export->last.bits % 8;

	if (!read_network(block->address, &network))
		return false;
	if (export->last.bits && !memcmp(network.address, export->last.address, whole) &&
	    (!rest || !((network.address[whole] ^ export->last.address[whole]) >> (8 - rest))))
		return true;
	export->last = network;
	return false;
}

/* Days and seconds: nft takes no number of more than eight digits, that is of over three years. */
static void nft_block(struct export *export, const struct iprep_block *block)
{
	long long number = left_s(export, block);

	nft_open(export, is_v6(block) ? 6 : 4);
	if (is_v6(block) && is_held_by_last(export, block))
		return;
	printf("%s\t\t\t%s timeout %lldd%llds", export->has_element ? ",\n" : "\t\telements = {\n",
	       block->address, number / DAY_S, number % DAY_S);
	export->has_element = true;
}

static void nft_end(struct export *export)
{
	nft_open(export, 6);
	nft_close(export);
	puts("\tchain input {\n"
	     "\t\ttype filter hook input priority -1; policy accept;\n"
	     "\t\tip saddr @blocked4 drop\n"
	     "\t\tip6 saddr @blocked6 drop\n"
	     "\t}\n}");
}

/* ---- ipset: new sets are filled, then swapped with the old ones ---- */

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

static void ipset_begin(struct export *export)
{
	(void)export;
	put_head("ipset", "ipset restore <FILE; sets iprep4 and iprep6 for rules of your own");
	for (size_t i = 0; i < 2; i++) {
		ipset_create(ipset_types[i][0], "", ipset_types[i][1]);
		ipset_create(ipset_types[i][0], "-new", ipset_types[i][1]);
		printf("flush %s-new\n", ipset_types[i][0]);
	}
}

static void ipset_block(struct export *export, const struct iprep_block *block)
{
	long long number = left_s(export, block);

	printf("add %s-new %s timeout %lld -exist\n", ipset_types[is_v6(block)][0], block->address,
	       MIN(number, IPSET_TIMEOUT_MAX));
}

static void ipset_end(struct export *export)
{
	(void)export;
	for (size_t i = 0; i < 2; i++)
		printf("swap %s-new %s\ndestroy %s-new\n", ipset_types[i][0], ipset_types[i][0],
		       ipset_types[i][0]);
}

/* ---- hosts.deny ---- */

static void hosts_begin(struct export *export)
{
	(void)export;
	put_head("hosts.deny", "for programs with libwrap, on every port; see hosts_access(5)");
}

static void hosts_block(struct export *export, const struct iprep_block *block)
{
	int len = (int)strcspn(block->address, "/");

	(void)export;
	if (is_v6(block))
		printf("ALL: [%.*s]%s\n", len, block->address, block->address + len);
	else
		printf("ALL: %s\n", block->address);
}

/* ---- cidr: for smtpd's check_client_access and for postscreen_access_list ---- */

static void cidr_begin(struct export *export)
{
	(void)export;
	put_head("cidr",
		 "check_client_access or postscreen_access_list = cidr:FILE; see cidr_table(5)");
}

/* No text of our own after it: postscreen wants the bare word. */
static void cidr_block(struct export *export, const struct iprep_block *block)
{
	(void)export;
	printf("%s\tREJECT\n", block->address);
}

/* ---- rbldnsd: one data set of kind "combined"; the answer is 127.0.0.2 for the lowest tier, then
 * .3 ---- */

static void rbl_section(struct export *export, int section)
{
	while (export->section < section) {
		if (export->section)
			export->section = 6;
		else
			export->section = 4;
		/* RFC 5782, 5: what every list lists, so that it can be told from a dead one */
		puts(export->section == 4
			     ? "$DATASET ip4set:iprep4 @\n:127.0.0.2:test entry\n127.0.0.2"
			     : "$DATASET ip6trie:iprep6 @\n:127.0.0.2:test entry\n::ffff:7f00:2");
	}
}

static void rbl_begin(struct export *export)
{
	(void)export;
	put_head("rbldnsd", "rbldnsd ZONE:combined:FILE");
	puts("$SOA 300 localhost. nobody.invalid. 0 300 60 86400 300");
	puts("$NS 300 localhost.\n$TTL 300");
}

static void rbl_block(struct export *export, const struct iprep_block *block)
{
	size_t row = 0;

	for (size_t i = 0; i < export->settings->ntiers; i++)
		if (!strcmp(export->settings->tiers[i]->name, block->tier))
			row = i;
	rbl_section(export, is_v6(block) ? 6 : 4);
	printf("%s :127.0.0.%zu:blocked as %s: $\n", block->address, row + 2, block->tier);
}

static void rbl_end(struct export *export)
{
	rbl_section(export, 6);
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

/* SPDX-License-Identifier: MIT */
/*
 * special.c - IANA's special-purpose address registries, IPv4 and IPv6, as one table
 *
 * iana-ipv4-special-registry and iana-ipv6-special-registry as of 2025-10-09, with multicast
 * (RFC 5771, RFC 4291). Rows that are globally reachable (AS112, AMT, PCP, TURN anycast) are here
 * too: no client ever connects from them, so such a source is forged. 6to4 and NAT64
 * embed an IPv4 address that is somebody else's name for the same host: nobody lists them.
 */
#include "addr.h"
#include <string.h>

struct row { const char *prefix, *name; };
static const struct row rows[] = {
	{ "0.0.0.0/8", "this network (RFC 791)" },
	{ "10.0.0.0/8", "private-use (RFC 1918)" },
	{ "100.64.0.0/10", "shared address space (RFC 6598)" },
	{ "127.0.0.0/8", "loopback (RFC 1122)" },
	{ "169.254.0.0/16", "link-local (RFC 3927)" },
	{ "172.16.0.0/12", "private-use (RFC 1918)" },
	{ "192.0.0.0/24", "IETF protocol assignments (RFC 6890)" },
	{ "192.0.2.0/24", "documentation (RFC 5737)" },
	{ "192.31.196.0/24", "AS112-v4 (RFC 7535)" },
	{ "192.52.193.0/24", "AMT (RFC 7450)" },
	{ "192.88.99.0/24", "deprecated 6to4 relay anycast (RFC 7526)" },
	{ "192.168.0.0/16", "private-use (RFC 1918)" },
	{ "192.175.48.0/24", "direct delegation AS112 service (RFC 7534)" },
	{ "198.18.0.0/15", "benchmarking (RFC 2544)" },
	{ "198.51.100.0/24", "documentation (RFC 5737)" },
	{ "203.0.113.0/24", "documentation (RFC 5737)" },
	{ "224.0.0.0/4", "multicast (RFC 5771)" },
	{ "255.255.255.255", "limited broadcast (RFC 919)" },
	{ "240.0.0.0/4", "reserved (RFC 1112)" },
	{ "::", "unspecified address (RFC 4291)" },
	{ "::1", "loopback (RFC 4291)" },
	{ "64:ff9b::/96", "IPv4-IPv6 translation (RFC 6052)" },
	{ "64:ff9b:1::/48", "IPv4-IPv6 translation (RFC 8215)" },
	{ "100::/64", "discard-only (RFC 6666)" },
	{ "100:0:0:1::/64", "dummy prefix (RFC 9780)" },
	{ "2001::/32", "Teredo (RFC 4380)" },
	{ "2001:2::/48", "benchmarking (RFC 5180)" },
	{ "2001:20::/28", "ORCHIDv2 (RFC 7343)" },
	{ "2001::/23", "IETF protocol assignments (RFC 2928)" },
	{ "2001:db8::/32", "documentation (RFC 3849)" },
	{ "2002::/16", "6to4 (RFC 3056)" },
	{ "2620:4f:8000::/48", "direct delegation AS112 service (RFC 7534)" },
	{ "3fff::/20", "documentation (RFC 9637)" },
	{ "5f00::/16", "segment routing SIDs (RFC 9602)" },
	{ "fc00::/7", "unique-local (RFC 4193)" },
	{ "fe80::/10", "link-local (RFC 4291)" },
	{ "ff00::/8", "multicast (RFC 4291)" },
};

/* The text form is for people; 37 parses cost a few microseconds, less than one page fault. */
const char *addr_special(const struct addr *a)
{
	struct prefix p;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (prefix_parse(rows[i].prefix, &p) && prefix_has(&p, a))
			return rows[i].name;
	return NULL;
}

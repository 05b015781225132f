/* SPDX-License-Identifier: MIT */
/*
 * addr_special.c - IANA's special-purpose address registries, IPv4 and IPv6, as one table
 *
 * iana-ipv4-special-registry and iana-ipv6-special-registry as of 2025-10-09, with multicast
 * (RFC 5771, RFC 4291). Rows that are globally reachable (AS112, AMT, PCP, TURN anycast) are
 * included: no client ever connects from them, so such a source is forged. 6to4 and NAT64 embed an
 * IPv4 address, and no list has an entry for that form of it.
 */
#include "base/addr.h"

/* In bytes: with a file of 200,000 addresses, parsing the rows as text took a third of the time. */
#define V4(a, b, c, d, bits)                                       \
	{                                                          \
		{ { [10] = 0xff, 0xff, a, b, c, d } }, 96 + (bits) \
	}
#define W(x) (x) >> 8, (x)&0xff
#define V6(a, b, c, d, e, f, g, h, bits)                                     \
	{                                                                    \
		{ { W(a), W(b), W(c), W(d), W(e), W(f), W(g), W(h) } }, bits \
	}

struct special_range {
	struct prefix prefix;
	const char *name;
};
/* clang-format off */
static const struct special_range rows[] = {
	{ V4(0, 0, 0, 0, 8), "this network (RFC 791)" },
	{ V4(10, 0, 0, 0, 8), "private-use (RFC 1918)" },
	{ V4(100, 64, 0, 0, 10), "shared address space (RFC 6598)" },
	{ V4(127, 0, 0, 0, 8), "loopback (RFC 1122)" },
	{ V4(169, 254, 0, 0, 16), "link-local (RFC 3927)" },
	{ V4(172, 16, 0, 0, 12), "private-use (RFC 1918)" },
	{ V4(192, 0, 0, 0, 24), "IETF protocol assignments (RFC 6890)" },
	{ V4(192, 0, 2, 0, 24), "documentation (RFC 5737)" },
	{ V4(192, 31, 196, 0, 24), "AS112-v4 (RFC 7535)" },
	{ V4(192, 52, 193, 0, 24), "AMT (RFC 7450)" },
	{ V4(192, 88, 99, 0, 24), "deprecated 6to4 relay anycast (RFC 7526)" },
	{ V4(192, 168, 0, 0, 16), "private-use (RFC 1918)" },
	{ V4(192, 175, 48, 0, 24), "direct delegation AS112 service (RFC 7534)" },
	{ V4(198, 18, 0, 0, 15), "benchmarking (RFC 2544)" },
	{ V4(198, 51, 100, 0, 24), "documentation (RFC 5737)" },
	{ V4(203, 0, 113, 0, 24), "documentation (RFC 5737)" },
	{ V4(224, 0, 0, 0, 4), "multicast (RFC 5771)" },
	{ V4(255, 255, 255, 255, 32), "limited broadcast (RFC 919)" },
	{ V4(240, 0, 0, 0, 4), "reserved (RFC 1112)" },
	{ V6(0, 0, 0, 0, 0, 0, 0, 0, 128), "unspecified address (RFC 4291)" },
	{ V6(0, 0, 0, 0, 0, 0, 0, 0x1, 128), "loopback (RFC 4291)" },
	{ V6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0, 96), "IPv4-IPv6 translation (RFC 6052)" },
	{ V6(0x64, 0xff9b, 0x1, 0, 0, 0, 0, 0, 48), "IPv4-IPv6 translation (RFC 8215)" },
	{ V6(0x100, 0, 0, 0, 0, 0, 0, 0, 64), "discard-only (RFC 6666)" },
	{ V6(0x100, 0, 0, 0x1, 0, 0, 0, 0, 64), "dummy prefix (RFC 9780)" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 32), "Teredo (RFC 4380)" },
	{ V6(0x2001, 0x2, 0, 0, 0, 0, 0, 0, 48), "benchmarking (RFC 5180)" },
	{ V6(0x2001, 0x20, 0, 0, 0, 0, 0, 0, 28), "ORCHIDv2 (RFC 7343)" },
	{ V6(0x2001, 0, 0, 0, 0, 0, 0, 0, 23), "IETF protocol assignments (RFC 2928)" },
	{ V6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0, 32), "documentation (RFC 3849)" },
	{ V6(0x2002, 0, 0, 0, 0, 0, 0, 0, 16), "6to4 (RFC 3056)" },
	{ V6(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0, 48),
	  "direct delegation AS112 service (RFC 7534)" },
	{ V6(0x3fff, 0, 0, 0, 0, 0, 0, 0, 20), "documentation (RFC 9637)" },
	{ V6(0x5f00, 0, 0, 0, 0, 0, 0, 0, 16), "segment routing SIDs (RFC 9602)" },
	{ V6(0xfc00, 0, 0, 0, 0, 0, 0, 0, 7), "unique-local (RFC 4193)" },
	{ V6(0xfe80, 0, 0, 0, 0, 0, 0, 0, 10), "link-local (RFC 4291)" },
	{ V6(0xff00, 0, 0, 0, 0, 0, 0, 0, 8), "multicast (RFC 4291)" },
};
/* clang-format on */

const char *addr_special(const struct addr *addr)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (prefix_has(&rows[i].prefix, addr))
			return rows[i].name;
	return NULL;
}

const char *prefix_special(const struct prefix *prefix)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct prefix *row = &rows[i].prefix;

		/* of two prefixes, one holds the other, or they have nothing in common */
		if (prefix_has(row, &prefix->addr) || prefix_has(prefix, &row->addr))
			return rows[i].name;
	}
	return NULL;
}

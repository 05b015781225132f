/* SPDX-License-Identifier: MIT */
/*
 * addr.h - addresses and prefixes: parsing, text, order, special-purpose ranges
 *
 * An address is parsed once, where it comes in, into 16 bytes. IPv4 is kept as ::ffff:a.b.c.d; a
 * v4-mapped text means the IPv4 address. Special-purpose ranges are IANA's registries (RFC 6890 and
 * successors) as one table.
 */
#pragma once
#include "base/types.h"

#define ADDR_TEXT_MAX	 64 /* "ffff:…/128" and terminator */
#define ADDR_REVERSE_MAX 66 /* 32 nibbles with dots, terminator */

struct prefix {
	struct addr addr;
	int bits; /* of the 128; IPv4 /24 is 120 */
};

/* What inet_pton(3) takes: no zone id, no prefix, no blanks. */
bool addr_parse(const char *text, struct addr *ret);
bool addr_is_v4(const struct addr *addr);
/* Canonical text; returns dst, which has room for ADDR_TEXT_MAX. */
char *addr_text(const struct addr *addr, char dst[ADDR_TEXT_MAX]);
/* The text of a key: the address, or "PREFIX/64" where ipv6_prefix cuts an IPv6 address. */
char *addr_key_text(const struct addr *key, int ipv6_prefix, char dst[ADDR_TEXT_MAX]);
bool addr_equal(const struct addr *left, const struct addr *right);
/* As memcmp(3): the order in which the store keeps its keys. */
int addr_compare(const struct addr *left, const struct addr *right);
/* The store's key: IPv4 unchanged, IPv6 cut to ipv6_prefix bits (1..128). */
struct addr addr_key(const struct addr *addr, int ipv6_prefix);
/* Clears all but the first bits (0..128). */
struct addr addr_cut(const struct addr *addr, int bits);
/* RFC 5782: "4.3.2.1" or 32 nibbles, no trailing dot; returns dst. */
char *addr_reverse(const struct addr *addr, char dst[ADDR_REVERSE_MAX]);

/* "192.0.2.0/24", "2001:db8::/32", or an address; host bits must be zero. */
bool prefix_parse(const char *text, struct prefix *ret);
/* The same, but host bits are cleared: 192.0.2.7/24 is 192.0.2.0/24. */
bool prefix_parse_cut(const char *text, struct prefix *ret);
/* Canonical text; an address without "/32" or "/128". Returns dst. */
char *prefix_text(const struct prefix *prefix, char dst[ADDR_TEXT_MAX]);
/* The last address of the prefix, whose first one is prefix->addr. */
struct addr addr_last(const struct prefix *prefix);
bool prefix_has(const struct prefix *prefix, const struct addr *addr);

/* "private-use (RFC 1918)", or NULL for an ordinary public address. */
const char *addr_special(const struct addr *addr);
/* The same of a network that has an address in common with such a range. */
const char *prefix_special(const struct prefix *prefix);

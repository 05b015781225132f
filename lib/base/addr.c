/* SPDX-License-Identifier: MIT */
/* addr.c - see addr.h */
#include "base/addr.h"
#include "base/parse.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool addr_parse(const char *text, struct addr *ret)
{
	struct addr addr;

	if (inet_pton(AF_INET, text, addr.bytes + 12) == 1)
		memcpy(addr.bytes, mapped, 12);
	else if (inet_pton(AF_INET6, text, addr.bytes) != 1)
		return false;
	*ret = addr;
	return true;
}

bool addr_is_v4(const struct addr *addr)
{
	return !memcmp(addr->bytes, mapped, 12);
}

bool addr_equal(const struct addr *left, const struct addr *right)
{
	return !addr_compare(left, right);
}

int addr_compare(const struct addr *left, const struct addr *right)
{
	return memcmp(left->bytes, right->bytes, sizeof(left->bytes));
}

static char *put_decimal(char *to, uint8_t byte)
{
	if (byte >= 100)
		*to++ = (char)('0' + byte / 100);
	if (byte >= 10)
		*to++ = (char)('0' + byte / 10 % 10);
	*to++ = (char)('0' + byte % 10);
	return to;
}

/* Four bytes, step 1 or -1. inet_ntop(3) and snprintf(3) take ten times as long, and a long list
 * needs it several times for each address. */
static void put_v4(char *to, const uint8_t *from, int step)
{
	for (int i = 0; i < 4; i++) {
		to = put_decimal(to, from[i * step]);
		*to++ = '.';
	}
	to[-1] = '\0';
}

char *addr_text(const struct addr *addr, char dst[ADDR_TEXT_MAX])
{
	if (addr_is_v4(addr))
		put_v4(dst, addr->bytes + 12, 1);
	else
		inet_ntop(AF_INET6, addr->bytes, dst, ADDR_TEXT_MAX);
	return dst;
}

char *addr_key_text(const struct addr *key, int ipv6_prefix, char dst[ADDR_TEXT_MAX])
{
	struct addr cut = addr_cut(key, ipv6_prefix);
	size_t count;

	addr_text(key, dst);
	/* a block for a single address inside a guarded prefix keeps its host bits */
	if (addr_is_v4(key) || ipv6_prefix >= 128 || !addr_equal(&cut, key))
		return dst;
	count = strlen(dst);
	snprintf(dst + count, ADDR_TEXT_MAX - count, "/%d", ipv6_prefix);
	return dst;
}

struct addr addr_cut(const struct addr *addr, int bits)
{
	struct addr cut = *addr;

	for (int i = bits; i < 128; i++)
		cut.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return cut;
}

struct addr addr_key(const struct addr *addr, int ipv6_prefix)
{
	if (addr_is_v4(addr))
		return *addr;
	return addr_cut(addr, ipv6_prefix);
}

/* RFC 5782, sections 2.1 and 2.4; a loop over the binary address, no hand-written nibbles. */
char *addr_reverse(const struct addr *addr, char dst[ADDR_REVERSE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *pos = dst;

	if (addr_is_v4(addr)) {
		put_v4(dst, addr->bytes + 15, -1);
		return dst;
	}
	for (int i = 15; i >= 0; i--) {
		*pos++ = hex[addr->bytes[i] & 0xf];
		*pos++ = '.';
		*pos++ = hex[addr->bytes[i] >> 4];
		*pos++ = i ? '.' : '\0';
	}
	return dst;
}

struct addr addr_last(const struct prefix *prefix)
{
	struct addr last = prefix->addr;

	for (int i = prefix->bits; i < 128; i++)
		last.bytes[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return last;
}

bool prefix_has(const struct prefix *prefix, const struct addr *addr)
{
	size_t whole = (size_t)prefix->bits / 8;
	unsigned rest = (unsigned)prefix->bits % 8;

	return !memcmp(addr->bytes, prefix->addr.bytes, whole) &&
	       (!rest || !((addr->bytes[whole] ^ prefix->addr.bytes[whole]) >> (8 - rest)));
}

/* As it is written: host bits stay. */
static bool prefix_read(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	char host[ADDR_TEXT_MAX];
	int64_t bits;
	bool v4;

	ret->bits = 128;
	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : ADDR_TEXT_MAX - 1, text);
	if (!addr_parse(host, &ret->addr))
		return false;
	if (!slash)
		return true;
	v4 = !strchr(host, ':');
	if (slash[1] == '0' && slash[2]) /* "/08" may be what is left of "/028": RFC 7208, 12 */
		return false;
	if (!int_parse(slash + 1, 0, v4 ? 32 : 128, &bits))
		return false;
	ret->bits = (int)bits + (v4 ? 96 : 0);
	return ret->bits >= 96 || !addr_is_v4(&ret->addr); /* ::ffff:0:0/80 is in no family */
}

bool prefix_parse(const char *text, struct prefix *ret)
{
	struct prefix prefix;
	struct addr cut;

	if (!prefix_read(text, &prefix))
		return false;
	cut = addr_cut(&prefix.addr, prefix.bits);
	if (!addr_equal(&cut, &prefix.addr)) /* host bits are a typing mistake */
		return false;
	*ret = prefix;
	return true;
}

bool prefix_parse_cut(const char *text, struct prefix *ret)
{
	struct prefix prefix;

	if (!prefix_read(text, &prefix))
		return false;
	prefix.addr = addr_cut(&prefix.addr, prefix.bits);
	*ret = prefix;
	return true;
}

char *prefix_text(const struct prefix *prefix, char dst[ADDR_TEXT_MAX])
{
	size_t len;

	addr_text(&prefix->addr, dst);
	if (prefix->bits == 128)
		return dst;
	len = strlen(dst);
	snprintf(dst + len, ADDR_TEXT_MAX - len, "/%d",
		 addr_is_v4(&prefix->addr) ? prefix->bits - 96 : prefix->bits);
	return dst;
}

/* SPDX-License-Identifier: MIT */
#include "base/addr.h"
#include "base/parse.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool addr_parse(const char *text, struct addr *ret)
{
	struct addr a;

	if (inet_pton(AF_INET, text, a.b + 12) == 1)
		memcpy(a.b, mapped, 12);
	else if (inet_pton(AF_INET6, text, a.b) != 1)
		return false;
	*ret = a;
	return true;
}

bool addr_is_v4(const struct addr *a)
{
	return !memcmp(a->b, mapped, 12);
}

char *addr_text(const struct addr *a, char dst[ADDR_TEXT_MAX])
{
	if (addr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, dst, ADDR_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, dst, ADDR_TEXT_MAX);
	return dst;
}

char *addr_key_text(const struct addr *key, int ipv6_prefix, char dst[ADDR_TEXT_MAX])
{
	struct addr cut = addr_cut(key, ipv6_prefix);
	size_t n;

	addr_text(key, dst);
	/* a block for a single address inside a guarded prefix keeps its host bits */
	if (addr_is_v4(key) || ipv6_prefix >= 128 || memcmp(cut.b, key->b, 16) != 0)
		return dst;
	n = strlen(dst);
	snprintf(dst + n, ADDR_TEXT_MAX - n, "/%d", ipv6_prefix);
	return dst;
}

struct addr addr_cut(const struct addr *a, int bits)
{
	struct addr cut = *a;

	for (int i = bits; i < 128; i++)
		cut.b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
	return cut;
}

struct addr addr_key(const struct addr *a, int ipv6_prefix)
{
	return addr_is_v4(a) ? *a : addr_cut(a, ipv6_prefix);
}

/* RFC 5782, sections 2.1 and 2.4; a loop over the binary address, no hand-written nibbles. */
char *addr_reverse(const struct addr *a, char dst[ADDR_REVERSE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	char *p = dst;

	if (addr_is_v4(a)) {
		snprintf(dst, ADDR_REVERSE_MAX, "%u.%u.%u.%u", a->b[15], a->b[14], a->b[13],
			 a->b[12]);
		return dst;
	}
	for (int i = 15; i >= 0; i--) {
		*p++ = hex[a->b[i] & 0xf];
		*p++ = '.';
		*p++ = hex[a->b[i] >> 4];
		*p++ = i ? '.' : '\0';
	}
	return dst;
}

bool prefix_has(const struct prefix *p, const struct addr *a)
{
	size_t whole = (size_t)p->bits / 8;
	unsigned rest = (unsigned)p->bits % 8;

	return !memcmp(a->b, p->addr.b, whole) &&
	       (!rest || !((a->b[whole] ^ p->addr.b[whole]) >> (8 - rest)));
}

bool prefix_parse(const char *text, struct prefix *ret)
{
	const char *slash = strchr(text, '/');
	char host[ADDR_TEXT_MAX];
	struct prefix p = { .bits = 128 };
	struct addr cut;
	int64_t bits;
	bool v4;

	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : ADDR_TEXT_MAX - 1, text);
	if (!addr_parse(host, &p.addr))
		return false;
	v4 = !strchr(host, ':');
	if (slash) {
		if (!int_parse(slash + 1, 0, v4 ? 32 : 128, &bits))
			return false;
		p.bits = (int)bits + (v4 ? 96 : 0);
	}
	cut = addr_cut(&p.addr, p.bits);
	if (memcmp(&cut, &p.addr, sizeof(cut)) !=
	    0) /* host bits are a typing mistake, not a prefix */
		return false;
	*ret = p;
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "base/siphash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

/* The paper's numbers are little-endian, whatever the machine is. */
static uint64_t word(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return w;
}

static void rounds(struct sip *s, int n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void take(struct sip *s, uint64_t w)
{
	s->v3 ^= w;
	rounds(s, 2);
	s->v0 ^= w;
}

uint64_t siphash24(const uint8_t key[16], const void *bytes, size_t n)
{
	uint64_t k0 = word(key, 8), k1 = word(key + 8, 8);
	struct sip s = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			 k1 ^ 0x7465646279746573 };
	const uint8_t *p = bytes;
	size_t left = n;

	for (; left >= 8; p += 8, left -= 8)
		take(&s, word(p, 8));
	take(&s, word(p, left) | (uint64_t)n << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

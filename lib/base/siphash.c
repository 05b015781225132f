/* SPDX-License-Identifier: MIT */
#include "base/siphash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

/* The paper's numbers are little-endian, whatever the machine is. */
static uint64_t word(const uint8_t *p, size_t len)
{
	uint64_t w = 0;

	for (size_t i = 0; i < len; i++)
		w |= (uint64_t)p[i] << 8 * i;
	return w;
}

static void rounds(struct sip *sip, int count)
{
	while (count--) {
		sip->v0 += sip->v1;
		sip->v2 += sip->v3;
		sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
		sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
		sip->v0 = rotate(sip->v0, 32);
		sip->v2 += sip->v1;
		sip->v0 += sip->v3;
		sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
		sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
		sip->v2 = rotate(sip->v2, 32);
	}
}

static void take(struct sip *sip, uint64_t w)
{
	sip->v3 ^= w;
	rounds(sip, 2);
	sip->v0 ^= w;
}

uint64_t siphash24(const uint8_t key[16], const void *bytes, size_t len)
{
	uint64_t k0 = word(key, 8), k1 = word(key + 8, 8);
	struct sip sip = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			   k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	const uint8_t *p = bytes;
	size_t left = len;

	for (; left >= 8; p += 8, left -= 8)
		take(&sip, word(p, 8));
	take(&sip, word(p, left) | (uint64_t)len << 56);
	sip.v2 ^= 0xff;
	rounds(&sip, 4);
	return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

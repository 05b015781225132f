/* SPDX-License-Identifier: MIT */
/* siphash.c - see siphash.h; v0..v3, k0, k1 as in the paper */
#include "base/siphash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t sip_rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

/* The numbers are little-endian on every machine. */
static uint64_t sip_word(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

static void sip_rounds(struct sip *sip, int count)
{
	while (count--) {
		sip->v0 += sip->v1;
		sip->v2 += sip->v3;
		sip->v1 = sip_rotate(sip->v1, 13) ^ sip->v0;
		sip->v3 = sip_rotate(sip->v3, 16) ^ sip->v2;
		sip->v0 = sip_rotate(sip->v0, 32);
		sip->v2 += sip->v1;
		sip->v0 += sip->v3;
		sip->v1 = sip_rotate(sip->v1, 17) ^ sip->v2;
		sip->v3 = sip_rotate(sip->v3, 21) ^ sip->v0;
		sip->v2 = sip_rotate(sip->v2, 32);
	}
}

static void sip_absorb(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_rounds(sip, 2);
	sip->v0 ^= word;
}

uint64_t siphash24(const uint8_t key[16], const void *bytes, size_t len)
{
	uint64_t k0 = sip_word(key, 8), k1 = sip_word(key + 8, 8);
	struct sip sip = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			   k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	const uint8_t *at = bytes;
	size_t left = len;

	for (; left >= 8; at += 8, left -= 8)
		sip_absorb(&sip, sip_word(at, 8));
	sip_absorb(&sip, sip_word(at, left) | (uint64_t)len << 56);
	sip.v2 ^= 0xff;
	sip_rounds(&sip, 4);
	return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

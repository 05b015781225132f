/* SPDX-License-Identifier: MIT */
/* test_siphash.c - the vectors of the paper (appendix A) and of its reference code */
#include "base/siphash.h"
#include "unit.h"

TEST(the_published_vectors_come_out)
{
	/* key 00..0f, message 00..len-1 */
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{ 0, 0x726fdb47dd0e0e31 }, { 1, 0x74f839c593dc67fd },  { 7, 0xab0200f58b01d137 },
		{ 8, 0x93f5f5799a932462 }, { 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
	};
	uint8_t key[16], message[64];

	for (uint8_t i = 0; i < 64; i++)
		message[i] = i;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_true(siphash24(key, message, rows[i].len) == rows[i].hash);
}

TEST(another_key_is_another_hash)
{
	uint8_t key[16] = { 1 }, other[16] = { 2 };

	assert_true(siphash24(key, "root", 4) != siphash24(other, "root", 4));
	assert_true(siphash24(key, "root", 4) != siphash24(key, "Root", 4));
}

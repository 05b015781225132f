/* SPDX-License-Identifier: MIT */
/* test_siphash.c - the vectors of the paper (appendix A) and of its reference code */
#include "base/siphash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void the_published_vectors_come_out(void **state)
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

	(void)state;
	for (uint8_t i = 0; i < 64; i++)
		message[i] = i;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(siphash24(key, message, rows[i].len) == rows[i].hash);
}

static void another_key_is_another_hash(void **state)
{
	uint8_t key[16] = { 1 }, other[16] = { 2 };

	(void)state;
	assert_true(siphash24(key, "root", 4) != siphash24(other, "root", 4));
	assert_true(siphash24(key, "root", 4) != siphash24(key, "Root", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_come_out),
		cmocka_unit_test(another_key_is_another_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

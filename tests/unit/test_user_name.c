/* SPDX-License-Identifier: MIT */
/* test_user_name.c - spellings of one login name, and names that are none */
#include "base/user_name.h"
#include "unit.h"

ROWS(spellings_have_one_account_and_domain)
{
	const char *account = row_text(row, "account"), *domain = row_text(row, "domain");
	struct user_name name;

	user_name_parse(row_text(row, "name"), row_length(row, "name"), &name);
	assert_int_equal(name.account_len, strlen(account));
	assert_memory_equal(name.text, account, name.account_len);
	assert_int_equal(name.domain_len, strlen(domain));
	assert_memory_equal(name.text + name.account_len, domain, name.domain_len);
}

/* On the heap, so that a sanitizer sees each byte read beyond. */
TEST(names_of_any_length_and_bytes_are_taken)
{
	static const char bytes[] = "@%+\\. aA\0\xff";
	struct user_name name;

	for (size_t len = 0; len <= USER_NAME_MAX + 2; len++) {
		char *text = malloc(len + 1);

		assert_non_null(text);
		for (size_t i = 0; i < len; i++)
			text[i] = bytes[(len * 7 + i * 13) % (sizeof(bytes) - 1)];
		user_name_parse(text, len, &name);
		assert_true(name.account_len + name.domain_len <= len);
		assert_true(name.account_len + name.domain_len <= USER_NAME_MAX);
		memset(text, 'x', len);
		user_name_parse(text, len, &name);
		assert_int_equal(name.account_len, len < USER_NAME_MAX ? len : USER_NAME_MAX);
		free(text);
	}
}

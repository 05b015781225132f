/* SPDX-License-Identifier: MIT */
#include "base/user_name.h"
#include <stdbool.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static char lower(char byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	return byte;
}

static size_t find_byte(const char *text, size_t len, const char *bytes)
{
	for (size_t i = 0; i < len; i++)
		for (const char *byte = bytes; *byte; byte++)
			if (text[i] == *byte)
				return i;
	return len;
}

/* What follows the last backslash; "DOMAIN\" alone has no account. */
static size_t windows_domain(const char *text, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] == '\\')
			start = i + 1;
	return start;
}

static size_t copy_lower(char *ret, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = lower(text[i]);
	return len;
}

void user_name_parse(const char *text, size_t len, struct user_name *ret)
{
	size_t start, account, at;

	if (len > USER_NAME_MAX)
		len = USER_NAME_MAX;
	for (; len && is_blank(text[len - 1]); len--)
		;
	for (; len && is_blank(*text); len--)
		text++;
	start = windows_domain(text, len);
	text += start;
	len -= start;
	at = find_byte(text, len, "@%");
	account = find_byte(text, at, "+");
	if (!account) { /* no account: "@example.org", "+" */
		account = len;
		at = len;
	}
	if (at < len && text[len - 1] == '.')
		len--;
	ret->account_len = copy_lower(ret->text, text, account);
	ret->domain_len = 0;
	if (at < len)
		ret->domain_len = copy_lower(ret->text + account, text + at + 1, len - at - 1);
}

/* SPDX-License-Identifier: MIT */
/* user_name.h - the spellings of one login name */
#pragma once
#include <stddef.h>

#define USER_NAME_MAX 1024 /* bytes; what follows is ignored */

/*
 * "Bob", " bob ", "bob+list", "DOMAIN\bob" have the account "bob" and no domain; "bob@Example.org."
 * and "bob%example.org" have the account "bob" and the domain "example.org". Only ASCII letters are
 * folded: a server that takes others compares them in its own way.
 */
struct user_name {
	char text[USER_NAME_MAX]; /* account, then domain; not terminated */
	size_t account_len, domain_len;
};

/* Bytes of any kind. A name of which nothing is left is its own account. */
void user_name_parse(const char *text, size_t len, struct user_name *ret);

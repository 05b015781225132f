/* SPDX-License-Identifier: MIT */
/*
 * dnsbl_code.h - what an address in the answer of a DNS list means: a listing, or no listing at all
 *
 * Listings are in 127.0.0.0/8 (RFC 5782, 2.1). 127.255.255.0/24 are Spamhaus' error codes
 * (docs.spamhaus.com, "DNSBL return codes"), which other operators use as well. dnswl.org answers
 * 127.0.0.255 to a resolver that it refuses, and 127.0.10.x for every address to one that is over
 * its limit (dnswl.org/?page_id=15). 127.0.0.1 is no listing in any list.
 */
#pragma once
#include "conf/conf.h"

enum dnsbl_code {
	CODE_LISTING,
	CODE_REFUSED, /* the list does not answer this resolver, key or zone */
	CODE_FOREIGN, /* no answer of a DNS list */
};
/* If it is not a listing, why has the sentence: "refuses this resolver (...)". */
enum dnsbl_code dnsbl_code_of(const struct conf_source *list, uint32_t ip, char why[DETAIL_MAX]);
/*
 * Of the test entry 127.0.0.2 alone these are listings: DroneBL's 127.0.0.1, its class "testing",
 * and dnswl.org's 127.0.10.0, its category "special cases".
 */
bool dnsbl_code_is_test(const struct conf_source *list, uint32_t ip);

/* SPDX-License-Identifier: MIT */
#include "source/dnsbl_code.h"
#include <arpa/inet.h>
#include <stdio.h>

#define ERRORS_NET	0x7fffff   /* 127.255.255.0/24 */
#define LOOPBACK	0x7f000001 /* 127.0.0.1 */
#define ALLOW_REFUSED	0x7f0000ff /* 127.0.0.255 */
#define ALLOW_LIMIT_NET 0x7f000a   /* 127.0.10.0/24 */

struct code_row {
	const char *says, *meaning;
};

static struct code_row error_row(uint32_t ip)
{
	switch (ip & 0xff) {
	case 250:
		return (struct code_row){ "refuses the key", "it is disabled" };
	case 251:
		return (struct code_row){ "refuses the key", "it is misused" };
	case 252:
		return (struct code_row){ "does not know this zone", "a typing error in its name" };
	case 254:
		return (struct code_row){ "refuses this resolver", "it is a public resolver" };
	case 255:
		return (struct code_row){ "refuses this resolver", "too many queries" };
	default:
		return (struct code_row){ "refuses this resolver", "an error code" };
	}
}

enum dnsbl_code dnsbl_code_of(const struct conf_source *list, uint32_t ip, char why[DETAIL_MAX])
{
	struct in_addr in_addr = { htonl(ip) };
	bool allows = points_is_negative(&list->points);
	enum dnsbl_code code = CODE_REFUSED;
	char text[INET_ADDRSTRLEN];
	struct code_row row;

	if (ip >> 24 != 127 || ip == LOOPBACK) {
		code = CODE_FOREIGN;
		row = (struct code_row){ "gave no answer of a DNS list", "an error code" };
	} else if (ip >> 8 == ERRORS_NET) {
		row = error_row(ip);
	} else if (allows && ip == ALLOW_REFUSED) {
		row = (struct code_row){ "refuses this resolver", "dnswl.org's code for it" };
	} else if (allows && ip >> 8 == ALLOW_LIMIT_NET) {
		row = (struct code_row){ "refuses this resolver", "over its limit" };
	} else {
		return CODE_LISTING;
	}
	snprintf(why, DETAIL_MAX, "%s: answered %s, %s", row.says,
		 inet_ntop(AF_INET, &in_addr, text, sizeof(text)), row.meaning);
	return code;
}

bool dnsbl_code_is_test(const struct conf_source *list, uint32_t ip)
{
	return ip == LOOPBACK || (ip >> 8 == ALLOW_LIMIT_NET && points_is_negative(&list->points));
}

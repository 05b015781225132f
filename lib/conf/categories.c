/* SPDX-License-Identifier: MIT */
/* categories.c - see categories.h */
#include "conf/categories.h"
#include "base/buf.h"
#include "base/mask.h"
#include "base/parse.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CATEGORIES_MAX 30

/* clang-format off */
static const struct { const char *name; int number; } categories[] = {
	{ "dns-compromise", 1 }, { "dns-poisoning", 2 }, { "fraud-orders", 3 },
	{ "ddos-attack", 4 },
	{ "ddos", 4 }, { "ftp-brute-force", 5 }, { "ftp", 5 }, { "ping-of-death", 6 },
	{ "phishing", 7 }, { "fraud-voip", 8 }, { "open-proxy", 9 }, { "web-spam", 10 },
	{ "email-spam", 11 }, { "blog-spam", 12 }, { "vpn-ip", 13 }, { "port-scan", 14 },
	{ "hacking", 15 }, { "sql-injection", 16 }, { "spoofing", 17 }, { "brute-force", 18 },
	{ "bad-web-bot", 19 }, { "exploited-host", 20 }, { "web-app-attack", 21 },
	{ "web-attack", 21 }, { "ssh", 22 }, { "iot-targeted", 23 },
};
/* clang-format on */

static int category_of(const char *name)
{
	int64_t number;

	if (int_parse(name, 1, 23, &number))
		return (int)number;
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		if (!strcasecmp(categories[i].name, name))
			return categories[i].number;
	return 0;
}

int categories_parse(const char *text, char dst[CONF_TEXT_MAX], struct err *error)
{
	char list[CONF_TEXT_MAX], one[16], out[CONF_TEXT_MAX] = "", masked[64], *save = NULL;
	bool seen[24] = { 0 };
	int count = 0, given = 0;

	if (strlen(text) >= sizeof(list))
		return err_set(error, IPREP_E_ARG, "categories: longer than %zu bytes",
			       sizeof(list) - 1);
	memcpy(list, text, strlen(text) + 1);
	for (char *pos = strtok_r(list, ", ", &save); pos; pos = strtok_r(NULL, ", ", &save)) {
		int number = category_of(pos);

		if (++given > CATEGORIES_MAX)
			return err_set(error, IPREP_E_ARG, "categories: more than %d",
				       CATEGORIES_MAX);
		if (!number)
			return err_set(error, IPREP_E_ARG,
				       "categories: \"%s\" is not a category of AbuseIPDB",
				       text_mask(masked, sizeof(masked), pos, strlen(pos)));
		if (seen[number])
			continue;
		seen[number] = true;
		snprintf(one, sizeof(one), "%s%d", count++ ? "," : "", number);
		text_put(out, sizeof(out), one);
	}
	if (!count)
		return err_set(error, IPREP_E_ARG, "categories: \"%s\" names none",
			       text_mask(masked, sizeof(masked), text, strlen(text)));
	memcpy(dst, out, strlen(out) + 1);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* identity.c - which feed a list of the compiled file came from */
#include "base/siphash.h"
#include "feed/table.h"
#include <stdio.h>
#include <string.h>

uint64_t feed_identity(const struct conf_source *source)
{
	static const uint8_t key[16] = { 0 };
	char text[2 * CONF_TEXT_MAX + 16];
	int len = snprintf(text, sizeof(text), "%s\n%s\n%d", source->url, source->file,
			   (int)source->format);

	return siphash24(key, text, (size_t)len);
}

uint64_t feed_name_identity(const char *name)
{
	static const uint8_t key[16] = { 0 };

	return siphash24(key, name, strlen(name));
}

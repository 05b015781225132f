/* SPDX-License-Identifier: MIT */
/*
 * conf.c - what is configured, and questions about it; read.c reads the files
 */
#include "conf/conf.h"
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf *conf_free(struct conf *c)
{
	for (size_t i = 0; c && c->sources && i < c->nsources; i++) {
		if (c->sources[i].asked_zone)
			explicit_bzero(c->sources[i].asked_zone, strlen(c->sources[i].asked_zone));
		free(c->sources[i].asked_zone);
	}
	if (c)
		free(c->sources);
	free(c);
	return NULL;
}

/* A key is a label of the zone: RFC 1035, 2.3.4 (63 bytes), 2.3.1 (letters, digits, hyphen). */
int conf_zone_key(struct conf_source *s, const char *key, struct err *e)
{
	const char *from = strstr(s->zone, "%{key:"), *to = from ? strchr(from, '}') : NULL;
	size_t n = strlen(key), room = strlen(s->zone) + n + 1;

	if (!to)
		return err_set(e, IPREP_E_BUG, "[dnsbl %s] has no key in its zone", s->name);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '-')
			return err_set(e, IPREP_E_CONFIG,
				       "%s: byte %zu is not of a zone's key (letters, "
				       "digits, '-')",
				       s->key_file, i + 1);
	if (!n || n > 63)
		return err_set(e, IPREP_E_CONFIG, "%s: %zu bytes; a zone's key has 1 to 63",
			       s->key_file, n);
	s->asked_zone = malloc(room);
	if (!s->asked_zone)
		return err_set(e, IPREP_E_NOMEM, "out of memory");
	snprintf(s->asked_zone, room, "%.*s%s%s", (int)(from - s->zone), s->zone, key, to + 1);
	return 0;
}

int conf_enable_abuseipdb(struct conf *c)
{
	struct conf_source *s;

	if (c->abuseipdb >= 0)
		return 0;
	s = reallocarray(c->sources, c->nsources + 1, sizeof(*s));
	if (!s)
		return IPREP_E_NOMEM;
	c->sources = s;
	s += c->nsources;
	*s = (struct conf_source){ .type = SOURCE_ABUSEIPDB,
				   .name = "abuseipdb",
				   .enabled = true,
				   .costs = true,
				   .points = c->api_points };
	points_range(&s->points, &s->least, &s->most);
	c->abuseipdb = (int)c->nsources++;
	return 0;
}

bool conf_gives_points(const struct conf *c)
{
	for (size_t i = 0; i < c->nsources; i++)
		if (c->sources[i].most > 0)
			return true;
	return false;
}

int conf_tier_row(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->ntiers; i++)
		if (!strcmp(c->tiers[i].name, name))
			return (int)i;
	return -1;
}

bool conf_allowed(const struct conf *c, const struct addr *a)
{
	for (size_t i = 0; i < c->nallow; i++)
		if (prefix_has(&c->allow[i], a))
			return true;
	return false;
}

bool conf_skips_jail(const struct conf *c, const char *jail)
{
	for (size_t i = 0; i < c->nskip_jails; i++)
		if (!fnmatch(c->skip_jails[i], jail, 0))
			return true;
	return false;
}

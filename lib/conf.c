/* SPDX-License-Identifier: MIT */
/*
 * conf.c - what is configured, and questions about it; conf_read.c reads the files
 */
#include "conf.h"
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct conf *conf_free(struct conf *c)
{
	if (c)
		free(c->sources);
	free(c);
	return NULL;
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
	*s = (struct conf_source){ .type = SOURCE_ABUSEIPDB, .name = "abuseipdb", .enabled = true,
				   .costs = true, .points = c->api_points };
	pattern_range(&s->points, &s->least, &s->most);
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

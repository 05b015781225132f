/* SPDX-License-Identifier: MIT */
/*
 * conf.c - what is configured, and questions about it; read.c reads the files
 */
#include "conf/conf.h"
#include "conf/allow.h"
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conf *conf_free(struct conf *conf)
{
	for (size_t i = 0; conf && conf->sources && i < conf->nsources; i++) {
		if (conf->sources[i].asked_zone)
			explicit_bzero(conf->sources[i].asked_zone,
				       strlen(conf->sources[i].asked_zone));
		free(conf->sources[i].asked_zone);
	}
	if (conf) {
		allow_free(conf);
		free(conf->sources);
	}
	free(conf);
	return NULL;
}

/* A key is a label of the zone: RFC 1035, 2.3.4 (63 bytes), 2.3.1 (letters, digits, hyphen). */
int conf_zone_key(struct conf_source *source, const char *key, struct err *error)
{
	const char *from = strstr(source->zone, "%{key:"), *to = NULL;
	size_t len = strlen(key), room = strlen(source->zone) + len + 1;

	if (from)
		to = strchr(from, '}');
	if (!to)
		return err_set(error, IPREP_E_BUG, "[dnsbl %s] has no key in its zone",
			       source->name);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '-')
			return err_set(error, IPREP_E_CONFIG,
				       "%s: invalid character in key at byte %zu; expected "
				       "letters, digits and '-'",
				       source->key_file, i + 1);
	if (!len || len > 63)
		return err_set(error, IPREP_E_CONFIG, "%s: the key has %zu bytes; expected 1 to 63",
			       source->key_file, len);
	source->asked_zone = malloc(room);
	if (!source->asked_zone)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	snprintf(source->asked_zone, room, "%.*s%s%s", (int)(from - source->zone), source->zone,
		 key, to + 1);
	return 0;
}

int conf_enable_abuseipdb(struct conf *conf)
{
	struct conf_source *source;

	if (conf->abuseipdb >= 0)
		return 0;
	source = reallocarray(conf->sources, conf->nsources + 1, sizeof(*source));
	if (!source)
		return IPREP_E_NOMEM;
	conf->sources = source;
	source += conf->nsources;
	*source = (struct conf_source){ .type = SOURCE_ABUSEIPDB,
					.name = "abuseipdb",
					.enabled = true,
					.costs = true,
					.points = conf->api_points };
	points_range(&source->points, &source->least, &source->most);
	conf->abuseipdb = (int)conf->nsources++;
	return 0;
}

void conf_disable_abuseipdb(struct conf *conf)
{
	if (conf->abuseipdb < 0)
		return;
	conf->nsources = (size_t)conf->abuseipdb; /* it is the last one */
	conf->abuseipdb = -1;
}

bool conf_gives_points(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].most > 0)
			return true;
	return false;
}

int conf_tier_row(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->ntiers; i++)
		if (!strcmp(conf->tiers[i].name, name))
			return (int)i;
	return -1;
}

bool conf_skips_jail(const struct conf *conf, const char *jail)
{
	for (size_t i = 0; i < conf->nskip_jails; i++)
		if (!fnmatch(conf->skip_jails[i], jail, 0))
			return true;
	return false;
}

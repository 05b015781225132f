/* SPDX-License-Identifier: MIT */
/* sections.c - see sections.h */
#include "conf/sections.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_of(const struct section *section)
{
	if (section->is_tier)
		return "tier";
	return "dnsbl";
}

const char *section_name(const struct section *section)
{
	if (section->is_tier)
		return section->tier.name;
	return section->list.name;
}

static bool is_name(const char *name, bool is_tier)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";

	if (is_tier && (!islower((unsigned char)*name) || strchr(name, '.') || strlen(name) > 31))
		return false;
	return isalnum((unsigned char)*name) && !name[strspn(name, rest)] && strlen(name) < 48 &&
	       strcmp(name, "abuseipdb");
}

struct section *sections_find(struct sections *sections, bool is_tier, const char *name)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct section *section = &sections->items[i];

		if (section->is_tier == is_tier && !strcmp(section_name(section), name))
			return section;
	}
	return NULL;
}

struct section *sections_add(struct sections *sections, bool is_tier, const char *name,
			     const char **ret_why)
{
	struct section *section;

	if (!is_name(name, is_tier)) {
		*ret_why = "bad name (lower-case letters, digits, '-', '_')";
		return NULL;
	}
	if (sections->count == SECTIONS_MAX) {
		*ret_why = "too many sections";
		return NULL;
	}
	section = &sections->items[sections->count++];
	*section = (struct section){ .is_tier = is_tier,
				     .list = { .enabled = true, .test_entry = true } };
	if (is_tier)
		text_put(section->tier.name, sizeof(section->tier.name), name);
	else
		text_put(section->list.name, sizeof(section->list.name), name);
	return section;
}

static int check_complete(const struct section *section, struct err *error)
{
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->required && !strcmp(key->info.section, kind_of(section)) &&
		    !section->given[i])
			return err_set(error, IPREP_E_CONFIG, "%s:%d: [%s %s] lacks \"%s\"",
				       section->file, section->line, kind_of(section),
				       section_name(section), key->info.name);
	}
	return 0;
}

static int add_tier(struct conf *conf, const struct section *section, struct err *error)
{
	size_t i = conf->ntiers;

	if (i == TIERS_MAX)
		return err_set(error, IPREP_E_CONFIG, "%s:%d: more than %d tiers", section->file,
			       section->line, TIERS_MAX);
	for (; i && conf->tiers[i - 1].score >= section->tier.score; i--) {
		if (conf->tiers[i - 1].score == section->tier.score)
			return err_set(error, IPREP_E_CONFIG,
				       "%s:%d: [tier %s] has the same threshold as [tier %s]",
				       section->file, section->line, section->tier.name,
				       conf->tiers[i - 1].name);
		conf->tiers[i] = conf->tiers[i - 1];
	}
	conf->tiers[i] = section->tier;
	conf->ntiers++;
	return 0;
}

static int add_list(struct conf *conf, const struct section *section, struct err *error)
{
	struct conf_source *source = &conf->sources[conf->nsources];

	if (!section->list.enabled)
		return 0;
	if (conf->nsources == SOURCES_MAX - 1)
		return err_set(error, IPREP_E_CONFIG, "%s:%d: more than %d lists", section->file,
			       section->line, SOURCES_MAX - 1);
	*source = section->list;
	points_range(&source->points, &source->least, &source->most);
	conf->nsources++;
	return 0;
}

int sections_finish(const struct sections *sections, struct conf *conf, struct err *error)
{
	conf->sources = calloc(sections->count + 1, sizeof(*conf->sources));
	if (!conf->sources)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < sections->count; i++) {
		const struct section *section = &sections->items[i];
		int rc = check_complete(section, error);

		if (rc)
			return rc;
		if (section->is_tier)
			rc = add_tier(conf, section, error);
		else
			rc = add_list(conf, section, error);
		if (rc)
			return rc;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* sections.c - see sections.h */
#include "conf/sections.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TIER_NAME_MAX 31
#define LIST_NAME_MAX 47

static const char *const kind_names[] = { "tier", "dnsbl", "feed" };

const char *section_kind_name(enum section_kind kind)
{
	return kind_names[kind];
}

int section_kind_of(const char *section, const char **ret_name)
{
	for (int kind = 0; kind < (int)(sizeof(kind_names) / sizeof(kind_names[0])); kind++) {
		size_t len = strlen(kind_names[kind]);

		if (!strncmp(section, kind_names[kind], len) && section[len] == ' ') {
			*ret_name = section + len + 1;
			return kind;
		}
	}
	return -1;
}

const char *section_name(const struct section *section)
{
	if (section->kind == SECTION_TIER)
		return section->tier.name;
	return section->list.name;
}

/* Returns what is wrong with it, or NULL. */
static const char *check_name(const char *name, bool is_tier)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";
	size_t len = strlen(name);

	if (!strcmp(name, "abuseipdb"))
		return "name reserved for the section [abuseipdb]; choose another";
	if (is_tier && (!islower((unsigned char)*name) || name[strspn(name, rest)] ||
			strchr(name, '.') || len > TIER_NAME_MAX))
		return "bad name; expected a lower-case letter, then up to 30 of "
		       "a-z, 0-9, '-' and '_'";
	if (!isalnum((unsigned char)*name) || name[strspn(name, rest)] || len > LIST_NAME_MAX)
		return "bad name; expected a lower-case letter or a digit, then up to 46 of "
		       "a-z, 0-9, '-', '_' and '.'";
	return NULL;
}

struct section *sections_find(struct sections *sections, enum section_kind kind, const char *name)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct section *section = &sections->items[i];

		if (section->kind == kind && !strcmp(section_name(section), name))
			return section;
	}
	return NULL;
}

/* Before their keys are read. */
static void set_defaults(struct section *section, const char *name)
{
	struct conf_source *list = &section->list;

	if (section->kind == SECTION_TIER) {
		text_put(section->tier.name, sizeof(section->tier.name), name);
		return;
	}
	text_put(list->name, sizeof(list->name), name);
	if (section->kind == SECTION_FEED) {
		list->type = SOURCE_FEED;
		list->every_s = 6 * 3600;
	} else {
		list->type = SOURCE_DNSBL;
		list->enabled = true;
		list->test_entry = true;
	}
}

struct section *sections_add(struct sections *sections, enum section_kind kind, const char *name,
			     const char **ret_why)
{
	struct section *section;

	*ret_why = check_name(name, kind == SECTION_TIER);
	if (*ret_why)
		return NULL;
	if (kind == SECTION_FEED && sections_find(sections, SECTION_DNSBL, name)) {
		*ret_why = "name already used by a [dnsbl X]; choose another";
		return NULL;
	}
	if (kind == SECTION_DNSBL && sections_find(sections, SECTION_FEED, name)) {
		*ret_why = "name already used by a [feed X]; choose another";
		return NULL;
	}
	if (sections->count == SECTIONS_MAX) {
		*ret_why = "too many sections";
		return NULL;
	}
	section = &sections->items[sections->count++];
	*section = (struct section){ .kind = kind };
	set_defaults(section, name);
	return section;
}

static int check_complete(const struct section *section, struct err *error)
{
	const char *kind = section_kind_name(section->kind);

	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->required && !strcmp(key->info.section, kind) && !section->given[i])
			return err_set(error, IPREP_E_CONFIG, "%s:%d: [%s %s] lacks \"%s\"",
				       section->file, section->line, kind, section_name(section),
				       key->info.name);
	}
	if (section->kind == SECTION_FEED && !*section->list.url == !*section->list.file)
		return err_set(error, IPREP_E_CONFIG,
			       "%s:%d: [feed %s] has %s; expected one of \"url\" and \"file\"",
			       section->file, section->line, section->list.name,
			       *section->list.url ? "both \"url\" and \"file\""
						  : "neither \"url\" nor \"file\"");
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
		return err_set(error, IPREP_E_CONFIG, "%s:%d: more than %d lists and feeds",
			       section->file, section->line, SOURCES_MAX - 1);
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
		if (section->kind == SECTION_TIER)
			rc = add_tier(conf, section, error);
		else
			rc = add_list(conf, section, error);
		if (rc)
			return rc;
	}
	return 0;
}

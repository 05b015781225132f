/* SPDX-License-Identifier: MIT */
/*
 * read.c - iprep.conf and iprep.local into struct conf
 *
 * Sections in brackets, "key = value", comments on lines of their own. A line that is indented
 * deeper than the key continues its value, as in fail2ban's files; an empty line ends the value.
 * Our own reader: the library that Debian has (inih) cuts long lines and section names, and takes
 * the rest of a line for a comment, without an error.
 */
#include "base/buf.h"
#include "base/mask.h"
#include "conf/allow.h"
#include "conf/fleet.h"
#include "conf/lines.h"
#include "conf/sections.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX   4096 /* bytes */
#define SECTION_MAX 48	 /* "dnsbl NAME", terminated */

struct reader {
	const struct line *line;
	struct conf *conf;
	struct sections sections;
	bool given[KEYS_MAX]; /* keys of this file's plain sections */
	/* the section of the line */
	char section[SECTION_MAX];
	struct section *named; /* [tier X], [dnsbl X], [feed X]; NULL: a plain section */
	/* the value that may still be continued */
	const struct conf_key *key; /* NULL: none */
	int key_line;
	size_t key_indent;
	struct buf value;
	/* where [fleet] zone was given last; line 0: nowhere */
	char fleet_path[CONF_TEXT_MAX * 2];
	int fleet_line;
	struct err *error;
};

/* ---- sections ---- */

/* "tier" of "tier known"; of a plain section, the section itself */
static const char *kind_text(const char *section)
{
	const char *name;
	int kind = section_kind_of(section, &name);

	if (kind < 0)
		return section;
	return section_kind_name((enum section_kind)kind);
}

static const struct conf_key *find_key(const char *kind, const char *name)
{
	for (size_t i = 0; i < conf_nkeys; i++)
		if (!strcmp(conf_keys[i].info.section, kind) &&
		    !strcmp(conf_keys[i].info.name, name))
			return &conf_keys[i];
	return NULL;
}

/* "tier", whose sections have names. */
static bool is_section_kind(const char *section)
{
	for (int kind = SECTION_TIER; kind <= SECTION_FEED; kind++)
		if (!strcmp(section, section_kind_name((enum section_kind)kind)))
			return true;
	return false;
}

static bool is_plain_section(const char *section)
{
	if (is_section_kind(section))
		return false;
	for (size_t i = 0; i < conf_nkeys; i++)
		if (!strcmp(conf_keys[i].info.section, section))
			return true;
	return false;
}

static int refuse(struct reader *rd, const char *what, const char *text)
{
	return line_error(rd->line, what, text, rd->error);
}

static int begin_named_section(struct reader *rd, enum section_kind kind, const char *name)
{
	const char *why;

	rd->named = sections_find(&rd->sections, kind, name);
	if (rd->named)
		return 0;
	rd->named = sections_add(&rd->sections, kind, name, &why);
	if (!rd->named)
		return refuse(rd, why, name);
	text_put(rd->named->file, sizeof(rd->named->file), rd->line->path);
	rd->named->line = rd->line->number;
	return 0;
}

static int begin_section(struct reader *rd, const char *text, size_t len)
{
	const char *name;
	int kind;

	if (strchr(text, ']') != text + len - 1 || len > SECTION_MAX + 1)
		return refuse(rd, "bad section header", text);
	snprintf(rd->section, sizeof(rd->section), "%.*s", (int)len - 2, text + 1);
	rd->named = NULL;
	kind = section_kind_of(rd->section, &name);
	if (kind >= 0)
		return begin_named_section(rd, (enum section_kind)kind, name);
	if (!strcmp(rd->section, "good"))
		return refuse(rd, "unknown section (renamed: [login])", rd->section);
	if (!is_plain_section(rd->section))
		return refuse(rd, "unknown section", rd->section);
	return 0;
}

/* ---- keys and values ---- */

/* For the message about an unknown key: what a key of an earlier version is called now. */
static const char *rename_hint(const char *kind, const char *name)
{
	if (!strcmp(kind, "tier") && !strcmp(name, "score"))
		return "; renamed: threshold";
	if (!strcmp(kind, "worker") && !strcmp(name, "max_blocks"))
		return "; renamed: max_new_blocks";
	return "";
}

static int unknown_key(struct reader *rd, const char *name)
{
	char section[52], shown[64];

	text_mask(section, sizeof(section), rd->section, strlen(rd->section));
	text_mask(shown, sizeof(shown), name, strlen(name));
	return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] unknown key \"%s\"%s",
		       rd->line->path, rd->line->number, text_redact(section), text_redact(shown),
		       rename_hint(kind_text(rd->section), name));
}

/* Splits "key = value" into two trimmed texts. False: there is no '='. */
static bool split_key(char *text, char **ret_value)
{
	char *equals = strchr(text, '='), *end;

	if (!equals)
		return false;
	for (end = equals; end > text && strchr(" \t", end[-1]); end--)
		;
	*end = '\0';
	*ret_value = equals + 1 + strspn(equals + 1, " \t");
	return true;
}

/* [allow] has as many entries as people need; its file has a limit, and they are counted. */
static size_t value_max(const struct conf_key *key)
{
	if (!strcmp(key->info.section, "allow"))
		return FILE_BYTES_MAX;
	return VALUE_MAX;
}

static int add_value(struct reader *rd, const char *text)
{
	size_t len = strlen(text) + (rd->value.len > 0), max = value_max(rd->key);

	if (rd->value.len + len > max)
		return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: longer than %zu bytes",
			       rd->line->path, rd->line->number, rd->section, rd->key->info.name,
			       max);
	if (rd->value.len)
		buf_puts(&rd->value, " ");
	buf_puts(&rd->value, text);
	if (rd->value.failed)
		return err_set(rd->error, IPREP_E_NOMEM, "out of memory");
	return 0;
}

static int begin_value(struct reader *rd, char *name)
{
	bool *given = rd->named ? rd->named->given_in_file : rd->given;
	char *value;
	size_t row;

	if (!split_key(name, &value))
		return refuse(rd, "expected key = value", name);
	if (!*rd->section)
		return refuse(rd, "unknown section", "");
	rd->key = find_key(kind_text(rd->section), name);
	if (!rd->key)
		return unknown_key(rd, name);
	row = (size_t)(rd->key - conf_keys);
	if (given[row])
		return err_set(rd->error, IPREP_E_CONFIG,
			       "%s:%d: [%s] %s: given twice in this file", rd->line->path,
			       rd->line->number, rd->section, name);
	given[row] = true;
	rd->key_line = rd->line->number;
	rd->key_indent = rd->line->indent;
	rd->value.len = 0;
	return add_value(rd, value);
}

/* The value is complete: into its place. */
static int end_value(struct reader *rd, const char *path)
{
	const struct conf_key *key = rd->key;
	struct section *named = rd->named;
	void *base = rd->conf;
	char shown[104];
	struct err error;

	if (!key)
		return 0;
	rd->key = NULL;
	if (!named && key->offset == offsetof(struct conf, fleet_zone)) {
		snprintf(rd->fleet_path, sizeof(rd->fleet_path), "%s", path);
		rd->fleet_line = rd->key_line;
	}
	if (named) {
		named->given[key - conf_keys] = true;
		if (named->kind == SECTION_TIER)
			base = (void *)&named->tier;
		else
			base = (void *)&named->list;
	}
	if (key->parse(key, rd->value.text, (char *)base + key->offset, &error))
		return 0;
	if (error.code == IPREP_E_NOMEM)
		return err_set(rd->error, IPREP_E_NOMEM, "out of memory");
	if (*error.text == '"') /* one entry of a value that may be long */
		return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: %s", path, rd->key_line,
			       rd->section, key->info.name, error.text);
	text_mask(shown, sizeof(shown), rd->value.text, rd->value.len);
	return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: \"%s\": %s", path, rd->key_line,
		       rd->section, key->info.name, text_redact(shown), error.text);
}

static bool is_key(const struct reader *rd, const char *text)
{
	size_t len = strcspn(text, "= \t");
	char name[SECTION_MAX];

	if (len >= sizeof(name) || text[len + strspn(text + len, " \t")] != '=')
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	return find_key(kind_text(rd->section), name);
}

static bool is_header(const char *text)
{
	size_t len = strlen(text);
	char section[SECTION_MAX];

	if (*text != '[' || text[len - 1] != ']' || len - 2 >= sizeof(section))
		return false;
	snprintf(section, sizeof(section), "%.*s", (int)len - 2, text + 1);
	return kind_text(section) != section || is_plain_section(section);
}

static int continue_value(struct reader *rd, const char *text)
{
	/* Indented by mistake, these would silently become part of the value. */
	if (is_key(rd, text) || is_header(text))
		return refuse(rd,
			      "indented, so it would continue the value above; "
			      "remove the indentation",
			      text);
	return add_value(rd, text);
}

/* ---- lines ---- */

static int handle_line(void *user, const struct line *line)
{
	struct reader *rd = user;
	int rc;

	rd->line = line;
	if (*line->text == '#' || *line->text == ';')
		return 0;
	if (strstr(line->text, " ;") || strstr(line->text, "\t;"))
		return refuse(rd, "a comment must be on a line of its own", line->text);
	if (*line->text && rd->key && line->indent > rd->key_indent)
		return continue_value(rd, line->text);
	rc = end_value(rd, line->path);
	if (rc || !*line->text)
		return rc;
	if (*line->text == '[')
		return begin_section(rd, line->text, line->len);
	return begin_value(rd, line->text);
}

static int read_conf_file(struct reader *rd, const char *path, bool may_be_missing)
{
	int rc;

	if (may_be_missing && access(path, F_OK) && errno == ENOENT)
		return 0;
	rd->section[0] = '\0';
	rd->named = NULL;
	memset(rd->given, 0, sizeof(rd->given));
	for (size_t i = 0; i < rd->sections.count; i++)
		memset(rd->sections.items[i].given_in_file, 0,
		       sizeof(rd->sections.items[i].given_in_file));
	rc = lines_read(path, handle_line, rd, rd->error);
	if (rc)
		return rc;
	return end_value(rd, path);
}

/* ---- putting together ---- */

static int check_whole(const struct conf *conf, const char *path, struct err *error)
{
	if (conf->cache_min_s > conf->cache_max_s)
		return err_set(error, IPREP_E_CONFIG, "%s: [dns] cache_min is over cache_max",
			       path);
	return 0;
}

int conf_new(struct conf **ret_conf)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct err error;

	if (!conf)
		return IPREP_E_NOMEM;
	conf->abuseipdb = conf->fleet_list = -1;
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (is_section_kind(key->info.section))
			continue;
		if (!key->parse(key, key->info.default_text, (char *)conf + key->offset, &error)) {
			free(conf);
			return IPREP_E_BUG;
		}
	}
	*ret_conf = conf;
	return 0;
}

void conf_local_path(const char *path, char dst[CONF_PATH_MAX])
{
	size_t len = strlen(path);

	if (len > 5 && !strcmp(path + len - 5, ".conf"))
		len -= 5;
	snprintf(dst, CONF_PATH_MAX, "%.*s.local", (int)len, path);
}

static int read_files(struct reader *rd, const char *path, bool may_be_missing)
{
	char local[CONF_PATH_MAX];
	int rc;

	if (strlen(path) > CONF_TEXT_MAX)
		return err_set(rd->error, IPREP_E_CONFIG, "path of the configuration is too long");
	rc = read_conf_file(rd, path, may_be_missing);
	if (rc)
		return rc;
	conf_local_path(path, local);
	rc = read_conf_file(rd, local, true);
	if (rc)
		return rc;
	rc = sections_finish(&rd->sections, rd->conf, rd->error);
	if (!rc)
		rc = fleet_finish(rd->conf, rd->fleet_path, rd->fleet_line, rd->error);
	if (!rc)
		rc = allow_finish(rd->conf, rd->error);
	if (rc)
		return rc;
	return check_whole(rd->conf, path, rd->error);
}

int conf_load(const char *path, bool may_be_missing, struct conf **ret_conf, struct err *error)
{
	struct reader *rd = calloc(1, sizeof(*rd));
	int rc;

	if (!rd || conf_new(&rd->conf)) {
		free(rd);
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	}
	rd->error = error;
	buf_init(&rd->value, FILE_BYTES_MAX);
	rc = read_files(rd, path, may_be_missing);
	if (rc)
		conf_free(rd->conf);
	else
		*ret_conf = rd->conf;
	buf_free(&rd->value);
	free(rd);
	return rc;
}

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
#include "conf/sections.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX                                                                                \
	4096	       /* bytes of a line or a value: the longest [allow] addresses, 64 networks \
			*/
#define SECTION_MAX 48 /* "dnsbl NAME", terminated */

struct reader {
	FILE *fp;
	const char *path;
	int line;
	struct conf *conf;
	struct sections sections;
	bool given[KEYS_MAX]; /* keys of this file's plain sections */
	/* the section of the line */
	char section[SECTION_MAX];
	struct section *named; /* [tier X], [dnsbl X]; NULL: a plain section */
	/* the value that may still be continued */
	const struct conf_key *key; /* NULL: none */
	int key_line;
	size_t key_indent;
	char value[VALUE_MAX + 1];
	struct err *error;
};

/* "file:line: what: "text"" */
static int line_error(struct reader *rd, const char *what, const char *text)
{
	char shown[64];

	text_mask(shown, sizeof(shown), text, strlen(text));
	return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: %s: \"%s\"", rd->path, rd->line, what,
		       text_redact(shown));
}

/* ---- sections ---- */

/* "tier" of "tier known"; of a plain section, the section itself */
static const char *section_kind(const char *section)
{
	if (!strncmp(section, "tier ", 5))
		return "tier";
	if (!strncmp(section, "dnsbl ", 6))
		return "dnsbl";
	return section;
}

static const struct conf_key *find_key(const char *kind, const char *name)
{
	for (size_t i = 0; i < conf_nkeys; i++)
		if (!strcmp(conf_keys[i].info.section, kind) &&
		    !strcmp(conf_keys[i].info.name, name))
			return &conf_keys[i];
	return NULL;
}

static bool is_plain_section(const char *section)
{
	if (!strcmp(section, "tier") || !strcmp(section, "dnsbl"))
		return false;
	for (size_t i = 0; i < conf_nkeys; i++)
		if (!strcmp(conf_keys[i].info.section, section))
			return true;
	return false;
}

static int begin_named_section(struct reader *rd, bool is_tier, const char *name)
{
	const char *why;

	rd->named = sections_find(&rd->sections, is_tier, name);
	if (rd->named)
		return 0;
	rd->named = sections_add(&rd->sections, is_tier, name, &why);
	if (!rd->named)
		return line_error(rd, why, name);
	text_put(rd->named->file, sizeof(rd->named->file), rd->path);
	rd->named->line = rd->line;
	return 0;
}

static int begin_section(struct reader *rd, const char *text, size_t len)
{
	if (strchr(text, ']') != text + len - 1 || len > SECTION_MAX + 1)
		return line_error(rd, "bad section header", text);
	snprintf(rd->section, sizeof(rd->section), "%.*s", (int)len - 2, text + 1);
	rd->named = NULL;
	if (!strncmp(rd->section, "tier ", 5))
		return begin_named_section(rd, true, rd->section + 5);
	if (!strncmp(rd->section, "dnsbl ", 6))
		return begin_named_section(rd, false, rd->section + 6);
	if (!strcmp(rd->section, "good"))
		return line_error(rd, "unknown section (renamed: [login])", rd->section);
	if (!is_plain_section(rd->section))
		return line_error(rd, "unknown section", rd->section);
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
	return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] unknown key \"%s\"%s", rd->path,
		       rd->line, text_redact(section), text_redact(shown),
		       rename_hint(section_kind(rd->section), name));
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

static int begin_value(struct reader *rd, char *name, size_t indent)
{
	bool *given = rd->named ? rd->named->given_in_file : rd->given;
	char *value;
	size_t row;

	if (!split_key(name, &value))
		return line_error(rd, "expected key = value", name);
	if (!*rd->section)
		return line_error(rd, "unknown section", "");
	rd->key = find_key(section_kind(rd->section), name);
	if (!rd->key)
		return unknown_key(rd, name);
	row = (size_t)(rd->key - conf_keys);
	if (given[row])
		return err_set(rd->error, IPREP_E_CONFIG,
			       "%s:%d: [%s] %s: given twice in this file", rd->path, rd->line,
			       rd->section, name);
	given[row] = true;
	rd->key_line = rd->line;
	rd->key_indent = indent;
	memcpy(rd->value, value, strlen(value) + 1);
	return 0;
}

/* The value is complete: into its place. */
static int end_value(struct reader *rd)
{
	const struct conf_key *key = rd->key;
	struct section *named = rd->named;
	void *base = rd->conf;
	char shown[104];
	struct err error;

	if (!key)
		return 0;
	rd->key = NULL;
	if (named) {
		named->given[key - conf_keys] = true;
		if (named->is_tier)
			base = (void *)&named->tier;
		else
			base = (void *)&named->list;
	}
	if (key->parse(key, rd->value, (char *)base + key->offset, &error))
		return 0;
	text_mask(shown, sizeof(shown), rd->value, strlen(rd->value));
	return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: \"%s\": %s", rd->path,
		       rd->key_line, rd->section, key->info.name, text_redact(shown), error.text);
}

static bool is_key(const struct reader *rd, const char *text)
{
	size_t len = strcspn(text, "= \t");
	char name[SECTION_MAX];

	if (len >= sizeof(name) || text[len + strspn(text + len, " \t")] != '=')
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	return find_key(section_kind(rd->section), name);
}

static bool is_header(const char *text)
{
	size_t len = strlen(text);
	char section[SECTION_MAX];

	if (*text != '[' || text[len - 1] != ']' || len - 2 >= sizeof(section))
		return false;
	snprintf(section, sizeof(section), "%.*s", (int)len - 2, text + 1);
	return section_kind(section) != section || is_plain_section(section);
}

static int continue_value(struct reader *rd, const char *text)
{
	/* Indented by mistake, these would silently become part of the value. */
	if (is_key(rd, text) || is_header(text))
		return line_error(rd,
				  "indented, so it would continue the value above; "
				  "remove the indentation",
				  text);
	if ((*rd->value && !text_put(rd->value, sizeof(rd->value), " ")) ||
	    !text_put(rd->value, sizeof(rd->value), text))
		return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: longer than %d bytes",
			       rd->path, rd->line, rd->section, rd->key->info.name, VALUE_MAX);
	return 0;
}

/* ---- lines ---- */

/* text has no blanks at its ends. */
static int handle_line(struct reader *rd, char *text, size_t len, size_t indent)
{
	int rc;

	if (len > VALUE_MAX)
		return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: line longer than %d bytes",
			       rd->path, rd->line, VALUE_MAX);
	if (strlen(text) != len)
		return line_error(rd, "NUL byte in line", text);
	if (*text == '#' || *text == ';')
		return 0;
	if (strstr(text, " ;") || strstr(text, "\t;"))
		return line_error(rd, "a comment must be on a line of its own", text);
	if (*text && rd->key && indent > rd->key_indent)
		return continue_value(rd, text);
	rc = end_value(rd);
	if (rc || !*text)
		return rc;
	if (*text == '[')
		return begin_section(rd, text, len);
	return begin_value(rd, text, indent);
}

static int read_lines(struct reader *rd)
{
	char *raw = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	errno = 0;
	while (!rc && (len = getline(&raw, &room, rd->fp)) >= 0) {
		size_t end = (size_t)len, indent = strspn(raw, " \t");

		rd->line++;
		while (end > indent && raw[end - 1] && strchr(" \t\r\n", raw[end - 1]))
			end--;
		raw[end] = '\0';
		rc = handle_line(rd, raw + indent, end - indent, indent);
	}
	if (!rc && !feof(rd->fp)) /* out of memory sets no flag of the stream: getline(3) */
		rc = err_set(rd->error, errno == ENOMEM ? IPREP_E_NOMEM : IPREP_E_IO,
			     "%s: cannot be read: %s", rd->path, strerror(errno));
	free(raw);
	if (rc)
		return rc;
	return end_value(rd);
}

/* ---- files ---- */

static int check_owner(int fd, const char *path, struct err *error)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return err_set(error, IPREP_E_PERM, "%s: not a regular file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & S_IWOTH ||
	    (st.st_mode & S_IWGRP && st.st_gid != 0))
		return err_set(error, IPREP_E_PERM,
			       "%s: unsafe owner or mode (user %u, mode %03o): it must belong to "
			       "root or to you, and only its owner may write it",
			       path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 0777));
	return 0;
}

static int open_safely(const char *path, FILE **ret, struct err *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return err_set(error, errno == EACCES ? IPREP_E_PERM : IPREP_E_CONFIG, "%s: %s",
			       path, strerror(errno));
	rc = check_owner(fd, path, error);
	if (rc)
		goto fail;
	*ret = fdopen(fd, "r");
	if (*ret)
		return 0;
	rc = err_set(error, IPREP_E_NOMEM, "out of memory");
fail:
	close(fd);
	return rc;
}

static int read_file(struct reader *rd, const char *path, bool may_be_missing)
{
	int rc;

	if (may_be_missing && access(path, F_OK) && errno == ENOENT)
		return 0;
	rc = open_safely(path, &rd->fp, rd->error);
	if (rc)
		return rc;
	rd->path = path;
	rd->line = 0;
	rd->section[0] = '\0';
	rd->named = NULL;
	memset(rd->given, 0, sizeof(rd->given));
	for (size_t i = 0; i < rd->sections.count; i++)
		memset(rd->sections.items[i].given_in_file, 0,
		       sizeof(rd->sections.items[i].given_in_file));
	rc = read_lines(rd);
	fclose(rd->fp);
	return rc;
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
	conf->abuseipdb = -1;
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (!is_plain_section(key->info.section))
			continue;
		if (!key->parse(key, key->info.default_text, (char *)conf + key->offset, &error)) {
			free(conf);
			return IPREP_E_BUG;
		}
	}
	*ret_conf = conf;
	return 0;
}

/* iprep.conf -> iprep.local; another name gets .local at its end. */
static void local_path(const char *path, char dst[CONF_TEXT_MAX * 2])
{
	size_t len = strlen(path);

	if (len > 5 && !strcmp(path + len - 5, ".conf"))
		len -= 5;
	snprintf(dst, CONF_TEXT_MAX * 2, "%.*s.local", (int)len, path);
}

static int read_files(struct reader *rd, const char *path, bool may_be_missing)
{
	char local[CONF_TEXT_MAX * 2];
	int rc;

	if (strlen(path) > CONF_TEXT_MAX)
		return err_set(rd->error, IPREP_E_CONFIG, "path of the configuration is too long");
	rc = read_file(rd, path, may_be_missing);
	if (rc)
		return rc;
	local_path(path, local);
	rc = read_file(rd, local, true);
	if (rc)
		return rc;
	rc = sections_finish(&rd->sections, rd->conf, rd->error);
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
	rc = read_files(rd, path, may_be_missing);
	if (rc)
		conf_free(rd->conf);
	else
		*ret_conf = rd->conf;
	free(rd);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/*
 * read.c - iprep.conf and iprep.local into struct conf; the only door to inih
 *
 * inih 55 splits lines over its limit and parses the tail as a new line, cuts long section names,
 * joins indented lines and strips " ;" comments, all without a word. So each line is checked and
 * cleaned before inih sees it, which also gives the line number.
 */
#include "conf/keys.h"
#include "base/buf.h"
#include "base/mask.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 197 /* INI_MAX_LINE 200, less newline, terminator and one */
#define SECTIONS_MAX   (SOURCES_MAX + TIERS_MAX)

struct section { /* a [tier X] or [dnsbl X] on its way */
	bool is_tier;
	struct conf_tier tier;
	struct conf_source list;
	bool seen[64]; /* by row of conf_keys */
	char file[CONF_TEXT_MAX];
	int line;
};
struct reader {
	FILE *fp;
	const char *path;
	int line;
	bool seen[64];			/* keys of this file, plain sections */
	bool in_file[SECTIONS_MAX][64]; /* the same for named sections */
	struct conf *conf;
	struct section *sections;
	size_t nsections;
	struct err *error;
	int rc;
};

/* "file:line: what: "value"" */
static int fail(struct reader *rd, const char *what, const char *value)
{
	char said[64];

	if (!rd->rc)
		rd->rc = err_set(rd->error, IPREP_E_CONFIG, "%s:%d: %s: \"%s\"", rd->path, rd->line,
				 what,
				 text_redact(text_mask(said, sizeof(said), value, strlen(value))));
	return rd->rc;
}

/* ---- sections ---- */

static const struct conf_key *find_key(const char *section, const char *name, bool *ret_section)
{
	*ret_section = false;
	for (size_t i = 0; i < conf_nkeys; i++) {
		if (strcmp(conf_keys[i].info.section, section))
			continue;
		*ret_section = true;
		if (!strcmp(conf_keys[i].info.name, name))
			return &conf_keys[i];
	}
	return NULL;
}

/* For the message about an unknown key: what a key of an earlier version is called now. */
static const char *rename_hint(const char *section, const char *name)
{
	if (!strcmp(section, "tier") && !strcmp(name, "score"))
		return "; renamed: threshold";
	if (!strcmp(section, "worker") && !strcmp(name, "max_blocks"))
		return "; renamed: max_new_blocks";
	return "";
}

static bool name_ok(const char *name, bool is_tier)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789_-.";

	if (is_tier && (!islower((unsigned char)*name) || strchr(name, '.') || strlen(name) > 31))
		return false;
	return isalnum((unsigned char)*name) && !name[strspn(name, rest)] && strlen(name) < 48 &&
	       strcmp(name, "abuseipdb");
}

static struct section *named(struct reader *rd, bool is_tier, const char *name)
{
	struct section *section;

	for (size_t i = 0; i < rd->nsections; i++) {
		section = &rd->sections[i];
		if (section->is_tier == is_tier &&
		    !strcmp(is_tier ? section->tier.name : section->list.name, name))
			return section;
	}
	if (!name_ok(name, is_tier)) {
		fail(rd, "bad name (lower-case letters, digits, '-', '_')", name);
		return NULL;
	}
	if (rd->nsections == SECTIONS_MAX) {
		fail(rd, "more sections than fit", name);
		return NULL;
	}
	section = &rd->sections[rd->nsections++];
	*section = (struct section){ .is_tier = is_tier, .list.enabled = true, .line = rd->line };
	text_put(section->file, sizeof(section->file), rd->path);
	text_put(is_tier ? section->tier.name : section->list.name, is_tier ? 32 : 48, name);
	return section;
}

/* ---- lines ---- */

/* "[dns]", "[tier X]": known, also where no key follows, which inih would not tell. */
static bool header_ok(struct reader *rd, const char *text, size_t len)
{
	char section[48];
	bool is_tier, known;

	if (strchr(text, ']') != text + len - 1 || len > 49)
		return fail(rd, "bad section header", text), false;
	snprintf(section, sizeof(section), "%.*s", (int)len - 2, text + 1);
	is_tier = !strncmp(section, "tier ", 5);
	if (is_tier || !strncmp(section, "dnsbl ", 6))
		return named(rd, is_tier, section + (is_tier ? 5 : 6));
	if (!strcmp(section, "good"))
		return fail(rd, "unknown section (renamed: [login])", section), false;
	find_key(section, "", &known);
	if (!known || !strcmp(section, "tier") || !strcmp(section, "dnsbl"))
		return fail(rd, "unknown section", section), false;
	return true;
}

static bool line_ok(struct reader *rd, char *text, size_t len)
{
	if (len > LINE_MAX_BYTES)
		return fail(rd, "line over 197 bytes", text), false;
	if (strlen(text) != len)
		return fail(rd, "NUL byte in line", text), false;
	if (!*text || *text == '#' || *text == ';')
		return true;
	if (strstr(text, " ;") || strstr(text, "\t;"))
		return fail(rd, "comments stand on lines of their own", text), false;
	if (*text == '[')
		return header_ok(rd, text, len);
	if (!strchr(text, '='))
		return fail(rd, "expected key = value", text), false;
	return true;
}

/* ini_parse_stream()'s fgets: hands over clean, short, unindented lines. */
static char *next_line(char *dst, int room, void *stream)
{
	struct reader *rd = stream;
	char *raw = NULL, *text;
	size_t size = 0;
	ssize_t len = rd->rc ? -1 : getline(&raw, &size, rd->fp);
	bool ok;

	if (len < 0) {
		free(raw);
		return NULL;
	}
	rd->line++;
	while (len && strchr(" \t\r\n", raw[len - 1]) && raw[len - 1])
		raw[--len] = '\0';
	for (text = raw; *text == ' ' || *text == '\t'; text++)
		len--;
	ok = line_ok(rd, text, (size_t)len) && (int)len + 2 <= room;
	if (ok) /* inih itself would take ':' for '=' in a comment's line */
		snprintf(dst, (size_t)room, "%s\n", *text == '#' || *text == ';' ? "" : text);
	free(raw);
	return ok ? dst : NULL;
}

/* ---- keys ---- */

static int take_value(struct reader *rd, const struct conf_key *key, const char *section,
		      const char *value, void *base, bool *seen)
{
	size_t row = (size_t)(key - conf_keys);
	char said[104];
	struct err error;

	if (seen[row]) {
		rd->rc = err_set(rd->error, IPREP_E_CONFIG,
				 "%s:%d: [%s] %s: given twice in this file", rd->path, rd->line,
				 section, key->info.name);
		return 0;
	}
	seen[row] = true;
	if (key->parse(key, value, (char *)base + key->offset, &error))
		return 1;
	rd->rc = err_set(rd->error, IPREP_E_CONFIG, "%s:%d: [%s] %s: \"%s\": %s", rd->path,
			 rd->line, section, key->info.name,
			 text_redact(text_mask(said, sizeof(said), value, strlen(value))),
			 error.text);
	return 0;
}

/* inih's handler: 1 goes on, 0 is an error, which is in rd->r. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *rd = user;
	bool is_tier = !strncmp(section, "tier ", 5), is_list = !strncmp(section, "dnsbl ", 6);
	const char *kind = is_tier ? "tier" : is_list ? "dnsbl" : section;
	const struct conf_key *key;
	char where[52], said[64];
	struct section *s;
	bool known;

	if (rd->rc)
		return 0;
	key = find_key(kind, name, &known);
	if (!known) { /* before the first header; those are checked already */
		fail(rd, "unknown section", section);
		return 0;
	}
	if (!key) {
		rd->rc = err_set(
			rd->error, IPREP_E_CONFIG, "%s:%d: [%s] unknown key \"%s\"%s", rd->path,
			rd->line,
			text_redact(text_mask(where, sizeof(where), section, strlen(section))),
			text_redact(text_mask(said, sizeof(said), name, strlen(name))),
			rename_hint(kind, name));
		return 0;
	}
	if (!is_tier && !is_list)
		return take_value(rd, key, section, value, rd->conf, rd->seen);
	s = named(rd, is_tier, section + (is_tier ? 5 : 6));
	if (!s)
		return 0;
	s->seen[key - conf_keys] = true;
	return take_value(rd, key, section, value, is_tier ? (void *)&s->tier : (void *)&s->list,
			  rd->in_file[s - rd->sections]);
}

/* ---- files ---- */

static int open_safely(const char *path, FILE **ret, struct err *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_set(error, errno == EACCES ? IPREP_E_PERM : IPREP_E_CONFIG, "%s: %s",
			       path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(error, IPREP_E_PERM, "%s: not a regular file", path);
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & S_IWOTH ||
	    (st.st_mode & S_IWGRP && st.st_gid != 0)) {
		close(fd);
		return err_set(error, IPREP_E_PERM,
			       "%s: unsafe owner or mode (user %u, mode %03o): must be "
			       "root's or yours, and writable by nobody else",
			       path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 0777));
	}
	*ret = fdopen(fd, "r");
	if (*ret)
		return 0;
	close(fd);
	return err_set(error, IPREP_E_NOMEM, "out of memory");
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
	memset(rd->seen, 0, sizeof(rd->seen));
	memset(rd->in_file, 0, sizeof(rd->in_file));
	rc = ini_parse_stream(next_line, rd, handle, rd);
	if (!rd->rc && ferror(rd->fp))
		rd->rc = err_set(rd->error, IPREP_E_IO, "%s: cannot be read", path);
	if (!rd->rc && rc)
		fail(rd, "cannot be understood", "");
	fclose(rd->fp);
	return rd->rc;
}

/* ---- putting together ---- */

static int check_complete(const struct section *section, struct err *error)
{
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->required &&
		    !strcmp(key->info.section, section->is_tier ? "tier" : "dnsbl") &&
		    !section->seen[i])
			return err_set(error, IPREP_E_CONFIG, "%s:%d: [%s %s] lacks \"%s\"",
				       section->file, section->line,
				       section->is_tier ? "tier" : "dnsbl",
				       section->is_tier ? section->tier.name : section->list.name,
				       key->info.name);
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

static int add_sections(struct reader *rd)
{
	struct conf *conf = rd->conf;
	int rc = 0;

	conf->sources = calloc(rd->nsections + 1, sizeof(*conf->sources));
	if (!conf->sources)
		return err_set(rd->error, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < rd->nsections && !rc; i++) {
		const struct section *section = &rd->sections[i];

		rc = check_complete(section, rd->error);
		if (!rc && section->is_tier)
			rc = add_tier(conf, section, rd->error);
		if (rc || section->is_tier || !section->list.enabled)
			continue;
		if (conf->nsources == SOURCES_MAX - 1)
			return err_set(rd->error, IPREP_E_CONFIG, "%s:%d: more than %d lists",
				       section->file, section->line, SOURCES_MAX - 1);
		conf->sources[conf->nsources] = section->list;
		points_range(&section->list.points, &conf->sources[conf->nsources].least,
			     &conf->sources[conf->nsources].most);
		conf->nsources++;
	}
	return rc;
}

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

		if (!strcmp(key->info.section, "tier") || !strcmp(key->info.section, "dnsbl"))
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

int conf_load(const char *path, bool may_be_missing, struct conf **ret_conf, struct err *error)
{
	struct reader *rd = calloc(1, sizeof(*rd));
	char local[CONF_TEXT_MAX * 2];
	int rc = IPREP_E_NOMEM;

	if (!rd || !(rd->sections = calloc(SECTIONS_MAX, sizeof(*rd->sections))) ||
	    conf_new(&rd->conf)) {
		err_set(error, rc, "out of memory");
		goto out;
	}
	rd->error = error;
	local_path(path, local);
	rc = strlen(path) > CONF_TEXT_MAX
		     ? err_set(error, IPREP_E_CONFIG, "path of the configuration is too long")
		     : read_file(rd, path, may_be_missing);
	if (!rc)
		rc = read_file(rd, local, true);
	if (!rc)
		rc = add_sections(rd);
	if (!rc)
		rc = check_whole(rd->conf, path, error);
	if (!rc) {
		*ret_conf = rd->conf;
		rd->conf = NULL;
	}
out:
	if (rd) {
		conf_free(rd->conf);
		free(rd->sections);
	}
	free(rd);
	return rc;
}

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
	struct err *e;
	int r;
};

/* "file:line: what: "value"" */
static int fail(struct reader *rd, const char *what, const char *value)
{
	char said[64];

	if (!rd->r)
		rd->r = err_set(rd->e, IPREP_E_CONFIG, "%s:%d: %s: \"%s\"", rd->path, rd->line,
				what,
				text_redact(text_mask(said, sizeof(said), value, strlen(value))));
	return rd->r;
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
	struct section *s;

	for (size_t i = 0; i < rd->nsections; i++) {
		s = &rd->sections[i];
		if (s->is_tier == is_tier && !strcmp(is_tier ? s->tier.name : s->list.name, name))
			return s;
	}
	if (!name_ok(name, is_tier)) {
		fail(rd, "bad name (lower-case letters, digits, '-', '_')", name);
		return NULL;
	}
	if (rd->nsections == SECTIONS_MAX) {
		fail(rd, "more sections than fit", name);
		return NULL;
	}
	s = &rd->sections[rd->nsections++];
	*s = (struct section){ .is_tier = is_tier, .list.enabled = true, .line = rd->line };
	text_put(s->file, sizeof(s->file), rd->path);
	text_put(is_tier ? s->tier.name : s->list.name, is_tier ? 32 : 48, name);
	return s;
}

/* ---- lines ---- */

/* "[dns]", "[tier X]": known, also where no key follows, which inih would not tell. */
static bool header_ok(struct reader *rd, const char *s, size_t n)
{
	char section[48];
	bool is_tier, known;

	if (strchr(s, ']') != s + n - 1 || n > 49)
		return fail(rd, "bad section header", s), false;
	snprintf(section, sizeof(section), "%.*s", (int)n - 2, s + 1);
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

static bool line_ok(struct reader *rd, char *s, size_t n)
{
	if (n > LINE_MAX_BYTES)
		return fail(rd, "line over 197 bytes", s), false;
	if (strlen(s) != n)
		return fail(rd, "NUL byte in line", s), false;
	if (!*s || *s == '#' || *s == ';')
		return true;
	if (strstr(s, " ;") || strstr(s, "\t;"))
		return fail(rd, "comments stand on lines of their own", s), false;
	if (*s == '[')
		return header_ok(rd, s, n);
	if (!strchr(s, '='))
		return fail(rd, "expected key = value", s), false;
	return true;
}

/* ini_parse_stream()'s fgets: hands over clean, short, unindented lines. */
static char *next_line(char *dst, int room, void *stream)
{
	struct reader *rd = stream;
	char *raw = NULL, *s;
	size_t size = 0;
	ssize_t n = rd->r ? -1 : getline(&raw, &size, rd->fp);
	bool ok;

	if (n < 0) {
		free(raw);
		return NULL;
	}
	rd->line++;
	while (n && strchr(" \t\r\n", raw[n - 1]) && raw[n - 1])
		raw[--n] = '\0';
	for (s = raw; *s == ' ' || *s == '\t'; s++)
		n--;
	ok = line_ok(rd, s, (size_t)n) && (int)n + 2 <= room;
	if (ok) /* inih itself would take ':' for '=' in a comment's line */
		snprintf(dst, (size_t)room, "%s\n", *s == '#' || *s == ';' ? "" : s);
	free(raw);
	return ok ? dst : NULL;
}

/* ---- keys ---- */

static int take_value(struct reader *rd, const struct conf_key *k, const char *section,
		      const char *value, void *base, bool *seen)
{
	size_t row = (size_t)(k - conf_keys);
	char said[104];
	struct err e;

	if (seen[row]) {
		rd->r = err_set(rd->e, IPREP_E_CONFIG, "%s:%d: [%s] %s: given twice in this file",
				rd->path, rd->line, section, k->info.name);
		return 0;
	}
	seen[row] = true;
	if (k->parse(k, value, (char *)base + k->offset, &e))
		return 1;
	rd->r = err_set(rd->e, IPREP_E_CONFIG, "%s:%d: [%s] %s: \"%s\": %s", rd->path, rd->line,
			section, k->info.name,
			text_redact(text_mask(said, sizeof(said), value, strlen(value))), e.text);
	return 0;
}

/* inih's handler: 1 goes on, 0 is an error, which is in rd->r. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *rd = user;
	bool is_tier = !strncmp(section, "tier ", 5), is_list = !strncmp(section, "dnsbl ", 6);
	const char *kind = is_tier ? "tier" : is_list ? "dnsbl" : section;
	const struct conf_key *k;
	char where[52], said[64];
	struct section *s;
	bool known;

	if (rd->r)
		return 0;
	k = find_key(kind, name, &known);
	if (!known) { /* before the first header; those are checked already */
		fail(rd, "unknown section", section);
		return 0;
	}
	if (!k) {
		rd->r = err_set(
			rd->e, IPREP_E_CONFIG, "%s:%d: [%s] unknown key \"%s\"%s", rd->path,
			rd->line,
			text_redact(text_mask(where, sizeof(where), section, strlen(section))),
			text_redact(text_mask(said, sizeof(said), name, strlen(name))),
			rename_hint(kind, name));
		return 0;
	}
	if (!is_tier && !is_list)
		return take_value(rd, k, section, value, rd->conf, rd->seen);
	s = named(rd, is_tier, section + (is_tier ? 5 : 6));
	if (!s)
		return 0;
	s->seen[k - conf_keys] = true;
	return take_value(rd, k, section, value, is_tier ? (void *)&s->tier : (void *)&s->list,
			  rd->in_file[s - rd->sections]);
}

/* ---- files ---- */

static int open_safely(const char *path, FILE **ret, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_set(e, errno == EACCES ? IPREP_E_PERM : IPREP_E_CONFIG, "%s: %s", path,
			       strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, IPREP_E_PERM, "%s: not a regular file", path);
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & S_IWOTH ||
	    (st.st_mode & S_IWGRP && st.st_gid != 0)) {
		close(fd);
		return err_set(e, IPREP_E_PERM,
			       "%s: unsafe owner or mode (user %u, mode %03o): must be "
			       "root's or yours, and writable by nobody else",
			       path, (unsigned)st.st_uid, (unsigned)(st.st_mode & 0777));
	}
	*ret = fdopen(fd, "r");
	if (*ret)
		return 0;
	close(fd);
	return err_set(e, IPREP_E_NOMEM, "out of memory");
}

static int read_file(struct reader *rd, const char *path, bool may_be_missing)
{
	int r;

	if (may_be_missing && access(path, F_OK) && errno == ENOENT)
		return 0;
	r = open_safely(path, &rd->fp, rd->e);
	if (r)
		return r;
	rd->path = path;
	rd->line = 0;
	memset(rd->seen, 0, sizeof(rd->seen));
	memset(rd->in_file, 0, sizeof(rd->in_file));
	r = ini_parse_stream(next_line, rd, handle, rd);
	if (!rd->r && ferror(rd->fp))
		rd->r = err_set(rd->e, IPREP_E_IO, "%s: cannot be read", path);
	if (!rd->r && r)
		fail(rd, "cannot be understood", "");
	fclose(rd->fp);
	return rd->r;
}

/* ---- putting together ---- */

static int check_complete(const struct section *s, struct err *e)
{
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (k->required && !strcmp(k->info.section, s->is_tier ? "tier" : "dnsbl") &&
		    !s->seen[i])
			return err_set(e, IPREP_E_CONFIG, "%s:%d: [%s %s] lacks \"%s\"", s->file,
				       s->line, s->is_tier ? "tier" : "dnsbl",
				       s->is_tier ? s->tier.name : s->list.name, k->info.name);
	}
	return 0;
}

static int add_tier(struct conf *c, const struct section *s, struct err *e)
{
	size_t i = c->ntiers;

	if (i == TIERS_MAX)
		return err_set(e, IPREP_E_CONFIG, "%s:%d: more than %d tiers", s->file, s->line,
			       TIERS_MAX);
	for (; i && c->tiers[i - 1].score >= s->tier.score; i--) {
		if (c->tiers[i - 1].score == s->tier.score)
			return err_set(e, IPREP_E_CONFIG,
				       "%s:%d: [tier %s] has the same threshold as [tier %s]",
				       s->file, s->line, s->tier.name, c->tiers[i - 1].name);
		c->tiers[i] = c->tiers[i - 1];
	}
	c->tiers[i] = s->tier;
	c->ntiers++;
	return 0;
}

static int add_sections(struct reader *rd)
{
	struct conf *c = rd->conf;
	int r = 0;

	c->sources = calloc(rd->nsections + 1, sizeof(*c->sources));
	if (!c->sources)
		return err_set(rd->e, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < rd->nsections && !r; i++) {
		const struct section *s = &rd->sections[i];

		r = check_complete(s, rd->e);
		if (!r && s->is_tier)
			r = add_tier(c, s, rd->e);
		if (r || s->is_tier || !s->list.enabled)
			continue;
		if (c->nsources == SOURCES_MAX - 1)
			return err_set(rd->e, IPREP_E_CONFIG, "%s:%d: more than %d lists", s->file,
				       s->line, SOURCES_MAX - 1);
		c->sources[c->nsources] = s->list;
		points_range(&s->list.points, &c->sources[c->nsources].least,
			     &c->sources[c->nsources].most);
		c->nsources++;
	}
	return r;
}

static int check_whole(const struct conf *c, const char *path, struct err *e)
{
	if (c->cache_min_s > c->cache_max_s)
		return err_set(e, IPREP_E_CONFIG, "%s: [dns] cache_min is over cache_max", path);
	return 0;
}

int conf_new(struct conf **ret_conf)
{
	struct conf *c = calloc(1, sizeof(*c));
	struct err e;

	if (!c)
		return IPREP_E_NOMEM;
	c->abuseipdb = -1;
	for (size_t i = 0; i < conf_nkeys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (!strcmp(k->info.section, "tier") || !strcmp(k->info.section, "dnsbl"))
			continue;
		if (!k->parse(k, k->info.default_text, (char *)c + k->offset, &e)) {
			free(c);
			return IPREP_E_BUG;
		}
	}
	*ret_conf = c;
	return 0;
}

/* iprep.conf -> iprep.local; another name gets .local at its end. */
static void local_path(const char *path, char dst[CONF_TEXT_MAX * 2])
{
	size_t n = strlen(path);

	if (n > 5 && !strcmp(path + n - 5, ".conf"))
		n -= 5;
	snprintf(dst, CONF_TEXT_MAX * 2, "%.*s.local", (int)n, path);
}

int conf_load(const char *path, bool may_be_missing, struct conf **ret_conf, struct err *e)
{
	struct reader *rd = calloc(1, sizeof(*rd));
	char local[CONF_TEXT_MAX * 2];
	int r = IPREP_E_NOMEM;

	if (!rd || !(rd->sections = calloc(SECTIONS_MAX, sizeof(*rd->sections))) ||
	    conf_new(&rd->conf)) {
		err_set(e, r, "out of memory");
		goto out;
	}
	rd->e = e;
	local_path(path, local);
	r = strlen(path) > CONF_TEXT_MAX
		    ? err_set(e, IPREP_E_CONFIG, "path of the configuration is too long")
		    : read_file(rd, path, may_be_missing);
	if (!r)
		r = read_file(rd, local, true);
	if (!r)
		r = add_sections(rd);
	if (!r)
		r = check_whole(rd->conf, path, e);
	if (!r) {
		*ret_conf = rd->conf;
		rd->conf = NULL;
	}
out:
	if (rd) {
		conf_free(rd->conf);
		free(rd->sections);
	}
	free(rd);
	return r;
}

/* SPDX-License-Identifier: MIT */
/* allow.c - see allow.h */
#include "conf/allow.h"
#include "base/mask.h"
#include "base/time.h"
#include "conf/lines.h"
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 253 /* RFC 1035, 2.3.4, as text */

/* ---- one entry ---- */

static bool wrong(struct err *error, const char *text, const char *what)
{
	char shown[104];

	text_mask(shown, sizeof(shown), text, strlen(text));
	err_set(error, IPREP_E_CONFIG, "\"%s\": %s", text_redact(shown), what);
	return false;
}

/*
 * A name has a dot, and its last label begins with a letter: so neither a misspelt address nor a
 * stray word is taken for one (RFC 3696, 2). It may have underscores, and a dot at its end.
 */
static bool is_domain(const char *text)
{
	size_t len = strlen(text), label = 0, dots = 0;
	bool has_top = false;

	if (len && text[len - 1] == '.')
		len--;
	if (!len || len > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (!label || text[i - 1] == '-')
				return false;
			dots++;
			label = 0;
			continue;
		}
		if (!isalnum((unsigned char)text[i]) && text[i] != '_' &&
		    (text[i] != '-' || !label))
			return false;
		if (!label)
			has_top = isalpha((unsigned char)text[i]);
		if (++label > 63)
			return false;
	}
	return dots && label && has_top && text[len - 1] != '-';
}

/* Names are compared as they are stored: in lower case, without a dot at the end. */
static char *new_name(const char *text)
{
	char *name = strdup(text);
	size_t len = name ? strlen(name) : 0;

	if (len && name[len - 1] == '.')
		name[len - 1] = '\0';
	for (char *at = name; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return name;
}

static bool parse_allowed(const char *text, bool spf, struct conf_allow *ret, struct err *error)
{
	char net[ADDR_TEXT_MAX], what[ADDR_TEXT_MAX + 40];
	struct prefix cut;

	*ret = (struct conf_allow){ .kind = spf ? ALLOW_SPF : ALLOW_NET };
	if (!spf && prefix_parse(text, &ret->net))
		return true;
	if (!spf && prefix_parse_cut(text, &cut)) {
		snprintf(what, sizeof(what), "host bits are set; expected %s",
			 prefix_text(&cut, net));
		return wrong(error, text, what);
	}
	if (!is_domain(text))
		return wrong(error, text,
			     spf ? "expected a domain such as example.com"
				 : "expected an address, a network such as 192.0.2.0/24, or a "
				   "host name");
	if (!spf)
		ret->kind = ALLOW_HOST;
	ret->name = new_name(text);
	if (ret->name)
		return true;
	err_set(error, IPREP_E_NOMEM, "out of memory");
	return false;
}

static void free_allowed(struct conf_allow *entry)
{
	free(entry->name);
	free(entry->why);
}

/* Takes over what the entry holds, also if it fails. */
static bool append(struct conf *conf, struct conf_allow *entry, struct err *error)
{
	struct conf_allow *more = conf->allow;

	if (conf->nallow == ALLOW_ENTRIES_MAX) {
		free_allowed(entry);
		err_set(error, IPREP_E_CONFIG, "more than %d entries in [allow]",
			ALLOW_ENTRIES_MAX);
		return false;
	}
	if (!(conf->nallow & (conf->nallow - 1))) /* room doubles at each power of two */
		more = reallocarray(conf->allow, conf->nallow ? conf->nallow * 2 : 1,
				    sizeof(*more));
	if (!more) {
		free_allowed(entry);
		err_set(error, IPREP_E_NOMEM, "out of memory");
		return false;
	}
	conf->allow = more;
	conf->allow[conf->nallow++] = *entry;
	return true;
}

bool allow_add(struct conf *conf, const char *text, bool spf, struct err *error)
{
	struct conf_allow entry;

	return parse_allowed(text, spf, &entry, error) && append(conf, &entry, error);
}

/* ---- the keys ---- */

/* Those of another file's key, which this one replaces. */
static void drop_entries(struct conf *conf, bool spf)
{
	size_t kept = 0;

	for (size_t i = 0; i < conf->nallow; i++) {
		if ((conf->allow[i].kind == ALLOW_SPF) == spf)
			free_allowed(&conf->allow[i]);
		else
			conf->allow[kept++] = conf->allow[i];
	}
	conf->nallow = kept;
	if (kept) /* fewer than there is room for */
		return;
	free(conf->allow);
	conf->allow = NULL;
}

static bool parse_list(const struct conf_key *key, const char *text, void *dst, bool spf,
		       struct err *error)
{
	struct conf *conf = (struct conf *)(void *)((char *)dst - key->offset);
	char *copy = strdup(text), *save = NULL;
	bool ok = true;

	if (!copy) {
		err_set(error, IPREP_E_NOMEM, "out of memory");
		return false;
	}
	drop_entries(conf, spf);
	for (char *at = strtok_r(copy, ", \t", &save); at && ok; at = strtok_r(NULL, ", \t", &save))
		ok = allow_add(conf, at, spf, error);
	free(copy);
	return ok;
}

bool p_allow_addresses(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	return parse_list(key, text, dst, false, error);
}

bool p_allow_spf(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	return parse_list(key, text, dst, true, error);
}

/* Absolute paths, separated by blanks, with wildcards in the last component only: a pattern over
 * whole trees would be walked by every hook. */
bool p_allow_files(const struct conf_key *key, const char *text, void *dst, struct err *error)
{
	char copy[CONF_TEXT_MAX] = "", *save = NULL;

	(void)key;
	if (strlen(text) >= sizeof(copy)) {
		err_set(error, IPREP_E_CONFIG, "too long");
		return false;
	}
	memcpy(copy, text, strlen(text) + 1);
	for (char *at = strtok_r(copy, ", \t", &save); at; at = strtok_r(NULL, ", \t", &save)) {
		const char *slash = strrchr(at, '/');

		if (*at != '/' || !slash[1])
			return wrong(error, at, "expected an absolute path of files");
		if (at + strcspn(at, "*?[") < slash)
			return wrong(error, at, "wildcards are allowed only after the last slash");
	}
	memcpy(dst, text, strlen(text) + 1);
	return true;
}

/* ---- files ---- */

struct allow_file {
	struct conf *conf;
	const char *path; /* kept by conf */
	struct err *error;
};

/* The end of the day, so that the last day still counts. */
static bool parse_until(const char *text, int64_t *ret)
{
	char last_second[24];

	if (strlen(text) != strlen("2027-01-31"))
		return false;
	snprintf(last_second, sizeof(last_second), "%sT23:59:59", text);
	if (!time_parse(last_second, ret))
		return false;
	*ret += 1;
	return true;
}

/* What follows the entry; NULL: nothing. */
static bool parse_option(const char *text, struct conf_allow *entry, struct err *error)
{
	if (!text)
		return true;
	if (entry->until && !strncmp(text, "until=", 6))
		return wrong(error, text, "a second date; expected one until=YYYY-MM-DD");
	if (strncmp(text, "until=", 6))
		return wrong(error, text,
			     "expected until=YYYY-MM-DD, or a comment after the character #");
	if (!parse_until(text + 6, &entry->until))
		return wrong(error, text, "expected a date such as until=2027-01-31");
	return true;
}

/* The comment after '#', which is cut off text; empty: none. */
static const char *cut_comment(char *text)
{
	char *hash = strchr(text, '#');

	if (!hash)
		return "";
	*hash++ = '\0';
	return hash + strspn(hash, "# \t");
}

static bool add_line(struct allow_file *file, const struct line *line, struct err *error)
{
	const char *why = cut_comment(line->text);
	char *save = NULL, *option, *text = strtok_r(line->text, " \t", &save);
	struct conf_allow entry;

	if (!text)
		return true;
	if (!parse_allowed(text, false, &entry, error))
		return false;
	entry.file = file->path;
	entry.line = line->number;
	do {
		option = strtok_r(NULL, " \t", &save);
		if (!parse_option(option, &entry, error)) {
			free_allowed(&entry);
			return false;
		}
	} while (option);
	if (*why) {
		entry.why = strdup(why);
		if (!entry.why) {
			free_allowed(&entry);
			err_set(error, IPREP_E_NOMEM, "out of memory");
			return false;
		}
	}
	return append(file->conf, &entry, error);
}

static int handle_allow_line(void *user, const struct line *line)
{
	struct allow_file *file = user;

	if (*line->text == ';' || add_line(file, line, file->error))
		return 0;
	if (file->error->code != IPREP_E_CONFIG)
		return file->error->code;
	return err_prefix(file->error, "%s:%d", line->path, line->number);
}

static int read_allow_file(struct conf *conf, const char *path, struct err *error)
{
	struct allow_file file = { .conf = conf, .error = error };
	char **more = reallocarray(conf->allow_paths, conf->nallow_paths + 1, sizeof(*more));

	if (!more)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	conf->allow_paths = more;
	more[conf->nallow_paths] = strdup(path);
	file.path = more[conf->nallow_paths];
	if (!file.path)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	conf->nallow_paths++;
	return lines_read(file.path, handle_allow_line, &file, error);
}

/* A directory that does not exist has no files; one that cannot be read may have. */
static int not_readable(const char *path, int code)
{
	(void)path;
	return code != ENOENT && code != ENOTDIR;
}

static int read_pattern(struct conf *conf, const char *pattern, struct err *error)
{
	bool has_wildcards = pattern[strcspn(pattern, "*?[")] != '\0';
	glob_t found = { 0 };
	int rc;

	rc = lines_check_directory(pattern, !has_wildcards, error);
	if (rc)
		return rc;
	if (!has_wildcards) /* a file that is named has to be there */
		return read_allow_file(conf, pattern, error);
	switch (glob(pattern, 0, not_readable, &found)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return 0;
	case GLOB_NOSPACE:
		globfree(&found);
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	default:
		globfree(&found);
		return err_set(error, IPREP_E_PERM,
			       "[allow] files: %s: the directory cannot be read", pattern);
	}
	for (size_t i = 0; i < found.gl_pathc && !rc; i++)
		rc = read_allow_file(conf, found.gl_pathv[i], error);
	globfree(&found);
	return rc;
}

/* ---- order ---- */

static int compare_allowed(const void *left_void, const void *right_void)
{
	const struct conf_allow *left = left_void, *right = right_void;
	int order;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->kind == ALLOW_NET) {
		order = addr_compare(&left->net.addr, &right->net.addr);
		if (!order)
			order = left->net.bits - right->net.bits;
	} else {
		order = strcmp(left->name, right->name);
	}
	if (!order)
		order = left->outer - right->outer;
	return order;
}

/* Two networks overlap only if one holds the other, so each has at most one nearest around it. */
static void sort_entries(struct conf *conf)
{
	for (size_t i = 0; i < conf->nallow; i++)
		conf->allow[i].outer = (int)i; /* equal ones stay in the order of their lines */
	if (conf->nallow)
		qsort(conf->allow, conf->nallow, sizeof(*conf->allow), compare_allowed);
	conf->nallow_nets = 0;
	for (size_t i = 0; i < conf->nallow && conf->allow[i].kind == ALLOW_NET; i++) {
		int outer = (int)i - 1;

		while (outer >= 0 && !prefix_has(&conf->allow[outer].net, &conf->allow[i].net.addr))
			outer = conf->allow[outer].outer;
		conf->allow[i].outer = outer;
		conf->nallow_nets++;
	}
}

static int check_names(const struct conf *conf, struct err *error)
{
	const struct conf_allow *first;

	if (conf->nallow - conf->nallow_nets <= ALLOW_NAMES_MAX)
		return 0;
	first = &conf->allow[conf->nallow_nets + ALLOW_NAMES_MAX];
	return err_set(error, IPREP_E_CONFIG,
		       "%s:%d: more than %d host names and SPF domains in [allow]: \"%.100s\"",
		       first->file ? first->file : "[allow]", first->line, ALLOW_NAMES_MAX,
		       first->name);
}

int allow_finish(struct conf *conf, struct err *error)
{
	char patterns[CONF_TEXT_MAX], *save = NULL;
	int rc = 0;

	memcpy(patterns, conf->allow_files, sizeof(patterns));
	for (char *at = strtok_r(patterns, ", \t", &save); at && !rc;
	     at = strtok_r(NULL, ", \t", &save))
		rc = read_pattern(conf, at, error);
	if (rc)
		return rc;
	sort_entries(conf);
	return check_names(conf, error);
}

void allow_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->nallow; i++)
		free_allowed(&conf->allow[i]);
	for (size_t i = 0; i < conf->nallow_paths; i++)
		free(conf->allow_paths[i]);
	free(conf->allow);
	free(conf->allow_paths);
}

/* ---- questions ---- */

bool conf_allow_is_over(const struct conf_allow *entry, int64_t now)
{
	return entry->until && entry->until <= now;
}

/* The number of networks that begin before the address, or at it if at_it. */
static size_t count_before(const struct conf *conf, const struct addr *addr, bool at_it)
{
	size_t from = 0, to = conf->nallow_nets;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = addr_compare(&conf->allow[middle].net.addr, addr);

		if (order < 0 || (order == 0 && at_it))
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct conf_allow *conf_allowed(const struct conf *conf, const struct addr *addr, int64_t now)
{
	int row = (int)count_before(conf, addr, true) - 1;

	for (; row >= 0; row = conf->allow[row].outer)
		if (!conf_allow_is_over(&conf->allow[row], now) &&
		    prefix_has(&conf->allow[row].net, addr))
			return &conf->allow[row];
	return NULL;
}

const struct conf_allow *conf_allowed_inside(const struct conf *conf, const struct prefix *prefix,
					     int64_t now)
{
	for (size_t i = count_before(conf, &prefix->addr, false);
	     i < conf->nallow_nets && prefix_has(prefix, &conf->allow[i].net.addr); i++)
		if (!conf_allow_is_over(&conf->allow[i], now))
			return &conf->allow[i];
	return NULL;
}

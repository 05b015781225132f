/* SPDX-License-Identifier: MIT */
/*
 * fleet.c - see fleet.h
 *
 * A key file is read by nsupdate or knsupdate. Here it is only looked at: is it one, and of which
 * form? Comments and white space are those of named.conf (BIND 9, "Configuration File Grammar").
 */
#include "conf/fleet.h"
#include "base/buf.h"
#include "conf/key_file.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- the section ---- */

/* The list of this zone; else the one that is named fleet; -1: none. */
static int list_row(const struct conf *conf)
{
	int named = -1;

	for (size_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *list = &conf->sources[i];
		size_t len = strlen(list->zone);

		if (list->type != SOURCE_DNSBL)
			continue;
		if (len && list->zone[len - 1] == '.')
			len--;
		if (*conf->fleet_zone && len == strlen(conf->fleet_zone) &&
		    !strncasecmp(list->zone, conf->fleet_zone, len))
			return (int)i;
		if (!strcmp(list->name, "fleet"))
			named = (int)i;
	}
	return named;
}

int fleet_finish(struct conf *conf, const char *file, int line, struct err *error)
{
	const char *lacking = NULL;

	conf->fleet_list = list_row(conf);
	if (conf->fleet_list >= 0)
		conf->sources[conf->fleet_list].is_fleet = true;
	if (!*conf->fleet_zone)
		return 0;
	if (!conf->fleet_server.port)
		lacking = "server";
	else if (!*conf->fleet_key_file)
		lacking = "key_file";
	else if (!conf->fleet_host)
		lacking = "host";
	if (!lacking)
		return 0;
	return err_set(error, IPREP_E_CONFIG, "%s:%d: [fleet] lacks \"%s\", which a zone needs",
		       file, line, lacking);
}

/* ---- the key file ---- */

static const char *const algorithms[] = { "hmac-md5",	 "hmac-sha1",	"hmac-sha224",
					  "hmac-sha256", "hmac-sha384", "hmac-sha512" };

static bool is_algorithm(const char *text)
{
	size_t len = strcspn(text, ".");

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strlen(algorithms[i]) == len && !strncasecmp(text, algorithms[i], len))
			return true;
	return false;
}

static bool is_key_name(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("-_.", *at))
			return false;
	return *text != '\0';
}

/* In base64, with its padding. */
static bool is_secret(const char *text)
{
	size_t len = strlen(text), padding = 0;

	while (padding < len && padding < 2 && text[len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < len - padding; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
			return false;
	return len >= 4 && len % 4 == 0;
}

/* Behind white space and comments. */
static const char *skip_blank(const char *at)
{
	for (;;) {
		const char *end;

		at += strspn(at, " \t\r\n");
		if (*at == '#' || !strncmp(at, "//", 2)) {
			at += strcspn(at, "\n");
		} else if (!strncmp(at, "/*", 2)) {
			end = strstr(at + 2, "*/");
			at = end ? end + 2 : at + strlen(at);
		} else {
			return at;
		}
	}
}

/* A word or quoted text, or one of "{};", at *at. False: none, or too long. */
static bool next_token(const char **at, char *dst, size_t room)
{
	size_t len;

	*at = skip_blank(*at);
	if (**at && strchr("{};", **at)) {
		len = 1;
	} else if (**at == '"') {
		(*at)++;
		len = strcspn(*at, "\"\n");
		if ((*at)[len] != '"')
			return false;
	} else {
		len = strcspn(*at, " \t\r\n{};\"");
	}
	if (!len || len >= room)
		return false;
	memcpy(dst, *at, len);
	dst[len] = '\0';
	*at += len;
	*at += **at == '"';
	return true;
}

static bool expect(const char **at, const char *word)
{
	char token[16];

	return next_token(at, token, sizeof(token)) && !strcmp(token, word);
}

/* "algorithm NAME;" or "secret TEXT;", in any order, up to "};". */
static bool is_bind_key(const char *at, char name[FLEET_KEY_NAME_MAX])
{
	char word[SECRET_MAX], value[SECRET_MAX];
	bool has_algorithm = false, has_secret = false, is_good = false;

	if (!expect(&at, "key") || !next_token(&at, name, FLEET_KEY_NAME_MAX) ||
	    !is_key_name(name) || !expect(&at, "{"))
		return false;
	while (next_token(&at, word, sizeof(word)) && strcmp(word, "}") != 0) {
		if (!next_token(&at, value, sizeof(value)) || !expect(&at, ";"))
			goto out;
		if (!strcmp(word, "algorithm") && !has_algorithm && is_algorithm(value))
			has_algorithm = true;
		else if (!strcmp(word, "secret") && !has_secret && is_secret(value))
			has_secret = true;
		else
			goto out;
	}
	is_good = has_algorithm && has_secret && expect(&at, ";") && !*skip_blank(at);
out:
	key_file_wipe(value);
	key_file_wipe(word);
	return is_good;
}

/* "[algorithm:]name:secret", one line. */
static bool is_line_key(const char *text, char name[FLEET_KEY_NAME_MAX])
{
	char line[SECRET_MAX], *parts[3], *rest = line;
	size_t count = 0, len;
	bool is_good;

	len = strcspn(text, "\r\n");
	if (len >= sizeof(line) || text[len + strspn(text + len, "\r\n")])
		return false;
	memcpy(line, text, len);
	line[len] = '\0';
	while (count < 3 && (parts[count] = strsep(&rest, ":")))
		count++;
	is_good = !rest && count >= 2 && is_key_name(parts[count - 2]) &&
		  is_secret(parts[count - 1]) && (count == 2 || is_algorithm(parts[0]));
	if (is_good)
		text_put(name, FLEET_KEY_NAME_MAX, parts[count - 2]);
	key_file_wipe(line);
	return is_good;
}

int fleet_key_check(const char *path, enum fleet_key_form *ret_form,
		    char ret_name[FLEET_KEY_NAME_MAX], struct err *error)
{
	char text[SECRET_MAX], name[FLEET_KEY_NAME_MAX] = "", line_name[FLEET_KEY_NAME_MAX] = "";
	int rc = key_file_read_text(path, text, error);

	if (rc)
		return rc;
	if (is_bind_key(text, name)) {
		*ret_form = FLEET_KEY_BIND;
	} else if (is_line_key(text, line_name)) {
		*ret_form = FLEET_KEY_LINE;
		memcpy(name, line_name, sizeof(name));
	} else {
		rc = err_set(error, IPREP_E_CONFIG,
			     "%s: not a TSIG key; expected the output of tsig-keygen, or one line "
			     "[ALGORITHM:]NAME:SECRET",
			     path);
	}
	key_file_wipe(text);
	if (!rc && ret_name)
		memcpy(ret_name, name, sizeof(name));
	return rc;
}

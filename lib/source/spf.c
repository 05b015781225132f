/* SPDX-License-Identifier: MIT */
/* spf.c - see spf.h */
#include "source/spf.h"
#include "base/mask.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VERSION	     "v=spf1"
#define VERSION_LEN  (sizeof(VERSION) - 1)
#define TERM_MAX     300 /* "include:", a name, and room */
#define LABEL_MAX    63
#define LETTERS	     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_LETTERS LETTERS "0123456789-_."

bool spf_is_record(const char *text, size_t len)
{
	if (len < VERSION_LEN || strncasecmp(text, VERSION, VERSION_LEN) != 0)
		return false;
	return len == VERSION_LEN || text[VERSION_LEN] == ' ';
}

void spf_read(struct spf_reader *reader, const char *text, size_t len)
{
	*reader = (struct spf_reader){ .at = text + VERSION_LEN, .end = text + len };
}

static enum spf_kind refuse_record(struct spf_term *ret, const char *term, const char *what)
{
	char shown[64];

	text_mask(shown, sizeof(shown), term, strlen(term));
	snprintf(ret->why, sizeof(ret->why), "\"%s\" %s", shown, what);
	return SPF_REFUSED;
}

/* Labels of 1 to 63 letters, digits, "-" and "_"; a dot at the end does not count. */
static bool take_name(const char *text, char ret[SPF_NAME_MAX])
{
	size_t len = strlen(text), label = 0;

	if (len && text[len - 1] == '.')
		len--;
	if (!len || len >= SPF_NAME_MAX || strspn(text, NAME_LETTERS) < len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' && !label)
			return false;
		label = text[i] == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
		ret[i] = (char)tolower((unsigned char)text[i]);
	}
	ret[len] = '\0';
	return label;
}

/* Wide enough to have all of IPv4 is too wide as well. */
static bool is_too_wide(const struct prefix *net)
{
	static const struct addr any_v4 = { .bytes = { [10] = 0xff, [11] = 0xff } };

	if (addr_is_v4(&net->addr) && net->bits >= 96)
		return net->bits < 96 + SPF_V4_MIN;
	return net->bits < SPF_V6_MIN || prefix_has(net, &any_v4);
}

static enum spf_kind take_net(const char *term, const char *value, bool is_v6, struct spf_term *ret)
{
	char what[48];

	if ((strchr(value, ':') != NULL) != is_v6 || !prefix_parse_cut(value, &ret->net))
		return refuse_record(ret, term,
				     is_v6 ? "is not an IPv6 network" : "is not an IPv4 network");
	snprintf(what, sizeof(what), "is wider than /%d", is_v6 ? SPF_V6_MIN : SPF_V4_MIN);
	if (is_too_wide(&ret->net))
		return refuse_record(ret, term, what);
	return SPF_NET;
}

/* Of a modifier or mechanism that names a domain. */
static enum spf_kind take_domain(const char *term, const char *value, enum spf_kind kind,
				 struct spf_term *ret)
{
	if (strchr(value, '%'))
		return SPF_SKIPPED;
	if (!take_name(value, ret->name))
		return refuse_record(ret, term, "has no valid domain");
	return kind;
}

/* NAME=VALUE; those that are not known have no effect (RFC 7208, 6). */
static enum spf_kind take_modifier(struct spf_reader *reader, const char *term, const char *value,
				   struct spf_term *ret)
{
	enum spf_kind kind;

	if (strncasecmp(term, "redirect=", 9) != 0)
		return SPF_END;
	if (reader->has_redirect)
		return refuse_record(ret, term, "is a second redirect");
	reader->has_redirect = true;
	kind = take_domain(term, value, SPF_REDIRECT, ret);
	if (kind != SPF_REDIRECT)
		return kind;
	memcpy(reader->redirect, ret->name, sizeof(reader->redirect));
	return SPF_END;
}

static bool is_mechanism(const char *name, size_t len, const char *known)
{
	return len == strlen(known) && !strncasecmp(name, known, len);
}

/* Nothing behind it counts, and no redirect. */
static enum spf_kind take_all(struct spf_reader *reader, const char *term, bool is_pass,
			      struct spf_term *ret)
{
	if (is_pass)
		return refuse_record(ret, term, "allows every address");
	reader->at = reader->end;
	reader->redirect[0] = '\0';
	return SPF_END;
}

/* SPF_END: it names nothing. */
static enum spf_kind take_mechanism(struct spf_reader *reader, const char *term,
				    struct spf_term *ret)
{
	static const char *const skipped[] = { "a", "mx", "ptr", "exists" };
	bool is_pass = !strchr("-~?", *term), is_v6;
	const char *name = term + (!is_pass || *term == '+'), *value;
	size_t len = strcspn(name, ":/");

	value = name[len] == ':' ? name + len + 1 : "";
	if (is_mechanism(name, len, "all") && !name[len])
		return take_all(reader, term, is_pass, ret);
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
		if (is_mechanism(name, len, skipped[i]))
			return is_pass ? SPF_SKIPPED : SPF_END;
	is_v6 = is_mechanism(name, len, "ip6");
	if (is_v6 || is_mechanism(name, len, "ip4"))
		return is_pass ? take_net(term, value, is_v6, ret) : SPF_END;
	if (is_mechanism(name, len, "include"))
		return is_pass ? take_domain(term, value, SPF_INCLUDE, ret) : SPF_END;
	return refuse_record(ret, term, "is not a term of SPF");
}

static enum spf_kind take_term(struct spf_reader *reader, const char *term, struct spf_term *ret)
{
	size_t len = strspn(term, NAME_LETTERS);

	for (const char *pos = term; *pos; pos++)
		if (*pos < '!' || *pos > '~')
			return refuse_record(ret, term, "is not a term of SPF");
	if (len && strchr(LETTERS, *term) && term[len] == '=')
		return take_modifier(reader, term, term + len + 1, ret);
	return take_mechanism(reader, term, ret);
}

/* The next term, or false. */
static bool next_term(struct spf_reader *reader, char term[TERM_MAX + 1])
{
	size_t len = 0, kept = 0;

	while (reader->at < reader->end && *reader->at == ' ')
		reader->at++;
	while (reader->at + len < reader->end && reader->at[len] != ' ')
		len++;
	kept = len < TERM_MAX ? len : TERM_MAX;
	/* A longer one, and a NUL byte, are refused with what is wrong at their place. */
	for (size_t i = 0; i < kept; i++)
		term[i] = (char)(reader->at[i] ? reader->at[i] : '\x7f');
	if (len > TERM_MAX)
		term[TERM_MAX - 1] = '\x7f';
	term[kept] = '\0';
	reader->at += len;
	return len;
}

enum spf_kind spf_next(struct spf_reader *reader, struct spf_term *ret)
{
	char term[TERM_MAX + 1];

	while (next_term(reader, term)) {
		enum spf_kind kind = take_term(reader, term, ret);

		if (kind != SPF_END)
			return kind;
	}
	if (!reader->redirect[0])
		return SPF_END;
	memcpy(ret->name, reader->redirect, sizeof(ret->name));
	reader->redirect[0] = '\0';
	return SPF_REDIRECT;
}

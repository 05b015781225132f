/* SPDX-License-Identifier: MIT */
/*
 * A recursive descent over the grammar of points.h. Each error names the place: the text up to
 * the offending byte, the byte between > and <, and the rest, as postscreen's own parser does.
 */
#include "conf/points.h"
#include "base/mask.h"
#include "base/parse.h"
#include <ctype.h>
#include <string.h>

#define POINTS_MAX 1000

struct parser {
	const char *text, *at;
	const char *what;
};

static bool fail(struct parser *parser, const char *what)
{
	parser->what = what;
	return false;
}

static bool take(struct parser *parser, char byte)
{
	if (*parser->at != byte)
		return false;
	parser->at++;
	return true;
}

static bool octet(struct parser *parser, int *ret)
{
	int64_t number;

	if (!isdigit((unsigned char)*parser->at))
		return fail(parser, "a number is missing");
	if (!int_parse_prefix(&parser->at, 255, &number))
		return fail(parser, "a number is over 255");
	*ret = (int)number;
	return true;
}

static bool member(struct parser *parser, uint8_t set[32])
{
	const char *second;
	int from, to;

	if (!octet(parser, &from))
		return false;
	to = from;
	if (parser->at[0] == '.' && parser->at[1] == '.') {
		parser->at += 2;
		second = parser->at;
		if (!octet(parser, &to))
			return false;
		if (to < from) {
			parser->at = second;
			return fail(parser, "a range runs downwards");
		}
	}
	for (int i = from; i <= to; i++)
		set[i / 8] |= (uint8_t)(1 << i % 8);
	return true;
}

static bool field(struct parser *parser, uint8_t set[32])
{
	int count;

	if (!take(parser, '[')) {
		if (!octet(parser, &count))
			return false;
		set[count / 8] |= (uint8_t)(1 << count % 8);
		return true;
	}
	do {
		if (!member(parser, set))
			return false;
	} while (take(parser, ';'));
	return take(parser, ']') ? true : fail(parser, "expected ; or ]");
}

/* Brackets may stand around the whole list of fields: "[127.0.0.2]" (postconf(5)). */
static bool has_outer(const struct parser *parser, int nfields)
{
	const char *end = *parser->at == '[' ? parser->at + 1 + strspn(parser->at + 1, "0123456789")
					     : NULL;

	if (end && end[0] == '[') /* "[[126..127].0.0.2]": a field never begins so */
		return nfields > 1 && end == parser->at + 1;
	return end && nfields > 1 && end[0] == '.' && end[1] != '.';
}

static bool filter(struct parser *parser, int nfields, struct points_entry *entry)
{
	bool outer = has_outer(parser, nfields);

	parser->at += outer;
	for (int i = 0; i < nfields; i++) {
		if (i && !take(parser, '.'))
			return fail(parser, "expected .");
		if (!field(parser, entry->octets[i]))
			return false;
	}
	return !outer || take(parser, ']') ? true : fail(parser, "expected ]");
}

static bool points(struct parser *parser, struct points_entry *entry)
{
	bool minus = take(parser, '-');
	int64_t number;

	if (!minus)
		take(parser, '+');
	if (!isdigit((unsigned char)*parser->at))
		return fail(parser, "points are missing");
	if (!int_parse_prefix(&parser->at, POINTS_MAX, &number))
		return fail(parser, "points are over 1000");
	entry->points = minus ? -(int)number : (int)number;
	if (*parser->at && !isblank((unsigned char)*parser->at))
		return fail(parser, "expected a blank");
	return true;
}

static bool entry(struct parser *parser, int nfields, struct points_entry *e)
{
	e->any = *parser->at == '*';
	if (!e->any && !filter(parser, nfields, e))
		return false;
	return take(parser, '*') ? points(parser, e) : fail(parser, "expected * and points");
}

static int place(const struct parser *parser, struct err *error)
{
	char said[320];
	size_t len = strlen(text_mask(said, sizeof(said), parser->text, strlen(parser->text)));
	size_t at = (size_t)(parser->at - parser->text) < len ? (size_t)(parser->at - parser->text)
							      : len;

	return err_set(error, IPREP_E_CONFIG, "%s at \"%.*s>%.1s<%s\"", parser->what, (int)at, said,
		       said + at, at < len ? said + at + 1 : "");
}

int points_parse(const char *text, int nfields, struct pattern *ret, struct err *error)
{
	struct parser parser = { .text = text, .at = text };
	struct pattern pat = { .nfields = nfields };

	for (;;) {
		parser.at += strspn(parser.at, " \t");
		if (!*parser.at)
			break;
		if (pat.nentries == PATTERN_ENTRIES_MAX)
			return err_set(error, IPREP_E_CONFIG, "more than %d entries",
				       PATTERN_ENTRIES_MAX);
		if (!entry(&parser, nfields, &pat.entries[pat.nentries]))
			return place(&parser, error);
		pat.nentries++;
	}
	if (!pat.nentries)
		return err_set(error, IPREP_E_CONFIG, "no entry");
	*ret = pat;
	return 0;
}

static bool matches(const struct pattern *points, const struct points_entry *entry, uint32_t value)
{
	if (entry->any)
		return true;
	if (points->nfields == 1)
		return value < 256 && entry->octets[0][value / 8] & (1 << value % 8);
	for (int i = 0; i < 4; i++) {
		unsigned o = value >> (24 - 8 * i) & 0xff;

		if (!(entry->octets[i][o / 8] & (1 << o % 8)))
			return false;
	}
	return true;
}

int points_points(const struct pattern *points, const uint32_t *values, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < points->nentries; i++) {
		for (size_t k = 0; k < count; k++) {
			if (matches(points, &points->entries[i], values[k])) {
				sum += points->entries[i].points;
				break;
			}
		}
	}
	return sum;
}

void points_range(const struct pattern *points, int *ret_least, int *ret_most)
{
	int least = 0, most = 0;

	if (points->nfields == 1) { /* one value: try them all */
		for (uint32_t v = 0; v <= 100; v++) {
			int count = points_points(points, &v, 1);

			least = count < least ? count : least;
			most = count > most ? count : most;
		}
	} else {
		for (size_t i = 0; i < points->nentries; i++) {
			int count = points->entries[i].points;

			*(count < 0 ? &least : &most) += count;
		}
	}
	*ret_least = least;
	*ret_most = most;
}

bool points_is_negative(const struct pattern *points)
{
	for (size_t i = 0; i < points->nentries; i++)
		if (points->entries[i].points >= 0)
			return false;
	return points->nentries > 0;
}

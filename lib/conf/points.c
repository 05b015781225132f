/* SPDX-License-Identifier: MIT */
/*
 * points.c - a recursive descent over the grammar of points.h
 *
 * Each error names the place: the text up to the offending byte, the byte between > and <, and the
 * rest, as postscreen's own parser does.
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

static bool parser_fail(struct parser *parser, const char *what)
{
	parser->what = what;
	return false;
}

static bool parser_accept(struct parser *parser, char byte)
{
	if (*parser->at != byte)
		return false;
	parser->at++;
	return true;
}

static bool parse_octet(struct parser *parser, int *ret)
{
	int64_t number;

	if (!isdigit((unsigned char)*parser->at))
		return parser_fail(parser, "a number is missing");
	if (!int_parse_prefix(&parser->at, 255, &number))
		return parser_fail(parser, "a number is over 255");
	*ret = (int)number;
	return true;
}

static bool parse_member(struct parser *parser, uint8_t set[32])
{
	const char *second;
	int from, to;

	if (!parse_octet(parser, &from))
		return false;
	to = from;
	if (parser->at[0] == '.' && parser->at[1] == '.') {
		parser->at += 2;
		second = parser->at;
		if (!parse_octet(parser, &to))
			return false;
		if (to < from) {
			parser->at = second;
			return parser_fail(parser, "a range runs downwards");
		}
	}
	for (int i = from; i <= to; i++)
		set[i / 8] |= (uint8_t)(1 << i % 8);
	return true;
}

static bool parse_field(struct parser *parser, uint8_t set[32])
{
	int count;

	if (!parser_accept(parser, '[')) {
		if (!parse_octet(parser, &count))
			return false;
		set[count / 8] |= (uint8_t)(1 << count % 8);
		return true;
	}
	do {
		if (!parse_member(parser, set))
			return false;
	} while (parser_accept(parser, ';'));
	return parser_accept(parser, ']') || parser_fail(parser, "expected ; or ]");
}

/* Brackets are allowed around the whole list of fields: "[127.0.0.2]" (postconf(5)). */
static bool has_outer(const struct parser *parser, int nfields)
{
	const char *inner = parser->at + 1, *end;

	if (*parser->at != '[' || nfields == 1)
		return false;
	if (*inner == '[') /* "[[126..127].0.0.2]": no field begins with two brackets */
		return true;
	end = inner + strspn(inner, "0123456789");
	return end[0] == '.' && end[1] != '.';
}

static bool parse_filter(struct parser *parser, int nfields, struct points_entry *entry)
{
	bool outer = has_outer(parser, nfields);

	parser->at += outer;
	for (int i = 0; i < nfields; i++) {
		if (i && !parser_accept(parser, '.'))
			return parser_fail(parser, "expected .");
		if (!parse_field(parser, entry->octets[i]))
			return false;
	}
	return !outer || parser_accept(parser, ']') || parser_fail(parser, "expected ]");
}

static bool parse_points(struct parser *parser, struct points_entry *entry)
{
	bool minus = parser_accept(parser, '-');
	int64_t number;

	if (!minus)
		parser_accept(parser, '+');
	if (!isdigit((unsigned char)*parser->at))
		return parser_fail(parser, "points are missing");
	if (!int_parse_prefix(&parser->at, POINTS_MAX, &number))
		return parser_fail(parser, "points are over 1000");
	entry->points = (int)number;
	if (minus)
		entry->points = -entry->points;
	if (*parser->at && !isblank((unsigned char)*parser->at))
		return parser_fail(parser, "expected a blank");
	return true;
}

static bool parse_entry(struct parser *parser, int nfields, struct points_entry *entry)
{
	entry->any = *parser->at == '*';
	if (!entry->any && !parse_filter(parser, nfields, entry))
		return false;
	if (!parser_accept(parser, '*'))
		return parser_fail(parser, "expected * and points");
	return parse_points(parser, entry);
}

static int place_error(const struct parser *parser, struct err *error)
{
	size_t at = (size_t)(parser->at - parser->text), len;
	char shown[320];

	text_mask(shown, sizeof(shown), parser->text, strlen(parser->text));
	len = strlen(shown);
	if (at >= len)
		return err_set(error, IPREP_E_CONFIG, "%s at \"%s><\"", parser->what, shown);
	return err_set(error, IPREP_E_CONFIG, "%s at \"%.*s>%.1s<%s\"", parser->what, (int)at,
		       shown, shown + at, shown + at + 1);
}

int points_parse(const char *text, int nfields, struct pattern *ret, struct err *error)
{
	struct parser parser = { .text = text, .at = text };
	struct pattern pattern = { .nfields = nfields };

	for (;;) {
		parser.at += strspn(parser.at, " \t");
		if (!*parser.at)
			break;
		if (pattern.nentries == PATTERN_ENTRIES_MAX)
			return err_set(error, IPREP_E_CONFIG, "more than %d entries",
				       PATTERN_ENTRIES_MAX);
		if (!parse_entry(&parser, nfields, &pattern.entries[pattern.nentries]))
			return place_error(&parser, error);
		pattern.nentries++;
	}
	if (!pattern.nentries)
		return err_set(error, IPREP_E_CONFIG, "no entry");
	*ret = pattern;
	return 0;
}

static bool entry_matches(const struct pattern *points, const struct points_entry *entry,
			  uint32_t value)
{
	if (entry->any)
		return true;
	if (points->nfields == 1)
		return value < 256 && entry->octets[0][value / 8] & (1 << value % 8);
	for (int i = 0; i < 4; i++) {
		unsigned octet = value >> (24 - 8 * i) & 0xff;

		if (!(entry->octets[i][octet / 8] & (1 << octet % 8)))
			return false;
	}
	return true;
}

int points_points(const struct pattern *points, const uint32_t *values, size_t count)
{
	int sum = 0;

	for (size_t i = 0; i < points->nentries; i++) {
		for (size_t k = 0; k < count; k++) {
			if (entry_matches(points, &points->entries[i], values[k])) {
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
		for (uint32_t value = 0; value <= 255; value++) {
			int sum = points_points(points, &value, 1);

			if (sum < least)
				least = sum;
			if (sum > most)
				most = sum;
		}
	} else {
		for (size_t i = 0; i < points->nentries; i++) {
			int added = points->entries[i].points;

			if (added < 0)
				least += added;
			else
				most += added;
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

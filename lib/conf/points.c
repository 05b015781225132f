/* SPDX-License-Identifier: MIT */
/*
 * A recursive descent over the grammar of points.h. Each error names the place: the text up to
 * the offending byte, the byte between > and <, and the rest, as postscreen's own parser does.
 */
#include "conf/points.h"
#include "base/buf.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define POINTS_MAX 1000

struct parser {
	const char *text, *at;
	const char *what;
};

static bool fail(struct parser *p, const char *what)
{
	p->what = what;
	return false;
}

static bool take(struct parser *p, char c)
{
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static bool octet(struct parser *p, int *ret)
{
	const char *from = p->at;
	int n = 0;

	while (isdigit((unsigned char)*p->at) && n <= 255)
		n = n * 10 + (*p->at++ - '0');
	if (p->at == from)
		return fail(p, "a number is missing");
	if (n > 255) {
		p->at--;
		return fail(p, "a number is over 255");
	}
	*ret = n;
	return true;
}

static bool member(struct parser *p, uint8_t set[32])
{
	const char *second;
	int from, to;

	if (!octet(p, &from))
		return false;
	to = from;
	if (p->at[0] == '.' && p->at[1] == '.') {
		p->at += 2;
		second = p->at;
		if (!octet(p, &to))
			return false;
		if (to < from) {
			p->at = second;
			return fail(p, "a range runs downwards");
		}
	}
	for (int i = from; i <= to; i++)
		set[i / 8] |= (uint8_t)(1 << i % 8);
	return true;
}

static bool field(struct parser *p, uint8_t set[32])
{
	int n;

	if (!take(p, '[')) {
		if (!octet(p, &n))
			return false;
		set[n / 8] |= (uint8_t)(1 << n % 8);
		return true;
	}
	do {
		if (!member(p, set))
			return false;
	} while (take(p, ';'));
	return take(p, ']') ? true : fail(p, "expected ; or ]");
}

/* Brackets may stand around the whole list of fields: "[127.0.0.2]" (postconf(5)). */
static bool has_outer(const struct parser *p, int nfields)
{
	const char *end = *p->at == '[' ? p->at + 1 + strspn(p->at + 1, "0123456789") : NULL;

	if (end && end[0] == '[') /* "[[126..127].0.0.2]": a field never begins so */
		return nfields > 1 && end == p->at + 1;
	return end && nfields > 1 && end[0] == '.' && end[1] != '.';
}

static bool filter(struct parser *p, int nfields, struct points_entry *e)
{
	bool outer = has_outer(p, nfields);

	p->at += outer;
	for (int i = 0; i < nfields; i++) {
		if (i && !take(p, '.'))
			return fail(p, "expected .");
		if (!field(p, e->octets[i]))
			return false;
	}
	return !outer || take(p, ']') ? true : fail(p, "expected ]");
}

static bool points(struct parser *p, struct points_entry *e)
{
	bool minus = take(p, '-');
	int n = 0;

	if (!minus)
		take(p, '+');
	if (!isdigit((unsigned char)*p->at))
		return fail(p, "points are missing");
	while (isdigit((unsigned char)*p->at)) {
		n = n * 10 + (*p->at - '0');
		if (n > POINTS_MAX)
			return fail(p, "points are over 1000");
		p->at++;
	}
	e->points = minus ? -n : n;
	return *p->at && !isblank((unsigned char)*p->at) ? fail(p, "expected a blank") : true;
}

static bool entry(struct parser *p, int nfields, struct points_entry *e)
{
	e->any = *p->at == '*';
	if (!e->any && !filter(p, nfields, e))
		return false;
	return take(p, '*') ? points(p, e) : fail(p, "expected * and points");
}

static int place(const struct parser *p, struct err *e)
{
	char said[320];
	size_t len = strlen(text_mask(said, sizeof(said), p->text, strlen(p->text)));
	size_t at = (size_t)(p->at - p->text) < len ? (size_t)(p->at - p->text) : len;

	return err_set(e, IPREP_E_CONFIG, "%s at \"%.*s>%.1s<%s\"", p->what, (int)at, said,
		       said + at, at < len ? said + at + 1 : "");
}

int points_parse(const char *text, int nfields, struct pattern *ret, struct err *e)
{
	struct parser p = { .text = text, .at = text };
	struct pattern pat = { .nfields = nfields };

	for (;;) {
		p.at += strspn(p.at, " \t");
		if (!*p.at)
			break;
		if (pat.nentries == PATTERN_ENTRIES_MAX)
			return err_set(e, IPREP_E_CONFIG, "more than %d entries",
				       PATTERN_ENTRIES_MAX);
		if (!entry(&p, nfields, &pat.entries[pat.nentries]))
			return place(&p, e);
		pat.nentries++;
	}
	if (!pat.nentries)
		return err_set(e, IPREP_E_CONFIG, "no entry");
	*ret = pat;
	return 0;
}

static bool matches(const struct pattern *p, const struct points_entry *e, uint32_t value)
{
	if (e->any)
		return true;
	if (p->nfields == 1)
		return value < 256 && e->octets[0][value / 8] & (1 << value % 8);
	for (int i = 0; i < 4; i++) {
		unsigned o = value >> (24 - 8 * i) & 0xff;

		if (!(e->octets[i][o / 8] & (1 << o % 8)))
			return false;
	}
	return true;
}

int points_points(const struct pattern *p, const uint32_t *values, size_t n)
{
	int sum = 0;

	for (size_t i = 0; i < p->nentries; i++) {
		for (size_t k = 0; k < n; k++) {
			if (matches(p, &p->entries[i], values[k])) {
				sum += p->entries[i].points;
				break;
			}
		}
	}
	return sum;
}

void points_range(const struct pattern *p, int *ret_least, int *ret_most)
{
	int least = 0, most = 0;

	if (p->nfields == 1) { /* one value: try them all */
		for (uint32_t v = 0; v <= 100; v++) {
			int n = points_points(p, &v, 1);

			least = n < least ? n : least;
			most = n > most ? n : most;
		}
	} else {
		for (size_t i = 0; i < p->nentries; i++) {
			int n = p->entries[i].points;

			*(n < 0 ? &least : &most) += n;
		}
	}
	*ret_least = least;
	*ret_most = most;
}

bool points_is_negative(const struct pattern *p)
{
	for (size_t i = 0; i < p->nentries; i++)
		if (p->entries[i].points >= 0)
			return false;
	return p->nentries > 0;
}

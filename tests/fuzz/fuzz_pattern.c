/* SPDX-License-Identifier: MIT */
/* A pattern of points. Byte 0: fields of the grammar, and answers to try; the rest is the text. */
#include "fuzz.h"
#include "conf/points.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t answers[4] = { 0x7f000002, 0x7f000a03, 100, 0x7f0000ff };
	int least, most, points;
	struct pattern p;
	struct err e = { 0 };
	char text[600];

	if (size < 1 || size > sizeof(text))
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	answers[3] = (uint32_t)data[0] << 24 | 0x2020a;
	if (points_parse(text, data[0] & 1 ? 4 : 1, &p, &e)) {
		must(e.code == IPREP_E_CONFIG && *e.text && is_plain(e.text));
		/* a fault inside an entry is shown at its place: the byte between > and < */
		must(!strcmp(e.text, "no entry") || !strncmp(e.text, "more than ", 10) ||
		     (strchr(e.text, '>') && strchr(strchr(e.text, '>'), '<')));
		return 0;
	}
	must(p.nentries > 0 && p.nentries <= PATTERN_ENTRIES_MAX);
	points_range(&p, &least, &most);
	must(least <= 0 && most >= 0);
	for (size_t i = 0; p.nfields == 1 && i < 4; i++)
		answers[i] &= 0xff; /* a score */
	for (size_t n = 0; n <= 4; n++) {
		points = points_points(&p, answers, n);
		if (p.nfields == 4 || n <= 1) /* a score is one number */
			must(points >= least && points <= most);
		must(n || !points);
	}
	must(!points_is_negative(&p) || most == 0);
	return 0;
}

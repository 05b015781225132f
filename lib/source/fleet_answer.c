/* SPDX-License-Identifier: MIT */
/*
 * fleet_answer.c - what nsupdate, knsupdate, dig and kdig print, as sentences
 *
 * Their output is searched for known words and never passed on: nsupdate prints the beginning of
 * the secret if the key file has the other client's form. RFC 2136, 2.2; RFC 8945, 3: the codes.
 * Recorded from BIND 9.18 and Knot DNS 3.2; tests/data/unit/fleet.tsv.
 */
#include "source/fleet.h"
#include "base/mask.h"
#include <ctype.h>
#include <iprep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first that is found counts. */
static const struct sentence {
	const char *word;
	enum fleet_outcome outcome;
	const char *text;
} sentences[] = {
	{ "could not read key", FLEET_FAILED, "nsupdate cannot read [fleet] key_file" },
	{ "failed to parse keyfile", FLEET_FAILED, "knsupdate cannot read [fleet] key_file" },
	{ "BADSIG", FLEET_FAILED, "BADSIG: the server has another secret under this key's name" },
	{ "BADTIME", FLEET_FAILED, "BADTIME: the clocks of this host and the server differ" },
	{ "BADTRUNC", FLEET_FAILED, "BADTRUNC: the server refuses the length of the signature" },
	/* Knot's answer if an ACL refuses it; BIND has REFUSED */
	{ "BADKEY", FLEET_REFUSED,
	  "BADKEY: the server does not know this key, or its ACL does not allow the update" },
	{ "NOTAUTH", FLEET_REFUSED,
	  "NOTAUTH: the server does not serve [fleet] zone, or does not accept the key for it" },
	{ "NOTZONE", FLEET_REFUSED, "NOTZONE: the name is not in [fleet] zone" },
	{ "REFUSED", FLEET_REFUSED, "REFUSED: the server does not allow this key the update" },
	{ "FORMERR", FLEET_REFUSED, "FORMERR: the server does not understand the update" },
	{ "NOTIMP", FLEET_FAILED, "NOTIMP: the server takes no updates" },
	{ "SERVFAIL", FLEET_FAILED, "SERVFAIL: the server could not make the update; see its log" },
	{ "ran out of space", FLEET_REFUSED, "the update is too long for one message" },
	{ "not enough space", FLEET_REFUSED, "the update is too long for one message" },
	{ "timed out", FLEET_FAILED, "no answer from the server" },
	{ "timeout", FLEET_FAILED, "no answer from the server" },
	{ "no servers could be reached", FLEET_FAILED, "no answer from the server" },
	{ "can't connect", FLEET_FAILED, "the server cannot be reached over TCP" },
	{ "Communication with", FLEET_FAILED, "the server cannot be reached over TCP" },
	{ "communications error", FLEET_FAILED, "the server cannot be reached over TCP" },
	{ "reply verification", FLEET_FAILED, "the server's signature is not right" },
	{ "TSIG error", FLEET_FAILED, "the server's signature is not right" },
	{ "syntax error", FLEET_REFUSED, "the client does not understand the update" },
	{ "NXDOMAIN", FLEET_REFUSED, "NXDOMAIN: the server does not know the name" },
};
#define NSENTENCES (sizeof(sentences) / sizeof(sentences[0]))

static bool output_has(const struct run_answer *answer, const char *word)
{
	return answer->len && memmem(answer->output, answer->len, word, strlen(word));
}

static enum fleet_outcome judge_words(const struct run_answer *answer, char why[DETAIL_MAX])
{
	for (size_t i = 0; i < NSENTENCES; i++) {
		if (!output_has(answer, sentences[i].word))
			continue;
		snprintf(why, DETAIL_MAX, "%s", sentences[i].text);
		return sentences[i].outcome;
	}
	snprintf(why, DETAIL_MAX, "the client ended with status %d", answer->exit_status);
	return FLEET_FAILED;
}

enum fleet_outcome fleet_answer_judge(const struct run_answer *answer, char why[DETAIL_MAX])
{
	*why = '\0';
	if (answer->status == NET_TIMEOUT) {
		snprintf(why, DETAIL_MAX, "no answer from the server");
		return FLEET_FAILED;
	}
	if (answer->status != NET_OK) {
		snprintf(why, DETAIL_MAX, "%.150s", answer->why);
		return FLEET_FAILED;
	}
	switch (answer->exit_status) {
	case 0:
		return FLEET_DONE;
	case IPREP_RUN_MISSING:
		snprintf(why, DETAIL_MAX,
			 "the client for this form of [fleet] key_file is not installed");
		return FLEET_FAILED;
	case IPREP_RUN_SLOW:
		snprintf(why, DETAIL_MAX, "no answer from the server");
		return FLEET_FAILED;
	case IPREP_RUN_FAILED:
		snprintf(why, DETAIL_MAX,
			 "the client was ended by a signal or could not be started");
		return FLEET_FAILED;
	default:
		return judge_words(answer, why);
	}
}

/* ---- SOA ---- */

/* The next word of the line; returns its length, 0 at the end. */
static size_t next_field(const char **at, const char *end, const char **ret)
{
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	*ret = *at;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	return (size_t)(*at - *ret);
}

/* "bl.example.net.  300  IN  SOA  ns... host... 17 600 300 86400 30" */
static bool read_soa_line(const char *line, const char *end, struct fleet_soa *ret)
{
	enum { NAME, TTL, CLASS, TYPE, MNAME, RNAME, SERIAL, NWORDS };
	const char *words[NWORDS];
	size_t lengths[NWORDS];

	if (line == end || *line == ';')
		return false;
	for (size_t i = 0; i < NWORDS; i++) {
		lengths[i] = next_field(&line, end, &words[i]);
		if (!lengths[i])
			return false;
	}
	if (lengths[TYPE] != 3 || memcmp(words[TYPE], "SOA", 3) != 0 || lengths[SERIAL] > 10)
		return false;
	if (lengths[NAME] > 1 && words[NAME][lengths[NAME] - 1] == '.')
		lengths[NAME]--;
	text_mask(ret->zone, sizeof(ret->zone), words[NAME], lengths[NAME]);
	for (char *letter = ret->zone; *letter; letter++)
		*letter = (char)tolower((unsigned char)*letter);
	ret->serial = strtoll(words[SERIAL], NULL, 10);
	return true;
}

void fleet_soa_read(const struct run_answer *answer, struct fleet_soa *ret, char why[DETAIL_MAX])
{
	const char *at = answer->output, *end = at + answer->len;

	*ret = (struct fleet_soa){ .serial = -1 };
	*why = '\0';
	while (answer->status == NET_OK && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		if (!newline)
			newline = end;
		if (read_soa_line(at, newline, ret))
			return;
		at = newline + 1;
	}
	/* dig ends with 0 whatever the server says */
	if (fleet_answer_judge(answer, why) == FLEET_DONE)
		judge_words(answer, why);
	if (!strncmp(why, "the client ended with", 21))
		snprintf(why, DETAIL_MAX, "no SOA record in the answer");
}

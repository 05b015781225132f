/* SPDX-License-Identifier: MIT */
/*
 * fleet_answer.c - what nsupdate, knsupdate, dig and kdig say of a failure, as sentences
 *
 * Their output is searched for known words and never passed on: nsupdate prints the beginning of
 * the secret if the key file has the other client's form. RFC 2136, 2.2; RFC 8945, 3: the codes.
 * Recorded from BIND 9.18 and Knot DNS 3.2; tests/data/unit/fleet.tsv.
 */
#include "source/fleet.h"
#include <iprep.h>
#include <stdio.h>
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
	  "BADKEY: the server does not know this key, or its ACL does not allow it this" },
	{ "NOTAUTH", FLEET_REFUSED,
	  "NOTAUTH: the server does not serve [fleet] zone, or does not accept the key for it" },
	{ "NOTZONE", FLEET_REFUSED, "NOTZONE: the name is not in [fleet] zone" },
	{ "REFUSED", FLEET_REFUSED, "REFUSED: the server does not allow it with this key" },
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
	/* of dig and kdig, if nothing above says why */
	{ "Transfer failed", FLEET_REFUSED, "the server does not let this key transfer the zone" },
	{ "failed to query server", FLEET_FAILED, "no answer from the server" },
};
#define NSENTENCES (sizeof(sentences) / sizeof(sentences[0]))

static bool output_has(const struct run_answer *answer, const char *word)
{
	return answer->len && memmem(answer->output, answer->len, word, strlen(word));
}

enum fleet_outcome fleet_answer_words(const struct run_answer *answer, char why[DETAIL_MAX])
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
		return fleet_answer_words(answer, why);
	}
}

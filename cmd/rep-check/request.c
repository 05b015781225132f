/* SPDX-License-Identifier: MIT */
#include "rep-check/request.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

static const char *const verbs[] = { [REQUEST_GATE] = "gate",
				     [REQUEST_ENQUEUE] = "enqueue",
				     [REQUEST_LOGIN] = "login",
				     [REQUEST_IS_BLOCKED] = "is-blocked" };
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

void request_refuse(struct request *request, const char *why)
{
	request->is_malformed = true;
	request->status = EX_USAGE;
	snprintf(request->reason, sizeof(request->reason), "%s", why);
}

/* ---- the line ---- */

/* The next word of *at, or NULL. */
static char *next_word(char **at)
{
	char *word = *at, *blank;

	if (!word)
		return NULL;
	blank = strchr(word, ' ');
	*at = blank ? blank + 1 : NULL;
	if (blank)
		*blank = '\0';
	return word;
}

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* In place. False: a '%' without two digits, or a NUL byte, which would end the value. */
static bool decode(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		int high, low;

		*to = *text;
		if (*text != '%')
			continue;
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || !(high | low))
			return false;
		*to = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return true;
}

static bool id_is_valid(const char *id)
{
	size_t len = strspn(id,
			    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-");

	return len && len <= REQUEST_ID_MAX && !id[len] && strcmp(id, "-") != 0;
}

static int verb_of(const char *word)
{
	for (size_t i = 0; i < NVERBS; i++)
		if (word && !strcmp(word, verbs[i]))
			return (int)i;
	return -1;
}

/* As rep-report has them; NULL: valid. "<time>" is a tag that fail2ban did not know. */
static const char *take_number(struct iprep_report *report, bool is_time, char *value)
{
	long long number;

	if (*value == '<')
		return NULL;
	if (is_time) {
		if (!seconds_parse(value, &number) || number <= 0)
			return "--time: not a number of seconds since 1970";
		report->seen_at = number;
		return NULL;
	}
	if (!number_parse(value, 0, 1000000000, &number))
		return "--failures: not a number from 0 to 1000000000";
	report->failures = (int)number;
	report->by_hand = !number;
	return NULL;
}

static const char *take_enqueue_option(struct request *request, const char *name, char *value)
{
	struct iprep_report *report = &request->report;

	if (!strcmp(name, "jail"))
		report->jail = value;
	else if (!strcmp(name, "categories"))
		report->categories = value;
	else if (!strcmp(name, "comment"))
		report->comment = value;
	else if (!strcmp(name, "failures") || !strcmp(name, "time"))
		return take_number(report, *name == 't', value);
	else if (strcmp(name, "user") != 0)
		return "unknown option of enqueue";
	else if (report->nusers < REQUEST_USERS_MAX)
		request->users[report->nusers++] = value;
	return NULL;
}

static const char *take_gate_option(struct request *request, const char *name, char *value)
{
	if (!strcmp(name, "jail"))
		request->hook.jail = value;
	else if (!strcmp(name, "user"))
		request->hook.user = value;
	else if (!strcmp(name, "restored"))
		request->hook.restored = value;
	else
		return "unknown option of gate";
	return NULL;
}

/* "--name=value"; NULL: valid. */
static const char *take_option(struct request *request, char *word)
{
	char *equals = strchr(word, '=');

	if (strncmp(word, "--", 2) != 0 || !equals)
		return "expected --OPTION=VALUE before the address";
	*equals = '\0';
	if (!decode(equals + 1))
		return "an invalid % in a value";
	if (request->verb == REQUEST_GATE)
		return take_gate_option(request, word + 2, equals + 1);
	if (request->verb == REQUEST_ENQUEUE)
		return take_enqueue_option(request, word + 2, equals + 1);
	return "this verb has no options";
}

/* NULL: valid. */
static const char *parse_words(char *line, struct request *request)
{
	char *at = line, *word = next_word(&at);
	const char *why;
	int verb;

	if (!id_is_valid(word))
		return "expected ID VERB [--OPTION=VALUE]... ADDRESS, with an ID of at most 32 "
		       "letters and digits";
	snprintf(request->id, sizeof(request->id), "%s", word);
	verb = verb_of(next_word(&at));
	if (verb < 0)
		return "unknown verb; expected gate, enqueue, login or is-blocked";
	request->verb = (enum request_verb)verb;
	for (word = next_word(&at); word && at; word = next_word(&at)) {
		why = take_option(request, word);
		if (why)
			return why;
	}
	if (!word || !*word)
		return "no address";
	request->address = word;
	return NULL;
}

void request_parse(char *line, size_t len, struct request *ret)
{
	const char *why = "a NUL byte";

	memset(ret, 0, sizeof(*ret));
	snprintf(ret->id, sizeof(ret->id), "-");
	if (!memchr(line, '\0', len))
		why = parse_words(line, ret);
	if (why)
		request_refuse(ret, why);
	ret->report.address = ret->address;
	ret->report.users = ret->users;
}

/* ---- the answer ---- */

void request_fail(struct iprep_ctx *ctx, struct request *request, int err)
{
	if (request->is_malformed)
		return;
	request->err = err;
	request->status = cli_status(err);
	snprintf(request->reason, sizeof(request->reason), "%s", iprep_errmsg(ctx));
	make_printable(request->reason);
	/* as the hooks: a failure must never make a line count */
	if (request->verb == REQUEST_GATE || request->verb == REQUEST_LOGIN)
		request->status = EX_OK;
}

void request_ask(struct iprep_ctx *ctx, struct request *request)
{
	bool is_listed = false;
	int rc = IPREP_OK;

	if (request->is_malformed)
		return;
	request->err = IPREP_OK;
	request->wake = false;
	*request->reason = '\0';
	switch (request->verb) {
	case REQUEST_GATE:
		rc = gate_should_count(ctx, &request->hook, request->address, &is_listed,
				       &request->wake);
		break;
	case REQUEST_ENQUEUE:
		rc = iprep_record_report(ctx, &request->report, NULL, &request->wake);
		break;
	case REQUEST_LOGIN:
		rc = iprep_record_login(ctx, request->address);
		break;
	case REQUEST_IS_BLOCKED:
		rc = iprep_is_blocked(ctx, request->address, &is_listed);
		break;
	}
	if (rc)
		request_fail(ctx, request, rc);
	else
		request->status = is_listed ? EX_CONFIRMED : EX_OK;
}

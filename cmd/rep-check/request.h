/* SPDX-License-Identifier: MIT */
/*
 * request.h - one line to "rep-check --gate --serve", and its answer
 *
 *	ID VERB [--OPTION=VALUE]... ADDRESS	7 gate --jail=sshd --user=bob%20x 45.1.1.1
 *	ID STATUS [REASON]			7 10
 *
 * The words are separated by one blank. In a value %XX is the byte with this hexadecimal number: of
 * '%', blanks and control characters it has to be.
 */
#pragma once
#include "common/cli.h"
#include "rep-check/hook.h"

#define REQUEST_USERS_MAX  64 /* as rep-report --enqueue */
#define REQUEST_ID_MAX	   32
#define REQUEST_REASON_MAX 160

enum request_verb { REQUEST_GATE, REQUEST_ENQUEUE, REQUEST_LOGIN, REQUEST_IS_BLOCKED };
struct request {
	char id[REQUEST_ID_MAX + 1]; /* "-": the line has none */
	enum request_verb verb;
	const char *address;
	struct gate_options hook;
	struct iprep_report report;
	const char *users[REQUEST_USERS_MAX];
	/* the answer */
	bool is_malformed; /* nothing is asked */
	int err;	   /* IPREP_E_*: what the hook's program would fail with; IPREP_OK */
	int status;
	bool wake;			 /* the worker has news */
	char reason[REQUEST_REASON_MAX]; /* empty: none */
};

/* Takes the line to pieces, in place: *ret points into it. A malformed one has its answer then. */
void request_parse(char *line, size_t len, struct request *ret);
/* The answer to a line that is no request. */
void request_refuse(struct request *request, const char *why);
/* Asks the library. May be called again, for a batch that could not be written. */
void request_ask(struct iprep_ctx *ctx, struct request *request);
/* The answer of a request that fails as a whole, with the message of the context. */
void request_fail(struct iprep_ctx *ctx, struct request *request, int err);

/* SPDX-License-Identifier: MIT */
/*
 * serve.c - many hooks in one process
 *
 * Starting a program for each log line costs more than all that a hook does. Root has ended before
 * the first request is read, for it is an attacker's text. Memory is fixed: what does not fit waits
 * in the pipe, and so does who writes to it. One transaction has at most BATCH_MAX requests, so
 * that it keeps other writers out for milliseconds.
 */
#include "rep-check/serve.h"
#include "common/text.h"
#include "rep-check/request.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX 8192
#define INPUT_BYTES	  65536
#define BATCH_MAX	  64
#define IDLE_MS		  100	/* then the database is closed, so that it can be replaced */
#define WAKE_MS		  250	/* a worker that was started needs less to take its lock */
#define SAME_ERROR_MS	  60000 /* an error is logged once a minute, for all requests */

struct server {
	struct cli *cli;
	char input[INPUT_BYTES + 1];
	size_t begin, end; /* of what is in input */
	bool is_skipping;  /* the rest of a line that is too long */
	bool has_ended;
	struct request requests[BATCH_MAX];
	size_t count;
	bool wake;
	int64_t woken_at_ms, logged_at_ms;
	char logged[REQUEST_REASON_MAX];
};

/* ---- input ---- */

/* The next whole line, without its end; NULL: there is none yet. */
static char *take_line(struct server *server, size_t *ret_len)
{
	char *line = server->input + server->begin;
	char *newline = memchr(line, '\n', server->end - server->begin);

	if (!newline)
		return NULL;
	*newline = '\0';
	*ret_len = (size_t)(newline - line);
	server->begin = (size_t)(newline + 1 - server->input);
	return line;
}

static void add_refused(struct server *server, const char *why)
{
	char none[] = "";
	struct request *request = &server->requests[server->count++];

	request_parse(none, 0, request);
	request_refuse(request, why);
}

/* What is no whole line yet: too long, or cut off by the end. */
static void judge_rest(struct server *server)
{
	size_t len = server->end - server->begin;

	if (len > REQUEST_BYTES_MAX && !server->is_skipping) {
		add_refused(server, "a line of more than 8192 bytes");
		server->is_skipping = true;
	} else if (server->has_ended && len && !server->is_skipping) {
		add_refused(server, "the input ended within a line");
	}
	if (server->is_skipping || server->has_ended)
		server->begin = server->end;
}

/* Fills requests with what is in input. */
static void take_requests(struct server *server)
{
	size_t len;
	char *line;

	server->count = 0;
	while (server->count < BATCH_MAX) {
		line = take_line(server, &len);
		if (!line)
			break;
		if (server->is_skipping)
			server->is_skipping = false;
		else if (len > REQUEST_BYTES_MAX)
			add_refused(server, "a line of more than 8192 bytes");
		else
			request_parse(line, len, &server->requests[server->count++]);
	}
	if (server->count < BATCH_MAX)
		judge_rest(server);
}

/* Waits for more; after a while without any, the database is closed. */
static int read_input(struct server *server)
{
	struct pollfd wait = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t left = server->end - server->begin;
	ssize_t got;

	if (left > INPUT_BYTES) /* never: gcc 14 does not see it */
		return EX_SOFTWARE;
	memmove(server->input, server->input + server->begin, left);
	server->end = left;
	server->begin = 0;
	if (!poll(&wait, 1, server->wake ? WAKE_MS : IDLE_MS)) {
		iprep_close_state(server->cli->ctx);
		return EX_OK;
	}
	got = read(STDIN_FILENO, server->input + left, INPUT_BYTES - left);
	if (got < 0 && errno != EINTR && errno != EAGAIN) {
		cli_error(server->cli, "stdin: %s", strerror(errno));
		return EX_IOERR;
	}
	if (got > 0)
		server->end += (size_t)got;
	server->has_ended = !got;
	return EX_OK;
}

/* ---- answers ---- */

static void log_failure(struct server *server, const struct request *request)
{
	int64_t now = monotonic_ms();

	if (!strcmp(server->logged, request->reason) && now < server->logged_at_ms + SAME_ERROR_MS)
		return;
	snprintf(server->logged, sizeof(server->logged), "%s", request->reason);
	server->logged_at_ms = now;
	cli_error(server->cli, "%s", request->reason);
}

static int write_answers(struct server *server)
{
	for (size_t i = 0; i < server->count; i++) {
		const struct request *request = &server->requests[i];
		const char *blank = *request->reason ? " " : "";

		printf("%s %d%s%s\n", request->id, request->status, blank, request->reason);
	}
	if (fflush(stdout)) /* cli_finish() reports it */
		return EX_IOERR;
	return EX_OK;
}

/* An address that is none says nothing of the database. */
static bool is_trouble(const struct request *request)
{
	return request->err && request->err != IPREP_E_ADDR && request->err != IPREP_E_ARG;
}

static void end_batch(struct server *server)
{
	bool has_trouble = false;

	for (size_t i = 0; i < server->count; i++) {
		const struct request *request = &server->requests[i];

		server->wake |= request->wake;
		if (!is_trouble(request))
			continue;
		has_trouble = true;
		log_failure(server, request);
	}
	if (has_trouble)
		iprep_close_state(server->cli->ctx);
}

static void ask_all(struct server *server)
{
	for (size_t i = 0; i < server->count; i++)
		request_ask(server->cli->ctx, &server->requests[i]);
}

/* What the batch could not write, each request may: one at a time, as hooks. */
static void ask_batch(struct server *server)
{
	int rc = iprep_begin_batch(server->cli->ctx);

	if (rc) {
		for (size_t i = 0; i < server->count; i++)
			request_fail(server->cli->ctx, &server->requests[i], rc);
		return;
	}
	ask_all(server);
	if (iprep_end_batch(server->cli->ctx))
		ask_all(server);
}

/* A changed configuration may name another state: of another user it cannot be used any more, and
 * who started this process starts it again. */
static int answer_requests(struct server *server)
{
	struct cli *cli = server->cli;
	bool changed = false;
	int rc = iprep_refresh(cli->ctx, cli->config, &changed), status;

	if (!rc && changed) {
		status = cli_end_root(cli);
		if (status)
			return status;
	}
	if (rc) {
		for (size_t i = 0; i < server->count; i++)
			request_fail(cli->ctx, &server->requests[i], rc);
	} else {
		ask_batch(server);
	}
	end_batch(server);
	return write_answers(server);
}

/* ---- the worker ---- */

static void wake_worker(struct server *server)
{
	int64_t now = monotonic_ms();

	while (waitpid(-1, NULL, WNOHANG) > 0) /* workers that have ended */
		;
	if (!server->wake || now < server->woken_at_ms + WAKE_MS)
		return;
	server->wake = false;
	server->woken_at_ms = now;
	cli_wake_worker(server->cli);
}

static int serve(struct server *server)
{
	int rc = EX_OK;

	while (!rc) {
		take_requests(server);
		if (server->count)
			rc = answer_requests(server);
		else if (server->has_ended)
			break;
		else
			rc = read_input(server);
		wake_worker(server);
	}
	server->woken_at_ms = 0;
	wake_worker(server);
	return rc;
}

int check_serve(struct cli *cli)
{
	struct server *server;
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	server = calloc(1, sizeof(*server));
	if (!server) {
		cli_error(cli, "out of memory");
		return EX_OSERR;
	}
	server->cli = cli;
	server->woken_at_ms = -WAKE_MS;
	rc = serve(server);
	free(server);
	return rc;
}

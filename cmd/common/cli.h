/* SPDX-License-Identifier: MIT */
/*
 * cli.h - what the three programs share: a clean start, the end of root, messages, statuses
 *
 * Only here: argv, stdout and stderr, exit, fork, syslog, the environment.
 */
#pragma once
#include "common/terminal.h"
#include <iprep.h>
#include <sys/types.h>
#include <sysexits.h>

enum { EX_CONFIRMED = 10 }; /* no crash, shell or missing program produces it */

struct cli {
	const char *name; /* "rep-check" */
	struct iprep_ctx *ctx;
	const char *config; /* NULL: the default */
	bool json, quiet, dry_run;
	int verbose;
	bool plugin;   /* of a monitoring system: messages are its UNKNOWN, on stdout */
	bool hook;     /* messages go to syslog, not to stderr */
	bool no_state; /* a person without rights to the state */
	pid_t parent;  /* of a hook's child (limit.h); 0: none */
	struct terminal terminal;
};

/* The first thing main() does: no core dumps, an empty environment, safe descriptors, no death by
 * SIGPIPE and SIGXFSZ. */
void cli_begin(struct cli *cli, const char *name);
/* In a child, before exec: programs of others expect to be ended by these signals. */
void cli_restore_signals(void);
/* Nothing can be written there. For modes that would lose what they print only once. */
bool cli_stdout_is_closed(void);
/* Library, configuration. Returns an exit status; EX_OK goes on. */
int cli_open(struct cli *cli);
/* Become the owner of the state directory for good. Returns an exit status. */
int cli_end_root(struct cli *cli);
/* The same for what only reads: others stay who they are, and must be in the group of the state. */
int cli_end_root_to_read(struct cli *cli);
/* The same for lookups: a person who is neither root nor that owner does without the state. */
int cli_end_root_or_state(struct cli *cli);
/* Flush stdout: a failed write is a failure. Frees the context. Returns the status to exit with. */
int cli_finish(struct cli *cli, int status);

/* "name: message" on stderr, or to syslog for hooks. */
void cli_error(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A sentence on stdout, wrapped on a terminal. */
void cli_print(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* stderr is /dev/null, as in a worker that a hook has started: syslog then. */
bool cli_stderr_is_null(void);
/* The exit status for an IPREP_E_*. */
int cli_status(int err);
/* The library's message; returns the exit status for an IPREP_E_*. */
int cli_fail(const struct cli *cli, int err);
/*
 * An option that all programs have: -c -j -q -v -n. Returns false if it is none of them. A program
 * without -n has no n in its list of short options, so that it never comes here.
 */
bool cli_take_option(struct cli *cli, int option);
/* One line about an option; returns EX_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What getopt_long() refused. */
int cli_bad_option(const struct cli *cli, char *const *argv);
/* The ending of a noun: "1 block", "2 blocks". */
static inline const char *cli_plural(long long number)
{
	return number == 1 ? "" : "s";
}

/* Start rep-report --flush in the background; it inherits no file descriptor. */
void cli_wake_worker(struct cli *cli);

/* SPDX-License-Identifier: MIT */
#include "rep-check/bulk.h"
#include "common/confine.h"
#include "common/progress.h"
#include "rep-check/lines.h"
#include "rep-check/text.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A handler has nothing else to write to. */
static volatile sig_atomic_t interrupted;

struct run {
	struct cli *cli;
	const char *name; /* of the file, for messages */
	struct lines lines;
	struct bar bar;
	uint64_t answered;
	int64_t bad_line; /* the last one with a field that is no address; 0: none */
	bool has_heads;
	int stdout_error;		       /* errno of a write that failed */
	uint64_t verdicts[IPREP_UNLISTED + 1]; /* addresses with each */
};

static void on_signal(int number)
{
	interrupted = number;
}

/* The first signal ends the run in order, a second one immediately. Ignored signals (nohup) stay
 * ignored. */
static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM };
	struct sigaction on = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, was;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!sigaction(numbers[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(numbers[i], &on, NULL);
}

static int on_next(void *user, const char **ret_text, int64_t *ret_id)
{
	struct run *run = user;

	if (interrupted)
		return IPREP_NEXT_END;
	switch (lines_next(&run->lines)) {
	case LINES_LATER:
		return IPREP_NEXT_LATER;
	case LINES_END:
		return IPREP_NEXT_END;
	case LINES_FIELD:
		break;
	}
	*ret_text = run->lines.field;
	*ret_id = run->lines.line;
	return IPREP_NEXT_ADDRESS;
}

static int on_answer(void *user, int64_t id, const char *text, int err,
		     const struct iprep_result *result)
{
	struct run *run = user;

	run->answered++;
	if (err) {
		if (id != run->bad_line) { /* one message a line: a log file has many fields */
			bar_erase(&run->bar);
			cli_error(run->cli, "%.400s:%lld: %.100s: %s", run->name, (long long)id,
				  text, iprep_strerror(err));
		}
		run->bad_line = id;
		return 0;
	}
	if (result->verdict >= 0 && result->verdict <= IPREP_UNLISTED)
		run->verdicts[result->verdict]++;
	errno = 0;
	check_put_heads(run->cli, &run->has_heads);
	check_put(run->cli, result, NULL);
	if (ferror(stdout))
		run->stdout_error = errno ? errno : EIO;
	return run->stdout_error;
}

static void show_bulk_progress(void *user, const struct iprep_progress *progress)
{
	struct run *run = user;

	fflush(stdout); /* who reads a pipe need not wait for a full buffer */
	bar_draw(&run->bar, progress->answered, run->lines.taken, run->lines.size);
	if (run->cli->verbose > 1)
		fprintf(stderr, "%s: %llu answered, %zu of %zu in flight\n", run->cli->name,
			(unsigned long long)progress->answered, progress->in_flight,
			progress->window);
}

static int cannot_read(struct run *run, int error)
{
	cli_error(run->cli, "%.400s: %s", run->name, strerror(error));
	if (error == EACCES || error == EPERM)
		return EX_NOPERM;
	return EX_IOERR;
}

static int bulk_exit_status(struct run *run, int rc)
{
	if (run->stdout_error) {
		errno = run->stdout_error; /* cli_finish() says it */
		return EX_IOERR;
	}
	if (rc)
		return cli_fail(run->cli, rc);
	if (run->lines.error)
		return cannot_read(run, run->lines.error);
	if (interrupted) {
		cli_error(run->cli, "interrupted: %llu done, up to line %lld of %.400s",
			  (unsigned long long)run->answered, (long long)run->lines.line, run->name);
		return 128 + interrupted;
	}
	if (run->bad_line)
		return EX_DATAERR;
	if (run->verdicts[IPREP_CONFIRMED])
		return EX_CONFIRMED;
	if (run->verdicts[IPREP_UNKNOWN])
		return EX_TEMPFAIL;
	return EX_OK;
}

static void put_summary(const struct run *run)
{
	static const int order[] = { IPREP_CONFIRMED, IPREP_UNLISTED, IPREP_CLEAN, IPREP_UNKNOWN,
				     IPREP_EXEMPT };
	char line[200] = "";
	uint64_t total = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		uint64_t number = run->verdicts[order[i]];
		size_t len = strlen(line);

		total += number;
		if (number)
			snprintf(line + len, sizeof(line) - len, "%s%llu %s", len ? ", " : ": ",
				 (unsigned long long)number, iprep_verdict_name(order[i]));
	}
	cli_error(run->cli, "%llu address%s%s%s", (unsigned long long)total, total == 1 ? "" : "es",
		  line, run->verdicts[IPREP_UNLISTED] ? "; AbuseIPDB was not asked" : "");
}

static int look_up(struct run *run, unsigned flags, int timeout_ms)
{
	struct iprep_list list = { .flags = flags | IPREP_FREE,
				   .timeout_ms = timeout_ms,
				   .next = on_next,
				   .answer = on_answer,
				   .progress = show_bulk_progress,
				   .user = run };
	int rc = cli_end_root_or_state(run->cli);

	if (rc)
		return rc;
	rc = cli_confine(run->cli);
	if (rc)
		return rc;
	if (run->cli->no_state)
		list.flags |= IPREP_NO_STATE;
	catch_signals();
	bar_begin(&run->bar, &run->cli->terminal,
		  !run->cli->quiet && !run->cli->terminal.is_out); /* the answers go there */
	rc = iprep_lookup_list(run->cli->ctx, &list);
	bar_erase(&run->bar);
	if (!rc && !run->cli->quiet)
		put_summary(run);
	return bulk_exit_status(run, rc);
}

int check_file(struct cli *cli, const char *path, unsigned flags, int timeout_ms)
{
	struct run *run = calloc(1, sizeof(*run));
	int error, status;

	if (!run)
		return cli_fail(cli, IPREP_E_NOMEM);
	run->cli = cli;
	if (strcmp(path, "-"))
		run->name = path;
	else
		run->name = "stdin";
	error = lines_open(&run->lines, path); /* while still root */
	if (error)
		status = cannot_read(run, error);
	else
		status = look_up(run, flags, timeout_ms);
	lines_close(&run->lines);
	free(run);
	return status;
}

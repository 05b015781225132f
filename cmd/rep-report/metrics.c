/* SPDX-License-Identifier: MIT */
#include "rep-report/metrics.h"
#include "rep-report/metrics_text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (16 << 20) /* bytes of the file; an ordinary one has 20 KB */

static int put_hooks(struct cli *cli, FILE *out)
{
	static const char name[] = "iprep_hook_last_timestamp_seconds";
	const struct iprep_hook_times *times;
	int rc = iprep_hook_times(cli->ctx, &times);

	if (rc)
		return rc;
	metric_put_head(out, name, "gauge", "Time of the last call of a hook; 0 if never.");
	metric_put_sample(out, name, "hook", "enqueue", times->enqueue_at);
	metric_put_sample(out, name, "hook", "gate", times->gate_at);
	metric_put_sample(out, name, "hook", "is-blocked", times->is_blocked_at);
	metric_put_sample(out, name, "hook", "login", times->login_at);
	iprep_hook_times_free(times);
	return 0;
}

/* ---- troubles ---- */

#define KINDS_MAX 64

struct troubles {
	int counts[KINDS_MAX];
	bool database; /* cannot be read */
};

static int count_trouble(void *user, const struct iprep_trouble *trouble)
{
	struct troubles *troubles = user;
	const char *name;

	troubles->database |= !strcmp(trouble->name, "database");
	for (size_t i = 0; i < KINDS_MAX && (name = iprep_trouble_name(i)); i++)
		troubles->counts[i] += !strcmp(name, trouble->name);
	return 0;
}

static int put_troubles(struct cli *cli, FILE *out, bool *ret_readable)
{
	struct troubles troubles = { .database = false };
	int rc = iprep_health(cli->ctx, count_trouble, &troubles);
	const char *name;

	if (rc)
		return rc;
	metric_put_head(out, "iprep_trouble", "gauge", "Troubles of rep-report --health, by kind.");
	for (size_t i = 0; i < KINDS_MAX && (name = iprep_trouble_name(i)); i++)
		metric_put_sample(out, "iprep_trouble", "name", name, troubles.counts[i]);
	*ret_readable = !troubles.database;
	return 0;
}

int metrics_print(struct cli *cli, FILE *out)
{
	bool readable = false;
	int rc;

	metric_put_head(out, "iprep_build_info", "gauge", "Version of iprep.");
	metric_put_sample(out, "iprep_build_info", "version", iprep_version(), 1);
	rc = put_troubles(cli, out, &readable);
	if (!rc)
		rc = put_hooks(cli, out);
	if (!rc && readable)
		rc = metrics_put_counters(cli, out);
	if (!rc && readable)
		rc = metrics_put_present(cli, out);
	if (rc)
		return cli_fail(cli, rc);
	if (!ferror(out) && !fflush(out))
		return EX_OK;
	cli_error(cli, "metrics: %s", strerror(errno));
	return EX_IOERR;
}

/* ---- root ---- */

struct text {
	char *bytes;
	size_t len, room;
};

static int read_all(const struct cli *cli, int fd, struct text *text)
{
	for (;;) {
		ssize_t count;

		if (text->len == text->room) {
			char *more = text->room < TEXT_MAX
					     ? realloc(text->bytes, text->room + 65536)
					     : NULL;

			if (!more) {
				cli_error(cli, "metrics: too long, or out of memory");
				return EX_OSERR;
			}
			text->bytes = more;
			text->room += 65536;
		}
		count = read(fd, text->bytes + text->len, text->room - text->len);
		if (!count)
			return EX_OK;
		if (count > 0)
			text->len += (size_t)count;
		else if (errno != EINTR)
			return EX_OSERR;
	}
}

static void run_child(struct cli *cli, int fd)
{
	FILE *out = fdopen(fd, "w");
	int status = out ? cli_end_root_to_read(cli) : EX_OSERR;

	if (!status)
		status = metrics_print(cli, out);
	_exit(status);
}

static int wait_for(const struct cli *cli, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_OSERR;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cli_error(cli, "metrics: the process that reads the state was ended by signal %d",
		  WTERMSIG(status));
	return EX_SOFTWARE;
}

/* The file belongs to root, so its bytes come from a process that does not. */
static int collect_as_owner(struct cli *cli, struct text *text)
{
	int ends[2], status, rc;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC)) {
		cli_error(cli, "pipe: %s", strerror(errno));
		return EX_OSERR;
	}
	pid = fork();
	if (!pid) {
		close(ends[0]);
		run_child(cli, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		cli_error(cli, "fork: %s", strerror(errno));
		close(ends[0]);
		return EX_OSERR;
	}
	rc = read_all(cli, ends[0], text);
	close(ends[0]);
	status = wait_for(cli, pid);
	if (status)
		return status;
	return rc;
}

static int collect_metrics(struct cli *cli, struct text *text)
{
	FILE *out;
	int status;

	if (!geteuid())
		return collect_as_owner(cli, text);
	status = cli_end_root_to_read(cli);
	if (status)
		return status;
	out = open_memstream(&text->bytes, &text->len);
	if (!out) {
		cli_error(cli, "out of memory");
		return EX_OSERR;
	}
	status = metrics_print(cli, out);
	fclose(out);
	return status;
}

int report_metrics(struct cli *cli, const char *file)
{
	struct text text = { .bytes = NULL };
	int status;

	if (!strcmp(file, "-")) {
		status = cli_end_root_to_read(cli);
		if (status)
			return status;
		return metrics_print(cli, stdout);
	}
	status = metrics_check(cli, file);
	if (!status)
		status = collect_metrics(cli, &text);
	if (!status)
		status = metrics_replace(cli, file, text.bytes, text.len);
	free(text.bytes);
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * runner.c - see runner.h
 *
 * What the worker sends is checked as if it came from an attacker: the worker parses answers of
 * foreign servers. A client gets the key by the name of its file, its input as a file in memory and
 * its output as a pipe.
 */
#include "common/runner.h"
#include "common/limit.h"
#include "common/text.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT_MS   10000
#define CLIENT_S    "8"	   /* the client's own limit: it says what it was waiting for */
#define TRANSFER_MS 300000 /* of a zone with millions of names */
#define MEMORY_MAX  (1LL << 30)

struct runner {
	int fd;
	const struct iprep_settings *settings;
	struct iprep_run_frame request;
	char *text;
	int64_t end_ms;
};

/* ---- frames ---- */

static bool read_whole(int fd, void *bytes, size_t len)
{
	while (len) {
		ssize_t count = read(fd, bytes, len);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		bytes = (char *)bytes + count;
		len -= (size_t)count;
	}
	return true;
}

/* The one who asked has ended: so does the runner. */
static void write_whole(const struct runner *runner, const void *bytes, size_t len)
{
	while (len) {
		ssize_t count = send(runner->fd, bytes, len, MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			_exit(EX_OK);
		bytes = (const char *)bytes + count;
		len -= (size_t)count;
	}
}

static void send_frame(const struct runner *runner, enum iprep_runner_kind kind, int value,
		       const char *text, size_t len)
{
	struct iprep_run_frame frame = { .id = runner->request.id,
					 .kind = (uint32_t)kind,
					 .value = value,
					 .len = (uint32_t)len };

	write_whole(runner, &frame, sizeof(frame));
	write_whole(runner, text, len);
}

/* ---- what may be asked ---- */

/* Lines "update ...\n" of printable ASCII: no other command of the clients. */
static bool is_update(const char *text, size_t len)
{
	if (!len || text[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((i == 0 || text[i - 1] == '\n') &&
		    (len - i < 7 || memcmp(text + i, "update ", 7) != 0))
			return false;
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
			return false;
	}
	return true;
}

/* "ADDRESS PORT" into "@ADDRESS" and the port; "-": the resolver of the system. */
static bool parse_place(const char *text, char at[64], char port[8])
{
	size_t len = strspn(text, "0123456789abcdefABCDEF:.");
	const char *number = text + len + 1;

	if (!len || len > 60 || text[len] != ' ' || strlen(number) > 5 || !*number ||
	    number[strspn(number, "0123456789")])
		return false;
	snprintf(at, 64, "@%.*s", (int)len, text);
	snprintf(port, 8, "%s", number);
	return true;
}

/* ---- one client ---- */

static int memory_file(const struct runner *runner)
{
	const struct iprep_settings *settings = runner->settings;
	int fd = memfd_create("update", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	dprintf(fd, "server %s %d\nzone %s\n", settings->fleet_address, settings->fleet_port,
		settings->fleet_zone);
	if (write(fd, runner->text, runner->request.len) != (ssize_t)runner->request.len ||
	    write(fd, "send\n", 5) != 5 || lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void limit_client(void)
{
	const struct rlimit none = { 0, 0 }, memory = { MEMORY_MAX, MEMORY_MAX };

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_FSIZE, &none);
	setrlimit(RLIMIT_DATA, &memory);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void exec_client(const char *name, char **argv, pid_t parent, int in, int out)
{
	static char *const nothing[] = { NULL };
	static const char *const folders[] = { "/usr/bin", "/usr/sbin" };
	int why = ENOENT;
	char path[64];

	limit_follow_parent(parent);
	limit_client();
	cli_restore_signals();
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(EX_OSERR);
	closefrom(3);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		execve(path, argv, nothing);
		if (errno != ENOENT)
			why = errno;
	}
	_exit(why == ENOENT ? 127 : 126);
}

static int client_status(int how)
{
	if (!WIFEXITED(how) || WEXITSTATUS(how) == 126)
		return IPREP_RUN_FAILED;
	if (WEXITSTATUS(how) == 127)
		return IPREP_RUN_MISSING;
	return WEXITSTATUS(how);
}

/* Passes the output on until its end, or until the time is over. */
static bool pass_output(const struct runner *runner, int out)
{
	char bytes[16384];

	for (;;) {
		struct pollfd wait = { .fd = out, .events = POLLIN };
		int64_t left = runner->end_ms - monotonic_ms();
		ssize_t count;

		if (left <= 0)
			return false;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		count = read(out, bytes, sizeof(bytes));
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return true;
		send_frame(runner, IPREP_RUN_OUTPUT, 0, bytes, (size_t)count);
	}
}

static int run_client(const struct runner *runner, const char *name, char **argv, int in)
{
	pid_t self = getpid(), child;
	bool in_time;
	int out[2], how;

	if (in < 0 || pipe2(out, O_CLOEXEC)) {
		if (in >= 0)
			close(in);
		return IPREP_RUN_FAILED;
	}
	child = fork();
	if (!child)
		exec_client(name, argv, self, in, out[1]);
	close(in);
	close(out[1]);
	if (child < 0) {
		close(out[0]);
		return IPREP_RUN_FAILED;
	}
	in_time = pass_output(runner, out[0]);
	close(out[0]);
	if (!in_time)
		kill(child, SIGKILL);
	while (waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	return in_time ? client_status(how) : IPREP_RUN_SLOW;
}

/* ---- the requests ---- */

/* argv of execve(2) has no const: these are copies, freed with the process of one request. */
static char *argument(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		_exit(EX_OSERR);
	return copy;
}

static int run_update(const struct runner *runner)
{
	const char *name = runner->request.value ? "knsupdate" : "nsupdate";
	char *argv[] = { argument(name),
			 argument("-v"),
			 argument("-t"),
			 argument(CLIENT_S),
			 argument("-k"),
			 argument(runner->settings->fleet_key_file),
			 NULL };
	int rc;

	if (!is_update(runner->text, runner->request.len))
		return IPREP_RUN_FAILED;
	rc = run_client(runner, name, argv, memory_file(runner));
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return rc;
}

static int run_query(const struct runner *runner, const char *type, const char *owner)
{
	const struct iprep_settings *settings = runner->settings;
	const char *name = runner->request.value ? "kdig" : "dig";
	bool at_resolver = runner->request.len > 0;
	char at[64] = "", port[8] = "";
	char *argv[16] = { NULL };
	size_t count = 0;
	int rc;

	if (!at_resolver) {
		snprintf(at, sizeof(at), "@%.60s", settings->fleet_address);
		snprintf(port, sizeof(port), "%d", settings->fleet_port);
	} else if (strcmp(runner->text, "-") != 0 && !parse_place(runner->text, at, port)) {
		return IPREP_RUN_FAILED;
	}
	argv[count++] = argument(name);
	if (!at_resolver) {
		argv[count++] = argument("-k");
		argv[count++] = argument(settings->fleet_key_file);
	}
	if (*at) {
		argv[count++] = argument(at);
		argv[count++] = argument("-p");
		argv[count++] = argument(port);
	}
	argv[count++] = argument("+time=2");
	argv[count++] = argument("+retry=1");
	argv[count++] = argument("-t");
	argv[count++] = argument(type);
	argv[count++] = argument("-q");
	argv[count++] = argument(owner);
	rc = run_client(runner, name, argv, open("/dev/null", O_RDONLY | O_CLOEXEC));
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	return rc;
}

static void answer_request(struct runner *runner)
{
	const struct iprep_settings *settings = runner->settings;
	int status = IPREP_RUN_FAILED;
	char identity[280];

	runner->end_ms = monotonic_ms() + CLIENT_MS;
	switch (runner->request.kind) {
	case IPREP_RUN_UPDATE:
		status = run_update(runner);
		break;
	case IPREP_RUN_SERIAL:
		status = run_query(runner, "SOA", settings->fleet_zone);
		break;
	case IPREP_RUN_IDENTITY:
		snprintf(identity, sizeof(identity), "%d._host.%.255s", settings->fleet_host,
			 settings->fleet_zone);
		if (!runner->request.len)
			status = run_query(runner, "TXT", identity);
		break;
	case IPREP_RUN_TRANSFER:
		runner->end_ms = monotonic_ms() + TRANSFER_MS;
		if (!runner->request.len)
			status = run_query(runner, "AXFR", settings->fleet_zone);
		break;
	default:
		break;
	}
	send_frame(runner, IPREP_RUN_END, status, "", 0);
}

static void serve_requests(struct runner *runner)
{
	while (read_whole(runner->fd, &runner->request, sizeof(runner->request)) &&
	       runner->request.len <= IPREP_RUN_TEXT_MAX) {
		runner->text = calloc(1, (size_t)runner->request.len + 1);
		if (!runner->text || !read_whole(runner->fd, runner->text, runner->request.len))
			break;
		answer_request(runner);
		free(runner->text);
		runner->text = NULL;
	}
	free(runner->text);
}

/* ---- its start ---- */

/* No descriptor but the socket: neither the output of the program nor a lock outlives it here. */
static void become_runner(struct runner *runner, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	limit_follow_parent(parent);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup2(runner->fd, 3) < 0)
		_exit(EX_OSERR);
	closefrom(4);
	runner->fd = 3;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	serve_requests(runner);
	_exit(EX_OK);
}

int runner_start(struct cli *cli)
{
	const struct iprep_settings *settings;
	struct runner runner = { .fd = -1 };
	pid_t self = getpid(), child;
	int pair[2], rc = iprep_settings(cli->ctx, &settings);

	if (rc)
		return cli_fail(cli, rc);
	if (!*settings->fleet_zone) {
		iprep_settings_free(settings);
		return EX_OK;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		cli_error(cli, "socketpair: %s; nothing is published", strerror(errno));
		iprep_settings_free(settings);
		return EX_OK;
	}
	runner.settings = settings;
	runner.fd = pair[1];
	child = fork();
	if (!child)
		become_runner(&runner, self);
	close(pair[1]);
	iprep_settings_free(settings);
	if (child < 0) {
		cli_error(cli, "fork: %s; nothing is published", strerror(errno));
		close(pair[0]);
		return EX_OK;
	}
	iprep_set_runner(cli->ctx, pair[0]);
	return EX_OK;
}

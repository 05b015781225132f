/* SPDX-License-Identifier: MIT */
#include "rep-check/fail2ban.h"
#include "common/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_S	   60		     /* the program gives up before */
#define OUTPUT_MAX ((size_t)4 << 20) /* a thousand jails */
#define NO_COMMAND 127
#define ARGS_FIXED 8 /* and a NULL */

const char *const f2b_state_names[5] = { "ok", "off", "unknown", "mismatch", "error" };

struct reader {
	const struct cli *cli;
	f2b_row *row;
	void *user;
	bool wrong;
	char error[300]; /* the last line that is no finding */
};

static void add_row(struct reader *reader, const char *what, enum f2b_state state, const char *why)
{
	reader->wrong |= state == F2B_ERROR;
	reader->row(reader->user, what, state, why);
}

/* ---- the program ---- */

/* What is allocated here is never freed: it is for exec. */
static char **script_arguments(const struct iprep_settings *settings, const char *client, uid_t uid,
			       gid_t gid)
{
	char **argv = calloc(ARGS_FIXED + settings->ntiers, sizeof(*argv)), **end = argv;
	bool made = argv && asprintf(end++, "%s", IPREP_CHECK_FAIL2BAN) >= 0 &&
		    asprintf(end++, "--client=%s", client) >= 0 &&
		    asprintf(end++, "--log=%s", settings->verdict_log) >= 0 &&
		    asprintf(end++, "--state=%s", settings->state) >= 0 &&
		    asprintf(end++, "--ipv6-prefix=%d", settings->ipv6_prefix) >= 0 &&
		    asprintf(end++, "--user=%u", (unsigned)uid) >= 0 &&
		    asprintf(end++, "--group=%u", (unsigned)gid) >= 0;

	for (size_t i = 0; made && i < settings->ntiers; i++)
		made = asprintf(end++, "--tier=%s:%lld", settings->tiers[i]->name,
				(long long)settings->tiers[i]->bantime_s) >= 0;
	if (made)
		return argv;
	return NULL;
}

static void exec_program(const struct cli *cli, const char *client, int out)
{
	const struct iprep_settings *settings;
	int null = open("/dev/null", O_RDONLY);
	char **argv;
	uid_t uid;
	gid_t gid;

	if (iprep_settings(cli->ctx, &settings) || iprep_state_owner(cli->ctx, &uid, &gid))
		_exit(1);
	argv = script_arguments(settings, client, uid, gid);
	if (!argv || null < 0 || setpgid(0, 0) || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(out, 2) < 0)
		_exit(1);
	closefrom(3);
	cli_restore_signals();
	alarm(READ_S + 5); /* we may not be allowed to end it by then: exec keeps this */
	execv(argv[0], argv);
	_exit(errno == ENOENT ? NO_COMMAND : NO_COMMAND - 1);
}

void check_fail2ban_start(const struct cli *cli, const char *client, struct f2b_check *check)
{
	int ends[2];

	*check = (struct f2b_check){ .fd = -1 };
	if (pipe2(ends, O_CLOEXEC)) {
		check->error = errno;
		return;
	}
	check->pid = fork();
	if (check->pid == 0)
		exec_program(cli, client, ends[1]);
	if (check->pid < 0)
		check->error = errno;
	close(ends[1]);
	check->fd = ends[0];
}

/* All of it, terminated; NULL: too slow, too long, or no memory. */
static char *read_output(int fd)
{
	int64_t end = monotonic_ms() + READ_S * 1000;
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room), *more;
	ssize_t length = 1;

	while (text && length) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int64_t left = end - monotonic_ms();

		if (left <= 0 || len >= OUTPUT_MAX) {
			free(text);
			return NULL;
		}
		if (poll(&pollfd, 1, (int)left) <= 0)
			continue;
		length = read(fd, text + len, room - len - 1);
		if (length < 0 && errno != EINTR) { /* not the end */
			free(text);
			return NULL;
		}
		if (length > 0)
			len += (size_t)length;
		if (room - len > 1)
			continue;
		more = realloc(text, room *= 2);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* ---- what it finds ---- */

static void judge_category(struct reader *reader, const char *what, const char *category)
{
	const struct iprep_report report = { .address = "192.0.2.1", .categories = category };
	char why[512];
	bool valid = !iprep_validate_report(reader->cli->ctx, &report);

	if (valid)
		snprintf(why, sizeof(why), "reports%s%s", *category ? " as " : "", category);
	else
		snprintf(why, sizeof(why), "action iprep: %s", iprep_errmsg(reader->cli->ctx));
	add_row(reader, what, valid ? F2B_OK : F2B_ERROR, why);
}

/* A user who mistypes a password is banned, unless an entry covers the address. */
static void judge_login(struct reader *reader, const char *address, const char *user)
{
	const struct iprep_result *result = NULL;
	char what[80], why[512];

	snprintf(what, sizeof(what), "login from %.60s", address);
	if (iprep_lookup(reader->cli->ctx, address, IPREP_CACHED, &result)) {
		snprintf(why, sizeof(why), "not checked: %s", iprep_errmsg(reader->cli->ctx));
		add_row(reader, what, F2B_UNKNOWN, why);
		return;
	}
	if (result->exempt)
		snprintf(why, sizeof(why), "%.60s is logged in: %s", user, result->exempt);
	else
		snprintf(why, sizeof(why),
			 "%.60s is logged in, and no entry of [allow] covers the address: add it "
			 "to [allow] addresses, and to ignoreip of fail2ban",
			 user);
	add_row(reader, what, result->exempt ? F2B_OK : F2B_MISMATCH, why);
	iprep_result_free(result);
}

/* "STATE<TAB>WHAT<TAB>WHY" */
static void read_line(struct reader *reader, char *line)
{
	char *what = strchr(line, '\t'), *why = what ? strchr(what + 1, '\t') : NULL;

	if (!why) {
		make_printable(line);
		if (*line)
			snprintf(reader->error, sizeof(reader->error), "%s", line);
		return;
	}
	*what++ = *why++ = '\0';
	make_printable(what);
	make_printable(why);
	if (!strcmp(line, "reports"))
		judge_category(reader, what, why);
	if (!strcmp(line, "login"))
		judge_login(reader, what, why);
	for (size_t i = 0; i < sizeof(f2b_state_names) / sizeof(*f2b_state_names); i++)
		if (!strcmp(line, f2b_state_names[i]))
			add_row(reader, what, (enum f2b_state)i, why);
}

static void judge_end(struct reader *reader, int status)
{
	char why[512];

	if (status == NO_COMMAND && !access(IPREP_CHECK_FAIL2BAN, F_OK)) {
		add_row(reader, "fail2ban", F2B_OFF,
			"fail2ban and /usr/bin/python3, which it needs, are not installed, "
			"so verdicts cause no bans");
		return;
	}
	if (!status)
		return;
	snprintf(why, sizeof(why), "%s failed (status %d): %s", IPREP_CHECK_FAIL2BAN, status,
		 status < 0 ? "timed out, or printed too much"
			    : text_filled(reader->error, "cannot be executed"));
	add_row(reader, "fail2ban", F2B_ERROR, why);
}

/* As a shell has it: 128 and the signal's number where a signal ended it. */
static int exit_status(int how)
{
	if (WIFEXITED(how))
		return WEXITSTATUS(how);
	return 128 + WTERMSIG(how);
}

bool check_fail2ban(const struct cli *cli, struct f2b_check *check, f2b_row *row, void *user)
{
	struct reader reader = { .cli = cli, .row = row, .user = user };
	char *all, *rest, *line;
	int how = 0;
	pid_t ended = -1;

	if (check->error) {
		if (check->fd >= 0)
			close(check->fd);
		add_row(&reader, "fail2ban", F2B_ERROR, strerror(check->error));
		return false;
	}
	all = rest = read_output(check->fd);
	close(check->fd);
	while (all && (line = strsep(&rest, "\n")))
		read_line(&reader, line);
	if (!all) /* it may be root's, which we are not any more: it may outlive us */
		kill(-check->pid, SIGKILL);
	while (all && (ended = waitpid(check->pid, &how, 0)) < 0 && errno == EINTR)
		;
	judge_end(&reader, ended == check->pid ? exit_status(how) : -1);
	free(all);
	return !reader.wrong;
}

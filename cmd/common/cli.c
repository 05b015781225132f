/* SPDX-License-Identifier: MIT */
#include "common/limit.h"
#include "common/text.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

/* libcurl, OpenSSL and the C library obey variables; root's helper obeys none. Nothing is
 * allocated: a gate may not fail here, for it does not yet know that it is one. */
static void clean_environment(void)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	static char *clean[] = { path, locale, NULL };

	environ = clean;
}

/* Output without memory of its own would come in pieces, or not at all. */
static void prepare_stdout(bool is_terminal)
{
	static char buffer[BUFSIZ];

	setvbuf(stdout, buffer, is_terminal ? _IOLBF : _IOFBF, sizeof(buffer));
}

/*
 * A descriptor 0 to 2 that is closed would be the next file we open: the database. What takes its
 * place cannot be used: output that is lost must be seen as lost.
 */
static void safe_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int way = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/null", way) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0)
			_exit(EX_OSERR);
	}
}

/* A pipe that was closed, and a file beyond the limit of its size, are errors of a write: they end
 * no program before it has done and reported what it should. */
static void ignore_write_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

void cli_restore_signals(void)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &usual, NULL);
	sigaction(SIGXFSZ, &usual, NULL);
}

bool cli_stdout_is_closed(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == O_RDONLY;
}

void cli_begin(struct cli *cli, const char *name)
{
	*cli = (struct cli){ .name = name };
	prctl(PR_SET_DUMPABLE, 0);
	terminal_begin(&cli->terminal);
	clean_environment();
	safe_descriptors();
	ignore_write_signals();
	prepare_stdout(cli->terminal.is_out);
	/* inherited as ignored, it takes away how a child ended: wait(2) */
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	umask(077);
	opterr = 0;
}

int cli_status(int err)
{
	switch ((enum iprep_err)err) {
	case IPREP_OK:
		return EX_OK;
	case IPREP_E_ARG:
		return EX_USAGE;
	case IPREP_E_ADDR:
		return EX_DATAERR;
	case IPREP_E_CONFIG:
		return EX_CONFIG;
	case IPREP_E_PERM:
		return EX_NOPERM;
	case IPREP_E_STORE:
	case IPREP_E_IO:
		return EX_IOERR;
	case IPREP_E_CREATE:
		return EX_CANTCREAT;
	case IPREP_E_NOSOURCE:
		return EX_UNAVAILABLE;
	case IPREP_E_BUSY:
		return EX_TEMPFAIL;
	case IPREP_E_NOMEM:
	case IPREP_E_OS:
		return EX_OSERR;
	case IPREP_E_BUG:
		break;
	}
	return EX_SOFTWARE;
}

/* What follows a '|' is performance data. */
static void say_unknown(char *line)
{
	for (char *bar = line; (bar = strchr(bar, '|'));)
		*bar = '/';
	printf("IPREP UNKNOWN - %s\n", line);
}

__attribute__((format(printf, 2, 0))) static void say(const struct cli *cli, const char *fmt,
						      va_list ap)
{
	struct paragraph paragraph;
	char line[1024];

	vsnprintf(line, sizeof(line), fmt, ap);
	make_printable(line); /* arguments may be an attacker's */
	if (cli->plugin && !cli->json) {
		say_unknown(line);
		return;
	}
	if (cli->hook) {
		syslog(LOG_DAEMON | LOG_ERR, "%s: %s", cli->name, line);
		return;
	}
	paragraph_begin(&paragraph, &cli->terminal, stderr, 0);
	paragraph_printf(&paragraph, "%s: ", cli->name);
	paragraph_put(&paragraph, PLAIN, line);
	paragraph_end(&paragraph);
}

void cli_error(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
}

void cli_print(const struct cli *cli, const char *fmt, ...)
{
	struct paragraph paragraph;
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	paragraph_begin(&paragraph, &cli->terminal, stdout, 0);
	paragraph_put(&paragraph, PLAIN, line);
	paragraph_end(&paragraph);
}

bool cli_stderr_is_null(void)
{
	struct stat st;

	return !fstat(2, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

int cli_fail(const struct cli *cli, int err)
{
	const char *why = iprep_strerror(err);

	if (cli->ctx)
		why = iprep_errmsg(cli->ctx);
	cli_error(cli, "%s", why);
	return cli_status(err);
}

bool cli_take_option(struct cli *cli, int option)
{
	switch (option) {
	case 'c':
		cli->config = optarg;
		return true;
	case 'j':
		cli->json = true;
		return true;
	case 'q':
		cli->quiet = true;
		return true;
	case 'v':
		cli->verbose++;
		return true;
	case 'n':
		cli->dry_run = true;
		return true;
	default:
		return false;
	}
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(cli, fmt, ap);
	va_end(ap);
	return EX_USAGE;
}

int cli_bad_option(const struct cli *cli, char *const *argv)
{
	return cli_usage(cli, "%.80s: unknown option, or its value is missing; see --help",
			 argv[optind > 0 ? optind - 1 : 0]);
}

static void on_log(void *user, int priority, const char *line)
{
	const struct cli *cli = user;

	if (cli->hook)
		syslog(LOG_DAEMON | priority, "%s: %s", cli->name, line);
	else
		fprintf(stderr, "%s: %s\n", cli->name, line);
}

static int log_level(const struct cli *cli)
{
	if (cli->verbose)
		return LOG_DEBUG;
	if (cli->quiet)
		return LOG_ERR;
	return LOG_NOTICE;
}

int cli_open(struct cli *cli)
{
	int rc = iprep_new(&cli->ctx);

	if (rc)
		return cli_fail(cli, rc);
	iprep_set_log(cli->ctx, log_level(cli), on_log, cli);
	rc = iprep_load_config(cli->ctx, cli->config);
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

static int become_user(const struct cli *cli, uid_t uid, gid_t gid)
{
	if (setgroups(1, &gid) || setgid(gid) || setuid(uid)) {
		cli_error(cli,
			  "cannot become user %u, the owner of the state: %s (a service needs "
			  "CAP_SETUID and CAP_SETGID)",
			  (unsigned)uid, strerror(errno));
		return EX_OSERR;
	}
	if (!setuid(0) || getuid() != uid || geteuid() != uid) {
		cli_error(cli, "cannot drop root privileges");
		return EX_SOFTWARE;
	}
	prctl(PR_SET_DUMPABLE, 0); /* changing user may have set it again */
	if (cli->parent)
		limit_follow_parent(cli->parent);
	return EX_OK;
}

int cli_end_root(struct cli *cli)
{
	uid_t uid;
	gid_t gid;
	int rc = iprep_state_owner(cli->ctx, &uid, &gid);

	if (rc)
		return cli_fail(cli, rc);
	if (geteuid() == uid)
		return EX_OK;
	if (geteuid() == 0)
		return become_user(cli, uid, gid);
	cli_error(cli, "the state belongs to user %u; run as root or as this user", (unsigned)uid);
	return EX_NOPERM;
}

int cli_end_root_to_read(struct cli *cli)
{
	uid_t uid;
	gid_t gid;
	int rc;

	if (geteuid() == 0)
		return cli_end_root(cli);
	rc = iprep_state_owner(cli->ctx, &uid, &gid);
	if (rc)
		return cli_fail(cli, rc);
	if (geteuid() == uid || getegid() == gid || group_member(gid))
		return EX_OK;
	cli_error(cli,
		  "the state belongs to user %u and group %u; run as root, or as a member of "
		  "this group",
		  (unsigned)uid, (unsigned)gid);
	return EX_NOPERM;
}

int cli_end_root_or_state(struct cli *cli)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() == 0)
		return cli_end_root(cli);
	if (!iprep_state_owner(cli->ctx, &uid, &gid) && uid == geteuid())
		return EX_OK;
	cli->no_state = true;
	if (!cli->quiet)
		cli_error(cli, "no access to the state database; results are not cached");
	return EX_OK;
}

int cli_finish(struct cli *cli, int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		cli_error(cli, "stdout: %s", errno ? strerror(errno) : "write failed");
		if (status < EX_SOFTWARE || status == EX_TEMPFAIL)
			status = EX_IOERR;
	}
	cli->ctx = iprep_free(cli->ctx);
	return status;
}

static void exec_worker(const struct cli *cli)
{
	char *argv[] = { strdup(IPREP_REP_REPORT), strdup("--flush"), NULL, NULL, NULL };
	int null = open("/dev/null", O_RDWR);

	if (cli->config) { /* it leaves this directory */
		argv[2] = strdup("--config");
		argv[3] = realpath(cli->config, NULL);
		if (!argv[3])
			argv[3] = strdup(cli->config);
	}
	if (null < 0 || setsid() < 0 || chdir("/") || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(null, 2) < 0)
		_exit(EX_OSERR);
	closefrom(3);
	execv(IPREP_REP_REPORT, argv);
	syslog(LOG_DAEMON | LOG_ERR, "%s: %s: %s; the timer starts the worker", cli->name,
	       IPREP_REP_REPORT, strerror(errno));
	_exit(EX_OSERR);
}

void cli_wake_worker(struct cli *cli)
{
	bool wanted = false;
	pid_t pid;
	int rc = iprep_worker_wanted(cli->ctx, &wanted);

	if (rc)
		cli_error(cli, "%s; the timer starts the worker", iprep_errmsg(cli->ctx));
	if (rc || !wanted)
		return;
	pid = fork();
	if (pid == 0)
		exec_worker(cli);
	if (pid < 0)
		cli_error(cli, "fork: %s; the timer starts the worker", strerror(errno));
}

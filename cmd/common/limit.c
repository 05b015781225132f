/* SPDX-License-Identifier: MIT */
#include "common/limit.h"
#include "common/text.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_MS 4800 /* the library's own is 4.6 s, and says what it was waiting for */

void limit_follow_parent(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EX_TEMPFAIL);
}

static int child_status(const struct cli *cli, int how)
{
	if (WIFEXITED(how))
		return WEXITSTATUS(how);
	cli_error(cli, "ended by signal %d (%s)", WTERMSIG(how), strsignal(WTERMSIG(how)));
	return EX_SOFTWARE;
}

/* SIGCHLD is blocked, so none is missed. */
static int wait_for_child(const struct cli *cli, pid_t child, const sigset_t *chld)
{
	int64_t end = monotonic_ms() + LIMIT_MS, left;
	int how;

	for (;;) {
		pid_t ended = waitpid(child, &how, WNOHANG);

		if (ended == child)
			return child_status(cli, how);
		left = end - monotonic_ms();
		if (left <= 0 || (ended < 0 && errno != EINTR))
			break;
		sigtimedwait(chld, NULL, &(struct timespec){ left / 1000, left % 1000 * 1000000 });
	}
	kill(child,
	     SIGKILL); /* a stopped one too; it is not waited for: it may hang in the kernel */
	cli_error(
		cli,
		"no end after %d ms, giving up: the state directory does not answer, or a process "
		"of its owner interferes",
		LIMIT_MS);
	return EX_TEMPFAIL;
}

int limit_begin(struct cli *cli)
{
	pid_t parent = getpid(), child;
	sigset_t chld, before;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &before);
	child = fork();
	if (child > 0)
		return wait_for_child(cli, child, &chld);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!child) {
		cli->parent = parent;
		limit_follow_parent(parent);
	}
	return LIMIT_CHILD; /* without a child: better without this limit than not at all */
}

/* SPDX-License-Identifier: MIT */
/*
 * confine_probe.c - for LD_PRELOAD: when a program first goes to the network it tries, as an
 * attacker who controls it, what it should not be able to do
 *
 * Each try is a line "NAME ERRNO" of PROBE_DIR/tries; 0: it succeeded. For
 * tests/cli/test_confine.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char top[200], home[200]; /* the environment is cleared early */

__attribute__((constructor)) static void read_paths(void)
{
	const char *dir = getenv("PROBE_DIR"), *below = getenv("PROBE_HOME");

	if (dir && below) {
		snprintf(top, sizeof(top), "%s", dir);
		snprintf(home, sizeof(home), "%s", below);
	}
}

static const char *in(const char *name)
{
	static char path[4][300];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", top, name);
	return path[turn];
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* A new process ends immediately; its own result is the try's, if it has one. */
static int started(pid_t pid)
{
	int status = 0;

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return pid < 0 ? -1 : 0;
}

static int listened(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc = listen(fd, 1), error = errno;

	close(fd);
	errno = error;
	return rc;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static int made_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, do_nothing, NULL);
	if (errno)
		return -1;
	return pthread_join(thread, NULL);
}

static int executed(void)
{
	char *argv[] = { "true", NULL };
	int rc, error[2], result = 0;
	pid_t pid;

	if (pipe2(error, O_CLOEXEC))
		return -1;
	pid = vfork();
	if (pid < 0) { /* then in this process, which it would end */
		rc = execv("/bin/true", argv);
		return rc;
	}
	if (!pid) {
		execv("/bin/true", argv);
		result = errno;
		(void)!write(error[1], &result, sizeof(result));
		_exit(1);
	}
	close(error[1]);
	(void)!read(error[0], &result, sizeof(result));
	close(error[0]);
	waitpid(pid, NULL, 0);
	errno = result;
	return result ? -1 : 0;
}

static int mapped(int protection)
{
	void *memory = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	return munmap(memory, 4096);
}

#define TRY(name, call)                                                \
	do {                                                           \
		errno = 0;                                             \
		fprintf(out, "%s %d\n", name, (call) < 0 ? errno : 0); \
		fflush(out);                                           \
	} while (0)

static void try_files(FILE *out)
{
	TRY("make a file elsewhere", opened(in("outside/new"), O_WRONLY | O_CREAT));
	TRY("write a file elsewhere", opened(in("outside/there"), O_WRONLY));
	TRY("truncate a file elsewhere", truncate(in("outside/there"), 0));
	TRY("remove a file elsewhere", unlink(in("outside/there2")));
	TRY("make a directory elsewhere", mkdir(in("outside/dir"), 0700));
	TRY("make a directory in the state", mkdir(in("state/dir"), 0700));
	TRY("make a FIFO in the state", mkfifo(in("state/fifo"), 0600));
	TRY("make a link in the state", symlink("/etc/passwd", in("state/link")));
	TRY("move a file out of the state", rename(in("state/mine"), in("outside/moved")));
	TRY("read below /home", opened(home, O_RDONLY));
	TRY("write the state", opened(in("state/probe"), O_WRONLY | O_CREAT));
	TRY("read /etc", opened("/etc/passwd", O_RDONLY));
	TRY("write /dev/null", opened("/dev/null", O_WRONLY));
}

static void try_calls(FILE *out)
{
	TRY("fork", started(fork()));
	TRY("clone", started((pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)));
	TRY("trace another process", (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
	TRY("signal another process", kill(getppid(), 0));
	TRY("change user", setuid(getuid()));
	TRY("make a namespace", unshare(CLONE_NEWUSER));
	TRY("packet socket", socket(AF_PACKET, SOCK_RAW, 0));
	TRY("listen", listened());
	TRY("memory file", (int)syscall(SYS_memfd_create, "x", 0));
	TRY("write and execute memory", mapped(PROT_READ | PROT_WRITE | PROT_EXEC));
	TRY("key ring", (int)syscall(SYS_keyctl, 0, -3, 1));
	TRY("connect", socket(AF_INET6, SOCK_STREAM, 0));
	TRY("thread", made_thread());
	TRY("run a program", executed());
}

__attribute__((visibility("default"))) int epoll_create1(int flags)
{
	static int done;
	FILE *out = done || !*top ? NULL : fopen(in("state/tries"), "w");

	done = 1;
	if (out) {
		try_files(out);
		try_calls(out);
		fclose(out);
	}
	return (int)syscall(SYS_epoll_create1, flags);
}

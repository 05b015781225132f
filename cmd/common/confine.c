/* SPDX-License-Identifier: MIT */
/*
 * confine.c - system calls that Linux has for this, without a library: one would be loaded by each
 * hook, which needs none of it
 *
 * Sources: landlock(7), seccomp(2), prctl(2), systemd.exec(5) for the groups of system calls.
 */
#include "common/confine.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DATA_MAX (512 << 20) /* bytes of memory of its own; a worker needs 20 MB */
#define FILE_MAX (8LL << 30) /* bytes of one file: a database of 10 million blocks */
#define OPEN_MAX 1024

/* ---- Landlock ---- */

#define READS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                            \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_REG)
/* Known to the first version. None of these is allowed anywhere. */
#define MAKES                                                           \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)
#define REFER	 (1ULL << 13) /* version 2: links into another directory */
#define TRUNCATE (1ULL << 14) /* version 3 */

struct landlock {
	int fd;
	__u64 handled;
};

static void allow_below(const struct landlock *landlock, const char *path, __u64 access)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = access & landlock->handled };

	attr.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return;
	(void)syscall(SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &attr, 0);
	close(attr.parent_fd);
}

static void allow_directory_of(const struct landlock *landlock, const char *file, __u64 access)
{
	char *copy = file && *file ? strdup(file) : NULL;

	if (copy)
		allow_below(landlock, dirname(copy), access);
	free(copy);
}

/* All of it but people's own files. */
static int allow_reading(const struct landlock *landlock)
{
	DIR *root = opendir("/");
	struct dirent *entry;
	char path[sizeof(entry->d_name) + 1];

	if (!root)
		return -1;
	while ((entry = readdir(root))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "home") ||
		    !strcmp(entry->d_name, "root") || entry->d_type == DT_REG)
			continue;
		snprintf(path, sizeof(path), "/%s", entry->d_name);
		allow_below(landlock, path, READS);
	}
	closedir(root);
	return 0;
}

static int confine_files(const struct cli *cli, const struct iprep_settings *settings)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = READS | WRITES | MAKES };
	struct landlock landlock;
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	int rc;

	if (version < 1)
		return -1;
	if (version >= 2)
		attr.handled_access_fs |= REFER;
	if (version >= 3)
		attr.handled_access_fs |= TRUNCATE;
	landlock.handled = attr.handled_access_fs;
	landlock.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (landlock.fd < 0)
		return -1;
	rc = allow_reading(&landlock);
	/* a file: the kernel refuses a rule for it that has rights of directories */
	allow_below(&landlock, "/dev/null",
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE);
	allow_below(&landlock, IPREP_LIBRARY_DIR, READS); /* may be installed below /home */
	allow_directory_of(&landlock, cli->config, READS);
	allow_directory_of(&landlock, settings->key_file, READS);
	allow_directory_of(&landlock, settings->ca_file, READS);
	allow_directory_of(&landlock, settings->state, READS | WRITES | TRUNCATE);
	allow_directory_of(&landlock, settings->verdict_log, READS | WRITES | TRUNCATE);
#if defined(IPREP_COVERAGE) /* the counts are written as the program ends */
	allow_below(&landlock, IPREP_COVERAGE, READS | WRITES | TRUNCATE);
#endif
	if (!rc)
		rc = (int)syscall(SYS_landlock_restrict_self, landlock.fd, 0);
	close(landlock.fd);
	return rc;
}

/* ---- seccomp ---- */

#if defined(__SANITIZE_ADDRESS__)
#define HAS_FILTER 0 /* its search for leaks is another process that traces this one */
#elif defined(__x86_64__)
#define HAS_FILTER 1
#define THIS_ARCH  AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define HAS_FILTER 1
#define THIS_ARCH  AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define HAS_FILTER 1
#define THIS_ARCH  AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define HAS_FILTER 1
#define THIS_ARCH  AUDIT_ARCH_PPC64LE
#else
#define HAS_FILTER 0 /* socketcall(2), or not tried */
#endif

#if HAS_FILTER
#define REFUSE(error)		   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW			   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define LOAD(member)		   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_EQUAL(value, yes, no)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define IF_ANY_BIT(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (yes), (no))
#define NEVER(call)		   IF_EQUAL(SYS_##call, 0, 1), REFUSE(EPERM)

/*
 * A list of what is refused, not of what is allowed: the C library of the next release may need a
 * call that does not exist today. It holds systemd's @mount @module @reboot @swap @clock @debug
 * @setuid @keyring @raw-io @process, io_uring, and what gains nothing here but has had many faults.
 */
static struct sock_filter filter[] = {
	LOAD(arch),
	IF_EQUAL(THIS_ARCH, 1, 0),
	REFUSE(EPERM),
	LOAD(nr),
#if defined(__x86_64__)
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* x32 */
	REFUSE(EPERM),
#endif
	/* threads, but no processes; without clone3() glibc uses clone() */
	IF_EQUAL(SYS_clone3, 0, 1),
	REFUSE(ENOSYS),
	IF_EQUAL(SYS_clone, 0, 5),
	LOAD(args[0]),
	IF_ANY_BIT(CLONE_THREAD, 0, 2),
	IF_ANY_BIT(CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID, 1, 0),
	ALLOW,
	REFUSE(EPERM),
	IF_EQUAL(SYS_socket, 0, 7),
	LOAD(args[0]),
	IF_EQUAL(AF_UNIX, 4, 0),
	IF_EQUAL(AF_INET, 3, 0),
	IF_EQUAL(AF_INET6, 2, 0),
	IF_EQUAL(AF_NETLINK, 1, 0), /* the addresses of this host */
	REFUSE(EAFNOSUPPORT),
	ALLOW,
#if defined(__x86_64__)
	NEVER(fork),
	NEVER(vfork),
#endif
	NEVER(listen),
	NEVER(accept),
	NEVER(accept4),
	NEVER(execve),
	NEVER(execveat),
	NEVER(ptrace),
	NEVER(process_vm_readv),
	NEVER(process_vm_writev),
	NEVER(kcmp),
	NEVER(pidfd_getfd),
	NEVER(pidfd_send_signal),
	NEVER(kill),
	NEVER(tkill),
	NEVER(rt_sigqueueinfo),
	NEVER(rt_tgsigqueueinfo),
	NEVER(setuid),
	NEVER(setgid),
	NEVER(setreuid),
	NEVER(setregid),
	NEVER(setresuid),
	NEVER(setresgid),
	NEVER(setgroups),
	NEVER(setfsuid),
	NEVER(setfsgid),
	NEVER(capset),
	NEVER(fchownat),
	NEVER(fchown),
	NEVER(mount),
	NEVER(umount2),
	NEVER(pivot_root),
	NEVER(chroot),
	NEVER(move_mount),
	NEVER(open_tree),
	NEVER(fsopen),
	NEVER(fsmount),
	NEVER(fsconfig),
	NEVER(fspick),
	NEVER(mount_setattr),
	NEVER(unshare),
	NEVER(setns),
	NEVER(init_module),
	NEVER(finit_module),
	NEVER(delete_module),
	NEVER(kexec_load),
	NEVER(reboot),
	NEVER(swapon),
	NEVER(swapoff),
	NEVER(settimeofday),
	NEVER(clock_settime),
	NEVER(clock_adjtime),
	NEVER(adjtimex),
	NEVER(sethostname),
	NEVER(setdomainname),
	NEVER(syslog),
	NEVER(acct),
	NEVER(quotactl),
	NEVER(bpf),
	NEVER(perf_event_open),
	NEVER(userfaultfd),
	NEVER(add_key),
	NEVER(request_key),
	NEVER(keyctl),
	NEVER(io_uring_setup),
	NEVER(io_uring_enter),
	NEVER(io_uring_register),
	NEVER(personality),
	NEVER(memfd_create),
	NEVER(open_by_handle_at),
	NEVER(name_to_handle_at),
	NEVER(fanotify_init),
	NEVER(mknodat),
	NEVER(vmsplice),
	NEVER(migrate_pages),
	NEVER(move_pages),
	NEVER(mbind),
	NEVER(set_mempolicy),
	NEVER(sched_setattr),
	NEVER(sched_setscheduler),
	NEVER(ioprio_set),

	ALLOW,
};

static int confine_calls(void)
{
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static int confine_calls(void)
{
	errno = ENOSYS;
	return -1;
}
#endif

/* ---- all of it ---- */

#define SET_MDWE	 65 /* PR_SET_MDWE of Linux 6.3; Debian 12 has older headers */
#define REFUSE_EXEC_GAIN 1

static int set_limit(__rlimit_resource_t resource, rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return -1;
	if (limit.rlim_max > most)
		limit.rlim_max = most;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(resource, &limit);
}

static int confine_resources(void)
{
	int rc = set_limit(RLIMIT_CORE, 0) | set_limit(RLIMIT_NOFILE, OPEN_MAX) |
		 set_limit(RLIMIT_FSIZE, FILE_MAX);

#if !defined(__SANITIZE_ADDRESS__)
	rc |= set_limit(RLIMIT_DATA, DATA_MAX);
#endif
	return rc;
}

static void left_out(const struct cli *cli, const char *what)
{
	if (cli->verbose > 1)
		cli_error(cli, "not confined: %s: %s", what, strerror(errno));
}

int cli_confine(struct cli *cli)
{
	const struct iprep_settings *settings;
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		cli_error(cli, "cannot give up gaining rights: %s", strerror(errno));
		return EX_OSERR;
	}
	rc = iprep_settings(cli->ctx, &settings);
	if (rc)
		return cli_fail(cli, rc);
	if (confine_resources())
		left_out(cli, "limits");
	if (confine_files(cli, settings))
		left_out(cli, "Landlock");
	if (prctl(SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0))
		left_out(cli, "memory that can be written and executed");
	if (confine_calls())
		left_out(cli, "seccomp");
	iprep_settings_free(settings);
	return EX_OK;
}

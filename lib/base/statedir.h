/* SPDX-License-Identifier: MIT */
/* statedir.h - checks the state directory and finds the user to run as */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <sys/stat.h>

/*
 * The owner of the directory that contains state_path. It must not be a link, belong to root, be
 * writable by its group or others, or have an ACL; each directory above must belong to root or to
 * that owner, and be writable only by its owner, or be sticky. Errors: _PERM.
 */
int statedir_owner(const char *state_path, uid_t *ret_uid, gid_t *ret_gid, struct err *error);

/* May another user than its owner and root write what has this path and stat(2)? An ACL counts. */
bool path_is_open_to_others(const char *path, const struct stat *st);

/*
 * A file in that directory. Its owner can put there what is no file: a FIFO, on which open(2)
 * waits without an end, a link, a device, a directory. It must be a regular file of this
 * process's user, or of root.
 */

/* Opens it with the flags of open(2), without waiting; O_CREAT makes it with mode 0600. Returns a
 * descriptor. Errors: _PERM it is no file, or not ours; _CREATE the rest. */
int statefile_open(const char *path, int flags, struct err *error);
/* To read it, also as a member of the directory's group: it may belong to the directory's owner. */
int statefile_open_shared(const char *path, struct err *error);
/* The same question of one that a library opens itself. Returns 1 if it exists, 0 if it does not.
 * Errors: _PERM, _IO. */
int statefile_check(const char *path, struct err *error);
int statefile_check_shared(const char *path, struct err *error);

/*
 * Where the directory lets its group in, the group may read the files too: monitoring needs no
 * rights of the owner. Programs make all files with mode 0600; these two add the group. Failures
 * are no errors: a reader that is refused reports it.
 */
void statefile_share(int fd, const char *path);
/* The same by name, of files that a library has made: closing one that SQLite has open would drop
 * its locks (sqlite.org/howtocorrupt.html, 2.2). */
void statefile_share_named(const char *path);
/* Takes the group away again: who can read a file can lock it. */
void statefile_unshare_named(const char *path);

/* No process can write to the file system of the path. A mount that is read-only for this process
 * alone, as in the sandbox of a service, does not count: proc_pid_mountinfo(5). */
bool statedir_is_read_only(const char *path);

/* SPDX-License-Identifier: MIT */
/* confine.h - what a process that talks to the network may still do, should an answer take it over
 */
#pragma once
#include "common/cli.h"

/*
 * Confine this process for good; call it after the end of root, before the network. It is the
 * sandbox of the systemd units, for each process, however it was started:
 *
 *   - it writes only below the directories of the state and of the verdict log, and reads neither
 *     /home nor /root (Landlock: Linux 5.13);
 *   - it starts no process and no other program, changes no user, traces no process, and has no
 * system call of an administrator (seccomp);
 *   - no program that it could reach gives it rights back (PR_SET_NO_NEW_PRIVS);
 *   - it neither listens nor makes memory executable; memory, files and descriptors have limits.
 *
 * What a kernel does not have is left out, and named with -v -v; the units leave it out as well.
 * Returns an exit status: EX_OK, or EX_OSERR if rights could still be gained.
 */
int cli_confine(struct cli *cli);

/* SPDX-License-Identifier: MIT */
/*
 * stop_at_main.c - for LD_PRELOAD: the process stops when its libraries are loaded, until SIGCONT
 *
 * Between the two strace attaches, so that it counts the system calls of the program and not those
 * of the dynamic loader. For tests/torture.
 */
#include <signal.h>

__attribute__((constructor)) static void stop(void)
{
	raise(SIGSTOP);
}

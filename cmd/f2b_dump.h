/* SPDX-License-Identifier: MIT */
/*
 * f2b_dump.h - what fail2ban's configuration comes to: the lines of "fail2ban-client -d"
 *
 * Each line is a Python list of texts, numbers and lists: ['set', 'sshd', 'bantime', '10m']. The client runs
 * beside us and is started while we are still root, since jail.local may be readable by root only; what it
 * says is parsed after root has ended. Never used by a hook: it takes a third of a second.
 * Source: fail2ban 1.0.2, client/configurator.py and jailreader.py (convert()).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct f2b_value {
	const char *text;                  /* of texts, numbers and names; NULL: a list */
	struct f2b_value *items, *next;    /* first of a list; next in ours */
};

struct f2b_dump { pid_t pid; int fd; };

/* Start command (found by PATH) with -d. Returns 0 or an errno. */
int f2b_dump_start(struct f2b_dump *d, const char *command);
/*
 * Read it to the end, 30 s at most. line: called with each list. error: its first message, an error if there is one, cut to room.
 * Returns the client's exit status, 127 if there is no such command, 128 + number after a signal, or -1: too
 * slow, or over 16 MB.
 */
int f2b_dump_read(struct f2b_dump *d, void (*line)(void *user, const struct f2b_value *list), void *user,
		  char *error, size_t room);
/* The n-th item's text, or "" if there is none or it is a list. */
const char *f2b_text(const struct f2b_value *list, size_t n);
const struct f2b_value *f2b_item(const struct f2b_value *list, size_t n);

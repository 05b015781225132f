/* SPDX-License-Identifier: MIT */
/* key_file.h - a key in a file of its own, opened safely and never said */
#pragma once
#include "base/err.h"

#define SECRET_MAX 512 /* with terminator; AbuseIPDB's keys have 80 characters */

/*
 * Read one line of printable, blank-free ASCII. The file must be regular, owned by root or by
 * us, not writable by the group, closed to others, at most SECRET_MAX bytes; links are not
 * followed. Returns 0; 1 if the file does not exist or we may not read it (message says which);
 * _PERM unsafe owner, mode or kind; _CONFIG empty, too long, foreign bytes. The
 * message never holds content. Wipe with key_file_wipe().
 */
int key_file_read(const char *path, char ret[SECRET_MAX], struct err *error);
void key_file_wipe(char secret[SECRET_MAX]);

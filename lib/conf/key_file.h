/* SPDX-License-Identifier: MIT */
/* key_file.h - reads a secret key from a file of its own, safely; it never appears in a message */
#pragma once
#include "base/err.h"

#define SECRET_MAX 512 /* with terminator; AbuseIPDB's keys have 80 characters */

/*
 * Reads one line of printable ASCII without blanks. The file must be regular, belong to root or to
 * this process's user, not be writable by the group nor accessible to others, and have fewer than
 * SECRET_MAX bytes; links are not followed. Returns 0; 1 if the file does not exist, 2 if it may
 * not be read (the message says which); _PERM: unsafe owner, mode or kind; _CONFIG: empty, too
 * long, invalid characters. The message never contains the key. Wipe ret with key_file_wipe().
 */
int key_file_read(const char *path, char ret[SECRET_MAX], struct err *error);
/* The same of a file of any text, as it is, up to its first NUL. */
int key_file_read_text(const char *path, char ret[SECRET_MAX], struct err *error);
#define KEY_NOT_SEEN 3
/*
 * Would key_file_read() work for this user? For who may not read it. What can be seen without
 * reading is judged. Returns 0, 1, 2 or _PERM, _CONFIG as above, with the same messages; or
 * KEY_NOT_SEEN: not even that can be seen.
 */
int key_file_judge(const char *path, uid_t uid, gid_t gid, struct err *error);
/* An errno of opening it that means "no key": it does not exist, or may not be read. All others,
 * such as ENOMEM and EIO, are errors. */
bool key_file_is_absent(int error);
void key_file_wipe(char secret[SECRET_MAX]);

/* SPDX-License-Identifier: MIT */
/* statedir.h - is the directory of the state safe, and who shall we be in it? */
#pragma once
#include "base/err.h"

/*
 * The directory that holds state_path: no link, not root's, not writable by others, and below
 * directories that belong to root or its owner and that nobody else may write (or that are sticky).
 * Errors: _PERM.
 */
int statedir_owner(const char *state_path, uid_t *ret_uid, gid_t *ret_gid, struct err *error);

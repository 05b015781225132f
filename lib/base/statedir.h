/* SPDX-License-Identifier: MIT */
/* statedir.h - checks the state directory and finds the user to run as */
#pragma once
#include "base/err.h"

/*
 * The owner of the directory that contains state_path. It must not be a link, belong to root or be
 * writable by others; each directory above must belong to root or to that owner, and be writable
 * only by its owner, or be sticky. Errors: _PERM.
 */
int statedir_owner(const char *state_path, uid_t *ret_uid, gid_t *ret_gid, struct err *error);

/* SPDX-License-Identifier: MIT */
/* quota.h - an endpoint's answer goes into the ledger, and what it stops is said once */
#pragma once
#include "reputation/session.h"

/* In the caller's transaction, or one of its own. Errors: _STORE, _BUSY. */
int quota_note(const struct session *session, const char *endpoint, const struct quota_seen *seen);
/* Calls that are left now; 0: stopped, refused or used up. */
int64_t quota_left(const struct quota *quota);

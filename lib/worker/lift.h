/* SPDX-License-Identifier: MIT */
/*
 * lift.h - blocks of addresses that are in [allow] now are lifted, and listed as released
 *
 * A gate and an export honour a new entry immediately; this ends the ban that fail2ban still holds.
 */
#pragma once
#include "reputation/session.h"

/* *ret_lifted: their number; with dry_run nothing is changed. Errors: _STORE, _BUSY. */
int lift_allowed(const struct session *session, bool dry_run, int64_t *ret_lifted);
/* The same of networks that a name of [allow] resolved to; why: for the log. */
int lift_networks(const struct session *session, const struct prefix *nets, size_t count,
		  const char *why, int64_t *ret_lifted);

/* SPDX-License-Identifier: MIT */
/*
 * guard.h - addresses that are left alone: special-purpose ranges, [allow], our own
 *
 * They are never looked up, reported or blocked. Each function returns the reason, valid until the
 * next call, or NULL if there is none. session->own has this host's addresses; without it the
 * kernel is asked.
 */
#pragma once
#include "reputation/session.h"

/* Without this host's own addresses: a hook has no time for a netlink socket. */
const char *guard_check_in_hook(const struct session *session, const struct addr *addr);
const char *guard_check(const struct session *session, const struct addr *addr);
/* A reason that is an error: this host's addresses could not be read. It leaves an address alone
 * for the moment, and says nothing about it.
 */
bool guard_is_error(const char *why);
/* The prefix contains an address in [allow] or one of ours, so that it cannot be blocked as a
 * whole.
 */
const char *guard_check_own(const struct session *session, const struct prefix *prefix);
/* The same, and networks that send mail for an SPF domain. */
const char *guard_check_inside(const struct session *session, const struct prefix *prefix);
/* [allow] has the key of a block, or an address within it. */
bool guard_allows_key(const struct session *session, const struct addr *key);
/* The key of a block: an address, or the prefix that it was cut to. */
const char *guard_check_key(const struct session *session, const struct addr *key);

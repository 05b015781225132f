/* SPDX-License-Identifier: MIT */
/*
 * feeds.h - what the feeds on disk say of an address
 *
 * The compiled file is mapped when it is first needed. One that is damaged or foreign is the same
 * as none, with a warning: a hook does not fail for it.
 */
#pragma once
#include "feed/table.h"
#include "reputation/session.h"

struct feeds; /* what is mapped; a member of the context, shared by its sessions */

struct feeds *feeds_new(void); /* NULL: no memory */
struct feeds *feeds_free(struct feeds *feeds);
/* The table, mapped again if the file has been replaced since the last feeds_refresh(). NULL: there
 * is none. Valid until the next feeds_refresh(). */
const struct feed_table *feeds_table(const struct session *session);
/* The error because of which a file that may be good is not mapped; 0: there is none. Who writes it
 * again would lose all other lists. */
int feeds_lost(const struct session *session);
/* Once for each call of a program or hook, and after each write. */
void feeds_refresh(const struct session *session);
/* Its last good download is older than four times `every`, and gives nothing. */
bool feeds_is_stale(const struct conf_source *source, const struct feed_list *list, int64_t now);
/*
 * Fills in the finding of each [feed]: FINDING_OK, listed or not, never for the cache; or
 * FINDING_SKIPPED, worth 0: no download yet, a stale one, or it is not known, as the session has no
 * feeds or their file cannot be read.
 */
void feeds_find(const struct session *session, const struct addr *addr, struct finding *findings);
/* AbuseIPDB itself has answered: what was downloaded from it gives no points any more. */
void feeds_defer(const struct session *session, struct finding *findings);
/* "sends mail for example.com (SPF)": no extended ban. */
bool feeds_spf(const struct session *session, const struct addr *addr, char ret_why[DETAIL_MAX]);
/* It is what a host name of [allow] resolved to: which. NULL: it is not. Valid until the next call.
 */
const char *feeds_allowed(const struct session *session, const struct addr *addr);
/* The host name or SPF domain of [allow] that resolved to it; NULL: none did. */
const struct conf_allow *feeds_allow_entry(const struct session *session, const struct addr *addr);
/* The prefix meets what a host name or an SPF domain of [allow] resolved to. */
bool feeds_allowed_inside(const struct session *session, const struct prefix *prefix);
/* The same of host names alone. */
bool feeds_hosts_inside(const struct session *session, const struct prefix *prefix);

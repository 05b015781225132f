/* SPDX-License-Identifier: MIT */
/* feed_lists.h - which lists the compiled file of the feeds has; the worker alone writes it */
#pragma once
#include "feed/table.h"
#include "reputation/session.h"

/* One list changes, and those that are configured no longer go. Errors: as feed_table_write(). */
int feed_lists_write(const struct session *session, const struct feed_change *change);
/* Would that take so long that others had to wait for it? entries: of the change. */
bool feed_lists_are_long(const struct session *session, size_t entries);
/* The same without a change, if there is something to remove. */
int feed_lists_clean(const struct session *session);

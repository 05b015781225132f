/* SPDX-License-Identifier: MIT */
/* allowed.c - section [allow], with what its names resolved to */
#include "api/allowed.h"
#include "api/iprep_private.h"
#include "base/mask.h"
#include "feed/table.h"
#include <stdlib.h>
#include <string.h>

struct walk {
	struct iprep_ctx *ctx;
	const struct feed_table *table; /* NULL: none */
	int64_t now;
	int (*row)(void *user, const struct iprep_allowed *allowed);
	void *user;
};
struct networks { /* one allocation */
	const char **list;
	struct prefix *nets;
	char (*texts)[ADDR_TEXT_MAX];
};

/* Frees with networks->list. */
static bool networks_new(struct networks *networks, size_t count)
{
	char *bytes = malloc(count * (sizeof(*networks->list) + sizeof(*networks->nets) +
				      sizeof(*networks->texts)));

	if (!bytes)
		return false;
	networks->list = (const char **)(void *)bytes;
	networks->nets = (struct prefix *)(void *)(bytes + count * sizeof(*networks->list));
	networks->texts = (char(*)[ADDR_TEXT_MAX])(void *)(networks->nets + count);
	return true;
}

/* The row of the compiled file that has what the name resolved to; -1: none. */
static int row_of(const struct walk *walk, const struct conf_allow *entry)
{
	if (entry->kind == ALLOW_NET)
		return -1;
	return feed_table_row(walk->table, entry->kind == ALLOW_HOST ? FEED_HOST : FEED_SPF,
			      entry->name, feed_name_identity(entry->name));
}

/* Calls row() with the networks of this row of the file. */
static int give_resolved(const struct walk *walk, size_t row, struct iprep_allowed *allowed)
{
	size_t count = feed_table_networks(walk->table, row, NULL, 0);
	struct networks networks = { 0 };
	struct feed_list list;
	int rc;

	feed_table_list(walk->table, row, &list);
	allowed->resolved_at = list.good_at;
	if (count && !networks_new(&networks, count))
		return err_set(&walk->ctx->err, IPREP_E_NOMEM, "out of memory");
	feed_table_networks(walk->table, row, networks.nets, count);
	for (size_t i = 0; i < count; i++)
		networks.list[i] = prefix_text(&networks.nets[i], networks.texts[i]);
	allowed->nnetworks = count;
	allowed->networks = networks.list;
	rc = walk->row(walk->user, allowed);
	free(networks.list);
	return rc;
}

void allowed_view_fill(struct allowed_view *view, const struct conf_allow *entry, int64_t now)
{
	static const int kinds[] = { [ALLOW_NET] = IPREP_ALLOW_NETWORK,
				     [ALLOW_HOST] = IPREP_ALLOW_HOST,
				     [ALLOW_SPF] = IPREP_ALLOW_SPF };

	view->allowed = (struct iprep_allowed){ .entry = entry->name,
						.kind = kinds[entry->kind],
						.line = entry->line,
						.until = entry->until,
						.is_over = conf_allow_is_over(entry, now) };
	if (entry->kind == ALLOW_NET)
		view->allowed.entry = prefix_text(&entry->net, view->net);
	if (entry->file)
		view->allowed.file = text_printable(view->file, sizeof(view->file), entry->file,
						    strlen(entry->file));
	if (entry->why)
		view->allowed.why = text_mask(view->why, sizeof(view->why), entry->why,
					      strlen(entry->why));
}

static int give_entry(const struct walk *walk, const struct conf_allow *entry)
{
	struct allowed_view view;
	int row = row_of(walk, entry);

	allowed_view_fill(&view, entry, walk->now);
	if (row >= 0)
		return give_resolved(walk, (size_t)row, &view.allowed);
	return walk->row(walk->user, &view.allowed);
}

int iprep_allowed(struct iprep_ctx *ctx, unsigned flags,
		  int (*row)(void *user, const struct iprep_allowed *allowed), void *user)
{
	struct walk walk = {
		.ctx = ctx, .now = clock_now_s(&ctx->clock), .row = row, .user = user
	};
	struct feed_table *table = NULL;
	char path[FEED_PATH_MAX];
	int rc = 0;

	if (flags & ~(unsigned)IPREP_NO_STATE)
		return err_set(&ctx->err, IPREP_E_ARG, "unknown flags");
	if (!(flags & IPREP_NO_STATE))
		rc = feed_table_open(feed_table_path(ctx->conf->state, path), &table, &ctx->err);
	if (rc)
		return rc;
	walk.table = table;
	for (size_t i = 0; i < ctx->conf->nallow && !rc; i++)
		rc = give_entry(&walk, &ctx->conf->allow[i]);
	feed_table_close(table);
	if (rc > 0)
		return err_set(&ctx->err, IPREP_E_IO, "the caller ended the list");
	return rc;
}

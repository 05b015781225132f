/* SPDX-License-Identifier: MIT */
/* networks.c - where the current blocks are, and what sources have in common: one pass each */
#include "api/iprep_private.h"
#include <stdlib.h>

int iprep_networks(struct iprep_ctx *ctx, size_t max,
		   int (*row)(void *user, const struct iprep_network *network), void *user,
		   int64_t *ret_blocks)
{
	struct block_network networks[IPREP_NETWORKS_MAX];
	int64_t all = 0;
	int count, rc;

	if (max > IPREP_NETWORKS_MAX)
		return err_set(&ctx->err, IPREP_E_ARG, "networks: at most %d can be listed",
			       IPREP_NETWORKS_MAX);
	rc = ctx_open_store(ctx, ctx_read_mode(ctx));
	if (rc)
		return rc;
	count = store_networks(ctx->store, networks, max, &all);
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		char text[ADDR_TEXT_MAX];
		struct iprep_network network = { .blocks = networks[i].blocks };

		network.network = prefix_text(&networks[i].network, text);
		if (row(user, &network))
			return err_set(&ctx->err, IPREP_E_IO, "output of the list was interrupted");
	}
	if (ret_blocks)
		*ret_blocks = all;
	return IPREP_OK;
}

static int give_overlaps(struct iprep_ctx *ctx, const struct finding_overlap *table,
			 int (*row)(void *user, const struct iprep_overlap *overlap), void *user)
{
	const struct conf *conf = ctx->conf;

	for (size_t i = 0; i < conf->nsources * conf->nsources; i++) {
		size_t one = i / conf->nsources, other = i % conf->nsources;
		const struct finding_overlap *pair = &table[one * SOURCES_MAX + other];
		struct iprep_overlap overlap = { .source = conf->sources[one].name,
						 .other = conf->sources[other].name,
						 .answered = pair->answered,
						 .both = pair->both };

		if (one != other && pair->answered && row(user, &overlap))
			return err_set(&ctx->err, IPREP_E_IO, "output of the list was interrupted");
	}
	return IPREP_OK;
}

int iprep_overlaps(struct iprep_ctx *ctx,
		   int (*row)(void *user, const struct iprep_overlap *overlap), void *user)
{
	struct finding_overlap *table;
	int rc = ctx_note_key(ctx);

	if (rc == IPREP_E_IO) /* findings of AbuseIPDB are read without its key */
		rc = conf_enable_abuseipdb(ctx->conf);
	if (!rc)
		rc = ctx_open_store(ctx, ctx_read_mode(ctx));
	if (rc)
		return rc;
	table = calloc((size_t)SOURCES_MAX * SOURCES_MAX, sizeof(*table));
	if (!table)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	rc = store_findings_overlap(ctx->store, ctx->conf, table);
	if (!rc)
		rc = give_overlaps(ctx, table, row, user);
	free(table);
	return rc;
}

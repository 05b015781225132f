/* SPDX-License-Identifier: MIT */
/* blocks.c - the current blocks, with their evidence */
#include "base/buf.h"
#include "api/iprep_private.h"
#include "base/mask.h"
#include "api/result.h"
#include "reputation/guard.h"
#include <stdlib.h>
#include <string.h>

#define PAGE  64
#define MARKS (IPREP_BLOCKS_NEW | IPREP_BLOCKS_UNMAILED) /* what is listed is written down */

struct view { /* a block as the public one */
	struct iprep_block block;
	char address[ADDR_TEXT_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[SOURCES_MAX];
	struct finding findings[SOURCES_MAX];
	struct result_evidence evidence;
};

struct walk {
	struct iprep_ctx *ctx;
	const struct iprep_blocks_query *query;
	struct block_query block_query;
	struct session session;
	struct local_addr_list *own;
	struct block page[PAGE];
	struct view view;
};

static int fill_findings(struct walk *walk, const struct block *block)
{
	const struct conf *conf = walk->ctx->conf;
	struct view *view = &walk->view;
	int rc;

	memset(view->findings, 0, sizeof(view->findings));
	rc = store_findings_kept(walk->ctx->store, conf, &block->key, view->findings);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < conf->nsources; i++) {
		if (view->findings[i].status != FINDING_OK)
			continue;
		result_finding_fill(&view->ones[i], &conf->sources[i], &view->findings[i]);
		view->list[view->block.nfindings++] = &view->ones[i].finding;
	}
	rc = result_evidence_read(walk->ctx->store, &block->key, &view->evidence);
	view->block.nevidence = view->evidence.count;
	return rc;
}

static int fill_view(struct walk *walk, const struct block *block)
{
	struct view *view = &walk->view;

	view->block = (struct iprep_block){
		.address = addr_key_text(&block->key, walk->ctx->conf->ipv6_prefix, view->address),
		.tier = block->tier,
		.score = block->score,
		.since = block->since,
		.announced_at = block->announced_at,
		.until = block->until,
		.jail = text_filled(block->jail, NULL),
		.sources = text_filled(block->src, NULL),
		.findings = view->list,
		.evidence = view->evidence.list,
		.seen = text_filled(block->seen, NULL),
		.exempt = guard_check_key(&walk->session, &block->key),
	};
	if (walk->query->flags & IPREP_BLOCKS_BARE)
		return 0;
	return fill_findings(walk, block);
}

/* How many the caller has taken; an error of ours or of the caller in *ret_rc. */
static size_t hand_out(struct walk *walk, size_t count, int *ret_rc)
{
	size_t i = 0;

	for (*ret_rc = 0; i < count; i++) {
		*ret_rc = fill_view(walk, &walk->page[i]);
		if (*ret_rc < 0)
			break;
		if (walk->query->row(walk->query->user, &walk->view.block)) {
			*ret_rc = err_set(&walk->ctx->err, IPREP_E_IO,
					  "output of the list of blocks was interrupted");
			break;
		}
		/* A person may read slowly: the bound is one of what lies between two rows. */
		store_begin_call(walk->ctx->store);
	}
	return i;
}

static int walk_pages(struct walk *walk)
{
	struct block last = { 0 };
	int rc = 0;

	while (!rc) {
		int count = store_blocks_page(walk->ctx->store, &walk->block_query, &last,
					      walk->page, PAGE);
		size_t taken;
		int marked = 0;

		if (count <= 0)
			return count;
		last = walk->page[count - 1];
		taken = hand_out(walk, (size_t)count, &rc);
		if (walk->block_query.only_new && taken)
			marked = store_blocks_shown(walk->ctx->store, walk->page, taken);
		if (!marked && walk->block_query.only_unmailed && taken)
			marked = store_blocks_mailed(walk->ctx->store, walk->page, taken);
		if (marked < 0)
			return marked;
	}
	return rc;
}

/*
 * The keys of a prefix lie in a row: IPv4 is ::ffff:0:0/96, below every public IPv6 address, so a
 * short IPv6 prefix begins above it. A prefix longer than ipv6_prefix is held by a key that is cut.
 */
static void set_range(struct walk *walk, const struct prefix *prefix)
{
	static const struct addr first_v4 = { { [10] = 0xff, [11] = 0xff } };
	struct block_query *range = &walk->block_query;

	range->from = prefix->addr;
	range->low = addr_key(&prefix->addr, walk->ctx->conf->ipv6_prefix);
	range->high = addr_last(prefix);
	if (walk->query->prefix && prefix->bits < 96 && prefix_has(prefix, &first_v4))
		range->low = range->from = (struct addr){ { [9] = 1 } };
}

static bool has_source(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!strcmp(conf->sources[i].name, name))
			return true;
	return !strcmp(name, "abuseipdb");
}

/* An unknown name is a typing mistake, not an empty list. */
static int check_tier(struct walk *walk, const char *tier)
{
	int rc;

	if (!tier || conf_tier_row(walk->ctx->conf, tier) >= 0)
		return 0;
	rc = store_blocks_have_tier(walk->ctx->store, tier);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	return err_set(&walk->ctx->err, IPREP_E_ARG,
		       "no tier of that name: neither the configuration nor a block has it");
}

static int check_source(struct walk *walk, const char *source)
{
	int rc;

	if (!source || has_source(walk->ctx->conf, source))
		return 0;
	rc = store_blocks_have_source(walk->ctx->store, source);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	return err_set(&walk->ctx->err, IPREP_E_ARG,
		       "no source of that name: neither the configuration nor "
		       "a block has it, or it is not enabled");
}

static int walk_begin(struct walk *walk, const struct prefix *prefix)
{
	static const enum block_order orders[] = {
		[IPREP_BY_ANNOUNCING] = BLOCKS_BY_FIRST,
		[IPREP_BY_ADDRESS] = BLOCKS_BY_KEY,
		[IPREP_BY_END] = BLOCKS_BY_UNTIL,
	};
	const struct iprep_blocks_query *query = walk->query;
	int rc;

	walk->block_query = (struct block_query){ .order = orders[query->order],
						  .only_new = query->flags & IPREP_BLOCKS_NEW,
						  .only_unmailed = query->flags &
								   IPREP_BLOCKS_UNMAILED,
						  .tier = query->tier,
						  .source = query->source,
						  .since = query->since_at };
	set_range(walk, prefix);
	rc = check_tier(walk, query->tier);
	if (rc)
		return rc;
	return check_source(walk, query->source);
}

/* Without text: every address. */
static int parse_prefix(struct iprep_ctx *ctx, const char *text, struct prefix *ret)
{
	char masked[64];

	*ret = (struct prefix){ .bits = 0 };
	if (!text || prefix_parse(text, ret))
		return 0;
	return err_set(&ctx->err, IPREP_E_ARG,
		       "prefix: \"%s\" is not a network such as 192.0.2.0/24 or "
		       "2001:db8::/32, host bits zero, or an address",
		       text_mask(masked, sizeof(masked), text, strlen(text)));
}

int iprep_blocks(struct iprep_ctx *ctx, const struct iprep_blocks_query *query)
{
	struct prefix prefix;
	struct walk *walk;
	int rc;

	if (query->order < IPREP_BY_ANNOUNCING || query->order > IPREP_BY_END)
		return err_set(&ctx->err, IPREP_E_ARG, "no such order");
	rc = parse_prefix(ctx, query->prefix, &prefix);
	if (rc)
		return rc;
	rc = ctx_note_key(ctx); /* findings of AbuseIPDB are evidence as well */
	if (rc)
		return rc;
	rc = ctx_open_store(ctx, query->flags & MARKS ? STORE_WORK : STORE_READ);
	if (rc)
		return rc;
	walk = calloc(1, sizeof(*walk));
	if (!walk)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	walk->ctx = ctx;
	walk->query = query;
	walk->own = local_addr_list_new();
	walk->session = ctx_env(ctx);
	walk->session.own = walk->own;
	rc = walk_begin(walk, &prefix);
	if (!rc)
		rc = walk_pages(walk);
	free(walk->own);
	free(walk);
	return rc;
}

/* SPDX-License-Identifier: MIT */
/* blocks_api.c - what is blocked, why, until when */
#include "api/iprep_private.h"
#include "base/local_addr.h"
#include "api/result.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 64

struct view { /* a block as the public one */
	struct iprep_block block;
	char address[ADDR_TEXT_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[SOURCES_MAX];
	struct finding findings[SOURCES_MAX];
};

struct walk {
	struct iprep_ctx *ctx;
	const struct iprep_blocks_query *query;
	struct block_query block_query;
	struct local_addr_list *own;
	struct block page[PAGE];
	struct view view;
};

/* The address, or with a prefix any address in it, is one to be left alone: whoever refuses it is
 * sorry. */
static const char *exempt_why(const struct walk *walk, const struct block *block)
{
	const struct conf *conf = walk->ctx->conf;
	struct addr cut = addr_key(&block->key, conf->ipv6_prefix);
	bool whole = !addr_is_v4(&block->key) && addr_equal(&cut, &block->key);
	struct prefix prefix = { block->key, whole ? conf->ipv6_prefix : 128 };
	const char *special = addr_special(&block->key);

	if (special)
		return special;
	if (conf_allowed(conf, &block->key))
		return "allowed by [allow] addresses";
	for (size_t i = 0; i < conf->nallow; i++)
		if (prefix_has(&prefix, &conf->allow[i].addr))
			return "holds one of [allow] addresses";
	for (size_t i = 0; walk->own && i < walk->own->count; i++)
		if (prefix_has(&prefix, &walk->own->addrs[i]))
			return "an address of this host";
	return NULL;
}

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
	return 0;
}

static int fill(struct walk *walk, const struct block *block)
{
	struct view *view = &walk->view;

	view->block = (struct iprep_block){
		.address = addr_key_text(&block->key, walk->ctx->conf->ipv6_prefix, view->address),
		.tier = block->tier,
		.score = block->score,
		.since = block->since,
		.announced_at = block->announced_at,
		.until = block->until,
		.jail = *block->jail ? block->jail : NULL,
		.sources = *block->src ? block->src : NULL,
		.findings = view->list,
		.exempt = exempt_why(walk, block),
	};
	return walk->query->flags & IPREP_BLOCKS_BARE ? 0 : fill_findings(walk, block);
}

/* How many the caller has taken, at most n; an error of ours or of the caller in *ret_r. */
static size_t hand_out(struct walk *walk, size_t count, int *ret_r)
{
	size_t i = 0;

	for (*ret_r = 0; i < count; i++) {
		*ret_r = fill(walk, &walk->page[i]);
		if (*ret_r < 0)
			break;
		if (walk->query->row(walk->query->user, &walk->view.block)) {
			*ret_r = err_set(&walk->ctx->err, IPREP_E_IO,
					 "the list of blocks was not taken to its end");
			break;
		}
	}
	return i;
}

static int walk(struct walk *w)
{
	struct block last = { 0 };
	int count, rc = 0;

	while (!rc && (count = store_blocks_page(w->ctx->store, &w->block_query, &last, w->page,
						 PAGE)) != 0) {
		size_t taken;
		int status = 0;

		if (count < 0)
			return count;
		last = w->page[count - 1];
		taken = hand_out(w, (size_t)count, &rc);
		if (w->block_query.only_new && taken)
			status = store_blocks_shown(w->ctx->store, w->page, taken);
		if (status < 0)
			return status;
	}
	return rc;
}

/*
 * The keys of a prefix lie in a row: IPv4 is ::ffff:0:0/96, below every public IPv6 address, so a
 * short IPv6 prefix begins above it. A prefix longer than ipv6_prefix is held by a key that is cut.
 */
static void set_range(struct block_query *block_query, const struct conf *conf,
		      const struct iprep_prefix *prefix)
{
	static const struct addr first_v4 = { { [10] = 0xff, [11] = 0xff } };
	struct prefix p = { .bits = 0 };

	if (prefix) {
		memcpy(p.addr.bytes, prefix->address, sizeof(p.addr.bytes));
		p.bits = prefix->bits;
	}
	block_query->from = p.addr;
	block_query->low = addr_key(&p.addr, conf->ipv6_prefix);
	block_query->high = addr_last(&p);
	if (prefix && p.bits < 96 && prefix_has(&p, &first_v4))
		block_query->low = block_query->from = (struct addr){ { [9] = 1 } };
}

static bool has_source(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!strcmp(conf->sources[i].name, name))
			return true;
	return !strcmp(name, "abuseipdb");
}

/* A name that nobody has is a typing mistake, not an empty list. */
static int check_names(struct walk *walk)
{
	const struct iprep_blocks_query *blocks_query = walk->query;
	struct iprep_ctx *ctx = walk->ctx;
	int rc = 1;

	if (blocks_query->tier && conf_tier_row(ctx->conf, blocks_query->tier) < 0)
		rc = store_blocks_have_tier(ctx->store, blocks_query->tier);
	if (rc < 0)
		return rc;
	if (!rc)
		return err_set(&ctx->err, IPREP_E_ARG,
			       "no tier of that name: neither the configuration nor "
			       "a block has it");
	if (blocks_query->source && !has_source(ctx->conf, blocks_query->source))
		rc = store_blocks_have_source(ctx->store, blocks_query->source);
	if (rc < 0)
		return rc;
	return rc ? 0
		  : err_set(&ctx->err, IPREP_E_ARG,
			    "no source of that name: neither the configuration nor "
			    "a block has it, or it is not enabled");
}

static int begin(struct walk *walk, struct iprep_ctx *ctx, const struct iprep_blocks_query *query)
{
	static const enum block_order orders[] = {
		[IPREP_BY_ANNOUNCING] = BLOCKS_BY_FIRST,
		[IPREP_BY_ADDRESS] = BLOCKS_BY_KEY,
		[IPREP_BY_END] = BLOCKS_BY_UNTIL,
	};

	walk->ctx = ctx;
	walk->query = query;
	walk->block_query = (struct block_query){ .order = orders[query->order],
						  .only_new = query->flags & IPREP_BLOCKS_NEW,
						  .tier = query->tier,
						  .source = query->source,
						  .since = query->since_at };
	set_range(&walk->block_query, ctx->conf, query->prefix);
	walk->own = local_addr_list_new(); /* NULL: none is known; they get no blocks in the first
					   place */
	return check_names(walk);
}

int iprep_blocks_where(struct iprep_ctx *ctx, const struct iprep_blocks_query *query)
{
	struct walk *w;
	int rc;

	if (query->order < IPREP_BY_ANNOUNCING || query->order > IPREP_BY_END)
		return err_set(&ctx->err, IPREP_E_ARG, "no such order");
	rc = ctx_note_key(ctx); /* AbuseIPDB's findings are evidence, too */
	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	rc = begin(w, ctx, query);
	if (!rc)
		rc = walk(w);
	free(w->own);
	free(w);
	return rc;
}

int iprep_blocks(struct iprep_ctx *ctx, unsigned flags,
		 int (*row)(void *user, const struct iprep_block *block), void *user)
{
	const struct iprep_blocks_query query = { .flags = flags, .row = row, .user = user };

	return iprep_blocks_where(ctx, &query);
}

int iprep_parse_prefix(const char *text, struct iprep_prefix *ret)
{
	struct prefix prefix;

	if (!prefix_parse(text, &prefix))
		return IPREP_E_ADDR;
	memcpy(ret->address, prefix.addr.bytes, sizeof(ret->address));
	ret->bits = prefix.bits;
	return IPREP_OK;
}

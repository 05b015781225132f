/* SPDX-License-Identifier: MIT */
/* blocks_api.c - what is blocked, why, until when */
#include "api/iprep_private.h"
#include "base/local_addr.h"
#include "api/result.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 64

struct view { /* a block as the public one */
	struct iprep_block b;
	char address[ADDR_TEXT_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[SOURCES_MAX];
	struct finding findings[SOURCES_MAX];
};

struct walk {
	struct iprep_ctx *ctx;
	const struct iprep_blocks_query *query;
	struct block_query q;
	struct local_addr_list *own;
	struct block page[PAGE];
	struct view view;
};

/* The address, or with a prefix any address in it, is one to be left alone: whoever refuses it is
 * sorry. */
static const char *exempt_why(const struct walk *w, const struct block *b)
{
	const struct conf *c = w->ctx->conf;
	struct addr cut = addr_key(&b->key, c->ipv6_prefix);
	bool whole = !addr_is_v4(&b->key) && !memcmp(cut.b, b->key.b, sizeof(cut.b));
	struct prefix p = { b->key, whole ? c->ipv6_prefix : 128 };
	const char *special = addr_special(&b->key);

	if (special)
		return special;
	if (conf_allowed(c, &b->key))
		return "allowed by [allow] addresses";
	for (size_t i = 0; i < c->nallow; i++)
		if (prefix_has(&p, &c->allow[i].addr))
			return "holds one of [allow] addresses";
	for (size_t i = 0; w->own && i < w->own->n; i++)
		if (prefix_has(&p, &w->own->addrs[i]))
			return "an address of this host";
	return NULL;
}

static int fill_findings(struct walk *w, const struct block *b)
{
	const struct conf *c = w->ctx->conf;
	struct view *v = &w->view;
	int r;

	memset(v->findings, 0, sizeof(v->findings));
	r = store_findings_kept(w->ctx->store, c, &b->key, v->findings);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->nsources; i++) {
		if (v->findings[i].status != FINDING_OK)
			continue;
		result_finding_fill(&v->ones[i], &c->sources[i], &v->findings[i]);
		v->list[v->b.nfindings++] = &v->ones[i].f;
	}
	return 0;
}

static int fill(struct walk *w, const struct block *b)
{
	struct view *v = &w->view;

	v->b = (struct iprep_block){
		.address = addr_key_text(&b->key, w->ctx->conf->ipv6_prefix, v->address),
		.tier = b->tier,
		.score = b->score,
		.since = b->since,
		.announced_at = b->announced_at,
		.until = b->until,
		.jail = *b->jail ? b->jail : NULL,
		.sources = *b->src ? b->src : NULL,
		.findings = v->list,
		.exempt = exempt_why(w, b),
	};
	return w->query->flags & IPREP_BLOCKS_BARE ? 0 : fill_findings(w, b);
}

static int store_said(struct walk *w, int r)
{
	return err_set(&w->ctx->err, r, "%s", store_err(w->ctx->store)->text);
}

/* How many the caller has taken, at most n; an error of ours or of the caller in *ret_r. */
static size_t hand_out(struct walk *w, size_t n, int *ret_r)
{
	size_t i = 0;

	for (*ret_r = 0; i < n; i++) {
		*ret_r = fill(w, &w->page[i]);
		if (*ret_r < 0) {
			store_said(w, *ret_r);
			break;
		}
		if (w->query->row(w->query->user, &w->view.b)) {
			*ret_r = err_set(&w->ctx->err, IPREP_E_IO,
					 "the list of blocks was not taken to its end");
			break;
		}
	}
	return i;
}

static int walk(struct walk *w)
{
	struct block last = { 0 };
	int n, r = 0;

	while (!r && (n = store_blocks_page(w->ctx->store, &w->q, &last, w->page, PAGE)) != 0) {
		size_t taken;
		int s = 0;

		if (n < 0)
			return store_said(w, n);
		last = w->page[n - 1];
		taken = hand_out(w, (size_t)n, &r);
		if (w->q.only_new && taken)
			s = store_blocks_shown(w->ctx->store, w->page, taken);
		if (s < 0)
			return store_said(w, s);
	}
	return r;
}

static struct addr last_in(const struct prefix *p)
{
	struct addr a = p->addr;

	for (int i = p->bits; i < 128; i++)
		a.b[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return a;
}

/*
 * The keys of a prefix lie in a row: IPv4 is ::ffff:0:0/96, below every public IPv6 address, so a
 * short IPv6 prefix begins above it. A prefix longer than ipv6_prefix is held by a key that is cut.
 */
static void set_range(struct block_query *q, const struct conf *c,
		      const struct iprep_prefix *prefix)
{
	static const struct addr first_v4 = { { [10] = 0xff, [11] = 0xff } };
	struct prefix p = { .bits = 0 };

	if (prefix) {
		memcpy(p.addr.b, prefix->address, sizeof(p.addr.b));
		p.bits = prefix->bits;
	}
	q->from = p.addr;
	q->low = addr_key(&p.addr, c->ipv6_prefix);
	q->high = last_in(&p);
	if (prefix && p.bits < 96 && prefix_has(&p, &first_v4))
		q->low = q->from = (struct addr){ { [9] = 1 } };
}

static bool has_source(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->nsources; i++)
		if (!strcmp(c->sources[i].name, name))
			return true;
	return !strcmp(name, "abuseipdb");
}

/* A name that nobody has is a typing mistake, not an empty list. */
static int check_names(struct walk *w)
{
	const struct iprep_blocks_query *q = w->query;
	struct iprep_ctx *ctx = w->ctx;
	int r = 1;

	if (q->tier && conf_tier_row(ctx->conf, q->tier) < 0)
		r = store_blocks_have_tier(ctx->store, q->tier);
	if (r < 0)
		return store_said(w, r);
	if (!r)
		return err_set(&ctx->err, IPREP_E_ARG,
			       "no tier of that name: neither the configuration nor "
			       "a block has it");
	if (q->source && !has_source(ctx->conf, q->source))
		r = store_blocks_have_source(ctx->store, q->source);
	if (r < 0)
		return store_said(w, r);
	return r ? 0
		 : err_set(&ctx->err, IPREP_E_ARG,
			   "no source of that name: neither the configuration nor "
			   "a block has it, or it is not enabled");
}

static int begin(struct walk *w, struct iprep_ctx *ctx, const struct iprep_blocks_query *query)
{
	static const enum block_order orders[] = {
		[IPREP_BY_ANNOUNCING] = BLOCKS_BY_FIRST,
		[IPREP_BY_ADDRESS] = BLOCKS_BY_KEY,
		[IPREP_BY_END] = BLOCKS_BY_UNTIL,
	};

	w->ctx = ctx;
	w->query = query;
	w->q = (struct block_query){ .order = orders[query->order],
				     .only_new = query->flags & IPREP_BLOCKS_NEW,
				     .tier = query->tier,
				     .source = query->source,
				     .since = query->since_at };
	set_range(&w->q, ctx->conf, query->prefix);
	w->own = local_addr_list_new(); /* NULL: none is known; they get no blocks in the first
					   place */
	return check_names(w);
}

int iprep_blocks_where(struct iprep_ctx *ctx, const struct iprep_blocks_query *query)
{
	struct walk *w;
	int r;

	if (query->order < IPREP_BY_ANNOUNCING || query->order > IPREP_BY_END)
		return err_set(&ctx->err, IPREP_E_ARG, "no such order");
	r = ctx_note_key(ctx); /* AbuseIPDB's findings are evidence, too */
	if (!r)
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	r = begin(w, ctx, query);
	if (!r)
		r = walk(w);
	free(w->own);
	free(w);
	return r;
}

int iprep_blocks(struct iprep_ctx *ctx, unsigned flags,
		 int (*row)(void *user, const struct iprep_block *block), void *user)
{
	const struct iprep_blocks_query query = { .flags = flags, .row = row, .user = user };

	return iprep_blocks_where(ctx, &query);
}

int iprep_parse_prefix(const char *text, struct iprep_prefix *ret)
{
	struct prefix p;

	if (!prefix_parse(text, &p))
		return IPREP_E_ADDR;
	memcpy(ret->address, p.addr.b, sizeof(ret->address));
	ret->bits = p.bits;
	return IPREP_OK;
}

int iprep_block_json(const struct iprep_block *b, char **ret_line)
{
	struct json *o = json_new_object(), *list;
	char *line;

	json_put_text(o, "address", b->address);
	json_put_text(o, "tier", b->tier);
	json_put_int(o, "score", b->score);
	json_put_int(o, "since", b->since);
	json_put_int(o, "announced_at", b->announced_at);
	json_put_int(o, "blocked_until", b->until);
	json_put_text(o, "jail", b->jail);
	json_put_text(o, "sources", b->sources);
	json_put_text(o, "exempt", b->exempt);
	list = json_put_array(o, "findings");
	for (size_t i = 0; i < b->nfindings; i++)
		result_finding_json(list, b->findings[i]);
	line = json_line(o);
	json_free(o);
	if (!line)
		return IPREP_E_NOMEM;
	*ret_line = line;
	return IPREP_OK;
}

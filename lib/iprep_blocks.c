/* SPDX-License-Identifier: MIT */
/* iprep_blocks.c - what is blocked, why, until when (layer 6) */
#include "iprep_private.h"
#include "result.h"
#include <stdlib.h>
#include <string.h>

#define PAGE 64

struct view {                              /* a block as the public one */
	struct iprep_block b;
	char address[ADDR_TEXT_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[SOURCES_MAX];
	struct finding findings[SOURCES_MAX];
};

static int fill(struct iprep_ctx *ctx, const struct block *b, struct view *v)
{
	int r;

	memset(v->findings, 0, sizeof(v->findings));
	r = store_findings_kept(ctx->store, ctx->conf, &b->key, v->findings);
	if (r < 0)
		return r;
	v->b = (struct iprep_block){
		.address = addr_key_text(&b->key, ctx->conf->ipv6_prefix, v->address), .tier = b->tier,
		.score = b->score, .since = b->since, .announced_at = b->announced_at, .until = b->until,
		.jail = *b->jail ? b->jail : NULL, .sources = *b->src ? b->src : NULL, .findings = v->list,
	};
	for (size_t i = 0; i < ctx->conf->nsources; i++) {
		if (v->findings[i].status != FINDING_OK)
			continue;
		result_finding_fill(&v->ones[i], &ctx->conf->sources[i], &v->findings[i]);
		v->list[v->b.nfindings++] = &v->ones[i].f;
	}
	return 0;
}

/* How many the caller has taken, at most n; an error of ours or of the caller in *ret_r. */
static size_t hand_out(struct iprep_ctx *ctx, const struct block *page, size_t n, struct view *v,
		       int (*row)(void *user, const struct iprep_block *block), void *user, int *ret_r)
{
	size_t i = 0;

	for (*ret_r = 0; i < n; i++) {
		*ret_r = fill(ctx, &page[i], v);
		if (*ret_r < 0) {
			err_set(&ctx->err, *ret_r, "%s", store_err(ctx->store)->text);
			break;
		}
		if (row(user, &v->b)) {
			*ret_r = err_set(&ctx->err, IPREP_E_IO, "the list of blocks was not taken to its end");
			break;
		}
	}
	return i;
}

static int walk(struct iprep_ctx *ctx, bool only_new, struct view *v,
		int (*row)(void *user, const struct iprep_block *block), void *user)
{
	struct block page[PAGE], last = { 0 };
	int n, r = 0;

	while (!r && (n = store_blocks_page(ctx->store, only_new, &last, page, PAGE)) != 0) {
		size_t taken;
		int s = 0;

		if (n < 0)
			return err_set(&ctx->err, n, "%s", store_err(ctx->store)->text);
		last = page[n - 1];
		taken = hand_out(ctx, page, (size_t)n, v, row, user, &r);
		if (only_new && taken)
			s = store_blocks_shown(ctx->store, page, taken);
		if (s < 0)
			return err_set(&ctx->err, s, "%s", store_err(ctx->store)->text);
	}
	return r;
}

int iprep_blocks(struct iprep_ctx *ctx, unsigned flags,
		 int (*row)(void *user, const struct iprep_block *block), void *user)
{
	struct view *v;
	int r = ctx_note_key(ctx);         /* AbuseIPDB's findings are evidence, too */

	if (!r)
		r = ctx_open_store(ctx, STORE_WORK);
	if (r)
		return r;
	v = calloc(1, sizeof(*v));
	if (!v)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	r = walk(ctx, flags & IPREP_BLOCKS_NEW, v, row, user);
	free(v);
	return r;
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

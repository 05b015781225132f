/* SPDX-License-Identifier: MIT */
/* health.c - is anything wrong that an administrator must know of? */
#include "api/iprep_private.h"
#include "health/health.h"
#include <string.h>
#include <unistd.h>

static int open_to_look(struct iprep_ctx *ctx, struct checkup *checkup, char why[640])
{
	int rc = ctx_open_store(ctx, STORE_VIEW);

	if (!rc)
		rc = store_read_begin(ctx->store);
	if (rc != IPREP_E_STORE)
		return rc;
	memcpy(why, ctx->err.text, 640);
	checkup->no_store = why;
	return 0;
}

int iprep_health(struct iprep_ctx *ctx, int (*row)(void *user, const struct iprep_trouble *trouble),
		 void *user)
{
	struct checkup checkup = { .now = clock_now_s(&ctx->clock), .row = row, .user = user };
	char why[sizeof(ctx->err.text)];
	struct session session;
	int rc = iprep_state_owner(ctx, &checkup.uid, &checkup.gid);

	if (!rc)
		rc = ctx_note_key_mark(ctx);
	if (!rc)
		rc = open_to_look(ctx, &checkup, why);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	checkup.session = &session;
	checkup.is_owner = geteuid() == checkup.uid;
	rc = health_look(&checkup);
	if (ctx->store)
		store_read_end(ctx->store);
	return rc;
}

const char *iprep_trouble_name(size_t index)
{
	return health_name(index);
}

int iprep_block_counts(struct iprep_ctx *ctx,
		       void (*row)(void *user, const char *tier, int64_t count), void *user)
{
	int rc = ctx_open_store(ctx, ctx_read_mode(ctx));

	if (rc)
		return rc;
	return store_blocks_by_tier(ctx->store, row, user);
}

/* SPDX-License-Identifier: MIT */
/* lookup.c - lookups of one address, and of a list of any length: one supply of lines for both */
#include "api/iprep_private.h"
#include "reputation/bulk_lookup.h"
#include "api/result.h"
#include <stdlib.h>

/* ---- both ---- */

static bool free_source_gives_points(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (!conf->sources[i].costs && conf->sources[i].most > 0)
			return true;
	return false;
}

static int require_source(struct iprep_ctx *ctx, unsigned flags)
{
	if (flags & IPREP_FREE && !free_source_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points and costs nothing "
			       "is configured; enable a [dnsbl]");
	if (!conf_gives_points(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOSOURCE,
			       "no source that gives points is configured; "
			       "enable a [dnsbl] or give AbuseIPDB a key");
	return 0;
}

/* Keys, sources and, unless flags say otherwise, the state. */
static int open_session(struct iprep_ctx *ctx, unsigned flags, struct session *session)
{
	int rc = ctx_read_key(ctx, flags & IPREP_CACHED ? KEY_TO_SHOW : KEY_TO_LOOK_UP);

	if (ctx_is_key_error(rc) && flags & IPREP_CACHED) { /* what is on disk needs no key */
		log_line(&ctx->log, LOG_NOTICE, "%s", ctx->err.text);
		rc = 0;
	}
	if (rc)
		return rc;
	rc = require_source(ctx, flags);
	if (rc)
		return rc;
	if (!(flags & IPREP_NO_STATE)) {
		rc = ctx_open_store(ctx, flags & IPREP_CACHED ? STORE_READ : STORE_WORK);
		if (rc)
			return rc;
	}
	*session = ctx_env(ctx);
	if (flags & IPREP_NO_STATE) {
		session->store = NULL;
		session->feeds = NULL;
	}
	return 0;
}

static unsigned lookup_flags(unsigned flags)
{
	unsigned internal = 0;

	if (flags & IPREP_CACHED)
		internal |= LOOKUP_CACHED;
	if (flags & IPREP_FRESH)
		internal |= LOOKUP_FRESH;
	if (flags & IPREP_FREE)
		internal |= LOOKUP_FREE;
	return internal;
}

/* ---- one address ---- */

struct single_lookup {
	struct iprep_ctx *ctx;
	struct session session;
	const char *address; /* NULL once it was taken */
	struct iprep_result *result;
};

static enum bulk_lookup_next single_next(void *user, const char **ret_text, int64_t *ret_id)
{
	struct single_lookup *single = user;

	if (!single->address)
		return BULK_END;
	*ret_text = single->address;
	*ret_id = 0;
	single->address = NULL;
	return BULK_LINE;
}

static int single_answer(void *user, int64_t id, const char *bad_text, const struct lookup *lookup)
{
	struct single_lookup *single = user;

	(void)id;
	(void)bad_text; /* NULL: iprep_lookup() has parsed it */
	single->result = result_new(&single->session, lookup);
	if (!single->result)
		return err_set(&single->ctx->err, IPREP_E_NOMEM, "out of memory");
	return 0;
}

int iprep_lookup(struct iprep_ctx *ctx, const char *address, unsigned flags,
		 const struct iprep_result **ret_result)
{
	struct single_lookup single = { .ctx = ctx, .address = address };
	struct bulk_lookup_lines lines = { .user = &single,
					   .next = single_next,
					   .answer = single_answer,
					   .timeout_ms = ctx->conf->timeout_ms,
					   .flags = lookup_flags(flags) };
	struct addr addr;
	int rc = ctx_address(ctx, address, &addr);

	if (rc)
		return rc;
	rc = open_session(ctx, flags, &single.session);
	if (rc)
		return rc;
	rc = bulk_lookup_run(&single.session, &lines);
	if (rc) {
		free(single.result);
		return rc;
	}
	*ret_result = single.result;
	return IPREP_OK;
}

void iprep_result_free(const struct iprep_result *result)
{
	free((void *)(uintptr_t)result);
}

/* ---- a list ---- */

struct list_lookup {
	struct iprep_ctx *ctx;
	const struct iprep_list *list;
	struct session session;
};

static enum bulk_lookup_next list_next(void *user, const char **ret_text, int64_t *ret_id)
{
	const struct iprep_list *list = ((struct list_lookup *)user)->list;

	switch (list->next(list->user, ret_text, ret_id)) {
	case IPREP_NEXT_ADDRESS:
		return BULK_LINE;
	case IPREP_NEXT_LATER:
		return BULK_LATER;
	default:
		return BULK_END;
	}
}

static int list_answer(void *user, int64_t id, const char *bad_text, const struct lookup *lookup)
{
	struct list_lookup *run = user;
	const struct iprep_list *list = run->list;
	struct iprep_result *result = NULL;
	int rc;

	if (lookup) {
		result = result_new(&run->session, lookup);
		if (!result)
			return err_set(&run->ctx->err, IPREP_E_NOMEM, "out of memory");
	}
	rc = list->answer(list->user, id, bad_text, result ? IPREP_OK : IPREP_E_ADDR, result);
	iprep_result_free(result);
	if (rc)
		return err_set(&run->ctx->err, IPREP_E_IO,
			       "ended early: an answer could not be written");
	return 0;
}

static void list_progress(void *user, const struct bulk_lookup_counts *counts)
{
	const struct iprep_list *list = ((struct list_lookup *)user)->list;
	struct iprep_progress progress = { .taken = counts->taken,
					   .answered = counts->answered,
					   .uncached = counts->uncached,
					   .in_flight = counts->in_flight,
					   .window = counts->window };

	list->progress(list->user, &progress);
}

int iprep_lookup_list(struct iprep_ctx *ctx, const struct iprep_list *list)
{
	struct list_lookup run = { .ctx = ctx, .list = list };
	struct bulk_lookup_lines lines = { .user = &run,
					   .next = list_next,
					   .answer = list_answer,
					   .progress = list->progress ? list_progress : NULL,
					   .timeout_ms = ctx->conf->timeout_ms,
					   .flags = lookup_flags(list->flags) };
	int rc = open_session(ctx, list->flags, &run.session);

	if (rc)
		return rc;
	if (list->timeout_ms > 0)
		lines.timeout_ms = list->timeout_ms;
	return bulk_lookup_run(&run.session, &lines);
}

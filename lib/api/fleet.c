/* SPDX-License-Identifier: MIT */
/*
 * fleet.c - removes a host from the zone of the fleet
 *
 * The zone is transferred, and each record of the host is deleted by name and content: no other
 * host's records are touched (RFC 2136, 2.5.4).
 */
#include "api/iprep_private.h"
#include "conf/fleet.h"
#include "reputation/fleet_call.h"
#include "source/fleet.h"
#include "store/publications.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_RECORDS 1000
#define REFUSALS_MAX	8      /* of the first records: then the others are not tried */
#define TRANSFER_MS	310000 /* the runner ends it after 300 s */

struct removing {
	struct session session;
	const struct iprep_run_options *options;
	struct fleet_removal removal;
	struct fleet_state state;
	struct fleet_call call;
	struct iprep_fleet_removal *stats;
	int form;
};

static int fail(struct iprep_ctx *ctx, const char *why)
{
	return err_set(&ctx->err, IPREP_E_NOSOURCE, "[fleet] server: %s", why);
}

/* ---- reading ---- */

static int read_zone(struct iprep_ctx *ctx, struct removing *removing)
{
	struct fleet_removal *removal = &removing->removal;
	struct run_answer said;
	char why[DETAIL_MAX];
	int rc;

	removing->call = (struct fleet_call){
		.request = { .kind = IPREP_RUN_TRANSFER, .value = removing->form, .text = "" },
		.take = fleet_removal_take,
		.user = removal,
		.max_ms = TRANSFER_MS
	};
	rc = fleet_call_wait(&removing->session, &removing->call);
	fleet_call_done(&removing->call);
	if (rc)
		return rc;
	if (removal->updates.failed)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	if (removal->is_full || removal->nsoa == 2)
		return 0;
	said = removing->call.answer;
	said.output = text_or(removal->said.text, "");
	said.len = removal->said.len;
	if (fleet_answer_judge(&said, why) == FLEET_DONE)
		fleet_answer_words(&said, why);
	if (!strncmp(why, "the client ended with", 21))
		snprintf(why, sizeof(why), "the transfer of the zone broke off");
	return fail(ctx, why);
}

/* ---- deleting ---- */

static int send_message(struct removing *removing, size_t at, size_t len,
			enum fleet_outcome *ret_outcome, char why[DETAIL_MAX])
{
	int rc;

	removing->call = (struct fleet_call){
		.request = { .kind = IPREP_RUN_UPDATE,
			     .value = removing->form,
			     .text = removing->removal.updates.text + at,
			     .len = len },
	};
	rc = fleet_call_wait(&removing->session, &removing->call);
	*ret_outcome = fleet_answer_judge(&removing->call.answer, why);
	fleet_call_done(&removing->call);
	return rc;
}

/* A message that is refused is halved until the record is found; it is left, the others go. */
static int delete_records(struct iprep_ctx *ctx, struct removing *removing)
{
	struct iprep_fleet_removal *stats = removing->stats;
	size_t at = 0, max = MESSAGE_RECORDS, len, count;

	while ((len = fleet_removal_next(&removing->removal, at, max, &count)) > 0) {
		enum fleet_outcome outcome;
		char why[DETAIL_MAX];
		int rc = send_message(removing, at, len, &outcome, why);

		if (rc)
			return rc;
		if (outcome == FLEET_FAILED || (stats->refused >= REFUSALS_MAX && !stats->records))
			return fail(ctx, why); /* it does not answer, or refuses all */
		if (outcome == FLEET_REFUSED && count > 1) {
			max = count / 2;
			continue;
		}
		if (outcome == FLEET_REFUSED) {
			stats->refused++;
			snprintf(ctx->fleet_why, sizeof(ctx->fleet_why), "%s", why);
			stats->refused_why = ctx->fleet_why;
		} else {
			stats->records += (int64_t)count;
			max = max * 2 < MESSAGE_RECORDS ? max * 2 : MESSAGE_RECORDS;
		}
		at += len;
		if (removing->options && removing->options->progress)
			removing->options->progress(removing->options->user,
						    stats->records + stats->refused,
						    removing->removal.records);
	}
	return 0;
}

/* ---- all of it ---- */

static int remove_all(struct iprep_ctx *ctx, struct removing *removing)
{
	struct fleet_removal *removal = &removing->removal;
	bool is_dry = removing->options && removing->options->dry_run, again;
	int rc;

	do {
		int64_t before = removing->stats->records;

		buf_init(&removal->updates, FLEET_REMOVAL_MAX);
		buf_init(&removal->said, FLEET_SAID_MAX);
		removal->nsoa = 0;
		removal->is_full = removal->is_cut = false;
		removal->line_len = 0;
		removal->unreadable = 0;
		rc = read_zone(ctx, removing);
		if (!rc && !is_dry)
			rc = delete_records(ctx, removing);
		/* what it refuses would come again and again */
		again = removal->is_full && removing->stats->records > before;
		buf_free(&removal->updates);
		buf_free(&removal->said);
	} while (!rc && again);
	if (is_dry)
		removing->stats->records = removal->records;
	removing->stats->unreadable = removal->unreadable;
	return rc;
}

/* What this host wants to have there is published again. */
static int publish_again(struct iprep_ctx *ctx)
{
	int rc = store_begin(ctx->store, STORE_DURABLE);

	if (rc)
		return rc;
	rc = store_publications_again(ctx->store);
	return store_end(ctx->store, rc < 0 ? rc : 0);
}

static int begin_removing(struct iprep_ctx *ctx, int host, struct removing *removing)
{
	enum fleet_key_form form = FLEET_KEY_BIND;
	int rc;

	if (host < 1 || host > FLEET_HOST_MAX)
		return err_set(&ctx->err, IPREP_E_ARG, "host: expected a number from 1 to %d",
			       FLEET_HOST_MAX);
	if (!*ctx->conf->fleet_zone)
		return err_set(&ctx->err, IPREP_E_CONFIG, "[fleet] zone is not set");
	rc = fleet_key_check(ctx->conf->fleet_key_file, &form, NULL, &ctx->err);
	if (rc > 0)
		return err_set(&ctx->err, IPREP_E_CONFIG, "[fleet] key_file: %.400s",
			       ctx->err.text);
	if (!rc)
		rc = ctx_open_store(ctx, STORE_WORK);
	if (!rc)
		rc = store_fleet_get(ctx->store, &removing->state);
	removing->form = (int)form;
	return rc;
}

int iprep_fleet_remove_host(struct iprep_ctx *ctx, int host,
			    const struct iprep_run_options *options,
			    struct iprep_fleet_removal *ret_removal)
{
	struct removing *removing = calloc(1, sizeof(*removing));
	bool is_own;
	int rc;

	*ret_removal = (struct iprep_fleet_removal){ .records = 0 };
	if (!removing)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	removing->options = options;
	removing->stats = ret_removal;
	rc = begin_removing(ctx, host, removing);
	if (rc)
		goto end;
	removing->session = ctx_env(ctx);
	is_own = host == ctx->conf->fleet_host;
	removing->removal.zone = ctx->conf->fleet_zone;
	removing->removal.host = host;
	removing->removal.only_counts = options && options->dry_run;
	removing->removal.keep_identity = is_own ? removing->state.identity : "";
	is_own = is_own && !(options && options->dry_run);
	/* before, should this be killed; and after, should a worker run at the same time */
	if (is_own)
		rc = publish_again(ctx);
	if (!rc)
		rc = remove_all(ctx, removing);
	if (!rc && is_own)
		rc = publish_again(ctx);
end:
	free(removing);
	return rc;
}

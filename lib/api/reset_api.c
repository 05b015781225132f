/* SPDX-License-Identifier: MIT */
/* reset_api.c - a damaged state is set aside, and a new one begun */
#include "api/iprep_private.h"
#include "base/json.h"
#include "worker/worker.h"
#include "worker/lock.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct whole {
	struct iprep_reset s;
	struct store_reset r;
}; /* one allocation */

static int reset(struct iprep_ctx *ctx, unsigned flags, struct store_reset *ret)
{
	bool dry_run = flags & IPREP_RESET_DRY_RUN;
	int fd = dry_run ? (worker_runs(ctx->conf) ? IPREP_E_BUSY : 0)
			 : worker_lock(ctx->conf, &ctx->err),
	    r;

	if (fd == IPREP_E_BUSY)
		return err_set(
			&ctx->err, fd,
			"%s: a worker is at work in it: again when it has ended, in ten minutes "
			"at most",
			ctx->conf->state);
	if (fd < 0)
		return fd;
	r = store_reset(ctx->conf->state, flags & IPREP_RESET_SOUND, dry_run, ctx->clock, ret,
			&ctx->err);
	if (!dry_run)
		close(fd);
	return r;
}

int iprep_reset(struct iprep_ctx *ctx, unsigned flags, const struct iprep_reset **ret_reset)
{
	struct whole *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	ctx->store = store_close(ctx->store); /* ours is one that would be in the way */
	r = reset(ctx, flags, &w->r);
	if (r) {
		free(w);
		return r;
	}
	w->s = (struct iprep_reset){
		.why = w->r.why,
		.aside = *w->r.aside ? w->r.aside : NULL,
		.blocks = w->r.blocks,
		.reports = w->r.reports,
		.lookups = w->r.lookups,
		.pardons = w->r.pardons,
		.logins = w->r.logins,
		.all_read = w->r.all_read,
		.dry_run = (flags & IPREP_RESET_DRY_RUN) != 0,
	};
	*ret_reset = &w->s;
	return IPREP_OK;
}

void iprep_reset_free(const struct iprep_reset *reset)
{
	free((void *)(uintptr_t)reset);
}

int iprep_reset_json(const struct iprep_reset *s, char **ret_line)
{
	struct json *o = json_new_object(), *part;
	char *line;

	json_put_text(o, "why", s->why);
	json_put_text(o, "aside", s->aside);
	part = json_put_object(o, "lost");
	json_put_int(part, "blocks", s->blocks);
	json_put_int(part, "reports", s->reports);
	json_put_int(part, "lookups", s->lookups);
	part = json_put_object(o, "kept");
	json_put_int(part, "pardons", s->pardons);
	json_put_int(part, "logins", s->logins);
	json_put_bool(o, "all_read", s->all_read);
	json_put_bool(o, "dry_run", s->dry_run);
	line = json_line(o);
	json_free(o);
	if (!line)
		return IPREP_E_NOMEM;
	*ret_line = line;
	return IPREP_OK;
}

/* SPDX-License-Identifier: MIT */
/* settings.c - what others must agree with */
#include "api/iprep_private.h"
#include <stdio.h>
#include <stdlib.h>

struct whole { /* one allocation */
	struct iprep_settings s;
	struct iprep_tier tiers[TIERS_MAX];
	const struct iprep_tier *list[TIERS_MAX];
	char names[TIERS_MAX][sizeof(((struct conf_tier *)NULL)->name)];
	char verdict_log[CONF_TEXT_MAX];
};

int iprep_settings(struct iprep_ctx *ctx, const struct iprep_settings **ret_settings)
{
	const struct conf *c = ctx->conf;
	struct whole *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < c->ntiers; i++) {
		snprintf(w->names[i], sizeof(w->names[i]), "%s", c->tiers[i].name);
		w->tiers[i] = (struct iprep_tier){ w->names[i], c->tiers[i].score,
						   c->tiers[i].bantime_s };
		w->list[i] = &w->tiers[i];
	}
	snprintf(w->verdict_log, sizeof(w->verdict_log), "%s", c->verdict_log);
	w->s = (struct iprep_settings){ w->verdict_log, c->ipv6_prefix, c->ntiers, w->list };
	*ret_settings = &w->s;
	return IPREP_OK;
}

void iprep_settings_free(const struct iprep_settings *settings)
{
	free((void *)(uintptr_t)settings);
}

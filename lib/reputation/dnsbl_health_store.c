/* SPDX-License-Identifier: MIT */
#include "reputation/dnsbl_health_store.h"
#include <stdio.h>
#include <stdlib.h>

int zones_load(const struct env *env)
{
	struct zone_state *all;
	int r;

	if (!env->health || env->health->loaded || !env->store)
		return 0;
	all = calloc(env->conf->nsources + 1, sizeof(*all));
	if (!all)
		return IPREP_E_NOMEM;
	r = store_zones_get(env->store, env->conf, all);
	for (size_t i = 0; i < env->conf->nsources && !r; i++)
		env->health->rows[i].z = all[i];
	env->health->loaded = !r;
	free(all);
	return r;
}

static void tell(const struct env *env, const struct conf_source *list, struct health *h)
{
	if (!h->turned)
		return;
	h->turned = false;
	if (health_is_bad(h))
		log_line(env->log, LOG_WARNING,
			 "[dnsbl %s] quarantined: %s; its answers count nothing "
			 "until it passes",
			 list->name, h->z.why);
	else
		log_line(env->log, LOG_NOTICE,
			 "[dnsbl %s] passes its test points again, its answers count", list->name);
}

void zones_keep(const struct env *env)
{
	for (size_t i = 0; env->health && i < env->conf->nsources; i++) {
		struct health *h = &env->health->rows[i];

		tell(env, &env->conf->sources[i], h);
		if (!h->changed || !env->store)
			continue;
		h->changed = false;
		if (store_zone_put(env->store, &env->conf->sources[i], &h->z))
			log_line(env->log, LOG_DEBUG, "health of [dnsbl %s]: %s",
				 env->conf->sources[i].name, store_err(env->store)->text);
	}
}

void zones_mark(const struct env *env, struct finding *findings)
{
	for (size_t i = 0; env->health && i < env->conf->nsources; i++) {
		const struct health *h = &env->health->rows[i];

		if (!health_is_bad(h) || findings[i].status != FINDING_OK)
			continue;
		findings[i] = (struct finding){ .status = FINDING_QUARANTINED };
		snprintf(findings[i].detail, sizeof(findings[i].detail), "%s", h->z.why);
	}
}

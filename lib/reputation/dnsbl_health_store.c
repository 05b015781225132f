/* SPDX-License-Identifier: MIT */
#include "reputation/dnsbl_health_store.h"
#include <stdio.h>
#include <stdlib.h>

int dnsbl_health_load(const struct session *session)
{
	struct zone_state *all;
	int rc;

	if (!session->health || session->health->loaded || !session->store)
		return 0;
	all = calloc(session->conf->nsources + 1, sizeof(*all));
	if (!all)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	rc = store_zones_get(session->store, session->conf, all);
	for (size_t i = 0; i < session->conf->nsources && !rc; i++)
		session->health->rows[i].state = all[i];
	session->health->loaded = !rc;
	free(all);
	return rc;
}

static void log_turn(const struct session *session, const struct conf_source *list,
		     struct health *health)
{
	if (!health->turned)
		return;
	health->turned = false;
	if (dnsbl_health_is_bad(health))
		log_line(session->log, LOG_WARNING,
			 "[dnsbl %s] quarantined: %s; its answers are ignored "
			 "until it passes its test points",
			 list->name, health->state.why);
	else
		log_line(session->log, LOG_NOTICE,
			 "[dnsbl %s] passes its test points again; its answers count", list->name);
}

void dnsbl_health_keep(const struct session *session)
{
	for (size_t i = 0; session->health && i < session->conf->nsources; i++) {
		struct health *health = &session->health->rows[i];

		log_turn(session, &session->conf->sources[i], health);
		if (!health->changed || !session->store)
			continue;
		health->changed = false;
		if (store_zone_put(session->store, &session->conf->sources[i], &health->state))
			log_line(session->log, LOG_DEBUG, "health of [dnsbl %s]: %s",
				 session->conf->sources[i].name, session->err->text);
	}
}

void dnsbl_health_mark(const struct session *session, struct finding *findings)
{
	for (size_t i = 0; session->health && i < session->conf->nsources; i++) {
		const struct health *health = &session->health->rows[i];

		if (!dnsbl_health_is_bad(health) || findings[i].status != FINDING_OK)
			continue;
		findings[i] = (struct finding){ .status = FINDING_QUARANTINED };
		snprintf(findings[i].detail, sizeof(findings[i].detail), "%s", health->state.why);
	}
}

/* SPDX-License-Identifier: MIT */
#include "reputation/publish.h"
#include "reputation/verdict.h"
#include "store/publications.h"
#include <sys/param.h>

static bool is_off(const struct session *session)
{
	return !*session->conf->fleet_zone;
}

static int octet_of(int tier)
{
	return MIN(PUBLICATION_OCTET_LOWEST + tier, PUBLICATION_OCTET_MAX);
}

int publish_block(const struct session *session, const struct block *block, const struct addr *addr,
		  const struct finding *findings, enum origin origin)
{
	int tier = conf_tier_row(session->conf, block->tier);
	struct verdict own;

	if (is_off(session))
		return 0;
	verdict_weigh_own(session->conf, findings, origin, 0, &own);
	if (own.tier >= 0 && tier >= 0)
		return store_publish(session->store, &block->key, addr,
				     octet_of(MIN(own.tier, tier)), block->until, !block->first_at);
	if (own.kind == V_CLEAN)
		return store_publish(session->store, &block->key, addr, 0, 0, false);
	return 0; /* a source that does not answer withdraws nothing */
}

int publish_announced(const struct session *session, const struct block *block, int64_t until)
{
	if (is_off(session) || block->since <= block->announced_at)
		return 0;
	return store_publication_announced(session->store, &block->key, until);
}

int publish_lowered(const struct session *session, const struct addr *key, int tier, int64_t until)
{
	if (is_off(session))
		return 0;
	if (tier < 0)
		return publish_nothing(session, key, &(bool){ false });
	return store_publication_lower(session->store, key, octet_of(tier), until);
}

int publish_nothing(const struct session *session, const struct addr *key, bool *ret_withdrawn)
{
	int octet;

	*ret_withdrawn = false;
	if (is_off(session))
		return 0;
	octet = store_publication_octet(session->store, key);
	if (octet <= 0 || octet == PUBLICATION_PARDON)
		return MIN(octet, 0);
	*ret_withdrawn = true;
	return store_publish(session->store, key, key, 0, 0, false);
}

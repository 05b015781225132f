/* SPDX-License-Identifier: MIT */
/*
 * publish.h - what of this host's blocks belongs into the zone of the fleet
 *
 * A block is published at the tier that it reaches without feeds and without the list of the fleet
 * (verdict_weigh_own()): no host passes on what it only heard of. A block that would no longer be
 * confirmed so is withdrawn, even if the fleet's list keeps it here. Each function belongs into the
 * transaction of what it follows from, and does nothing while [fleet] zone is empty.
 */
#pragma once
#include "reputation/session.h"

/* The block was made, raised or confirmed again by a job. addr: the address that was seen. */
int publish_block(const struct session *session, const struct block *block, const struct addr *addr,
		  const struct finding *findings, enum origin origin);
/* Its first line, or the first since its tier rose, was written. */
int publish_announced(const struct session *session, const struct block *block, int64_t until);
/* Sources of it were lost: what remains gives this tier, -1 none, until then. */
int publish_lowered(const struct session *session, const struct addr *key, int tier, int64_t until);
/* Nothing carries it but other hosts and feeds. *ret_withdrawn: it was published. */
int publish_nothing(const struct session *session, const struct addr *key, bool *ret_withdrawn);

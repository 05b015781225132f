/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - pure: findings and configuration -> low, high, verdict, tier, what to ask
 *
 * A source that answered gives its points to low and high. One that should have answered and
 * did not gives the least it could to low and the most to high. DESIGN of the score: iprep.conf(5).
 *
 * Feeds and the list of the fleet alone reach the lowest tier only. One of AbuseIPDB's own list
 * helps no higher tier, and is worth 0 once AbuseIPDB itself has answered. Where an allowlist has
 * the address, two kinds of source must accuse it (DNS lists, feeds, AbuseIPDB), and it gets the
 * lowest tier at most; low and tier take an allowlist that has not answered for one that has it.
 */
#pragma once
#include "conf/conf.h"

/* as enum iprep_verdict */
enum verdict_kind { V_UNKNOWN, V_CLEAN, V_CONFIRMED, V_EXEMPT, V_UNLISTED };
struct verdict {
	enum verdict_kind kind;
	int low, high;
	int tier;	/* row of conf->tiers; -1 none */
	source_set ask; /* free sources first; those that cost only while they
			   could change the outcome; 0: done */
	bool spare;	/* ask: of an ambiguous line that no source names: worth what the day's
			   quota leaves, see quota.h; if refused the finding is FINDING_SKIPPED */
};

/*
 * @findings  one for each of conf->sources; FINDING_NONE: not asked yet
 * @may_ask   sources that may be asked at all; an unasked one outside it is worth 0
 */
void verdict_weigh(const struct conf *conf, const struct finding *findings, enum origin origin,
		   source_set may_ask, struct verdict *ret);
/*
 * The same without feeds, and without what the list of the fleet (conf->fleet_list) accuses of: on
 * this verdict rests what this host publishes. A pardon in that list counts; its silence does not.
 */
void verdict_weigh_own(const struct conf *conf, const struct finding *findings, enum origin origin,
		       source_set may_ask, struct verdict *ret);

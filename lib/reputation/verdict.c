/* SPDX-License-Identifier: MIT */
#include "reputation/verdict.h"

struct sum {
	int low, high;
	bool veto, capped, gave, positive;
};

/* Asked without an answer, or still to be asked: what it could say is open. */
static bool is_open(const struct finding *finding, bool may_ask)
{
	switch ((enum finding_status)finding->status) {
	case FINDING_TIMEOUT:
	case FINDING_ERROR:
	case FINDING_DENIED:
		return true;
	case FINDING_NONE:
		return may_ask;
	case FINDING_OK:
	case FINDING_QUARANTINED:
	case FINDING_SKIPPED:
		break;
	}
	return false;
}

static struct sum add_up(const struct conf *conf, const struct finding *finding, source_set may_ask)
{
	struct sum sum = { 0 };

	for (size_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];

		if (finding[i].status == FINDING_OK) {
			sum.low += finding[i].points;
			sum.high += finding[i].points;
			sum.gave |= source->most > 0;
			sum.positive |= finding[i].points > 0 && !source->costs;
			sum.veto |= finding[i].rule == RULE_VETO;
			sum.capped |= finding[i].rule == RULE_LOWEST_TIER;
		} else if (is_open(&finding[i], may_ask & SOURCE_BIT(i))) {
			sum.low += source->least;
			sum.high += source->most;
		}
	}
	if (sum.veto) {
		if (sum.low > 0)
			sum.low = 0;
		if (sum.high > 0)
			sum.high = 0;
	}
	return sum;
}

/* The check alone knows about whitelist, Tor and age; without it only the lowest tier is given. */
static bool is_unchecked(const struct conf *conf, const struct finding *finding)
{
	int i = conf->abuseipdb;

	return i >= 0 && conf->check != CHECK_NEVER &&
	       (finding[i].status != FINDING_OK || finding[i].partial);
}

static int tier_of(const struct conf *conf, int score, bool lowest_only)
{
	int tier = -1;

	for (size_t i = 0; i < conf->ntiers && conf->tiers[i].score <= score; i++)
		tier = (int)i;
	if (tier > 0 && lowest_only)
		return 0;
	return tier;
}

static source_set free_questions(const struct conf *conf, const struct finding *finding,
				 source_set may_ask)
{
	source_set ask = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (!conf->sources[i].costs && finding[i].status == FINDING_NONE &&
		    may_ask & SOURCE_BIT(i))
			ask |= SOURCE_BIT(i);
	return ask;
}

/* Could the answer of the source that costs still change the outcome? */
static bool worth_paying(const struct conf *conf, const struct finding *finding,
			 const struct sum *sum, enum origin origin, const struct verdict *verdict)
{
	const struct finding *paid = &finding[conf->abuseipdb];

	if (conf->check == CHECK_NEVER || (paid->status != FINDING_NONE && !paid->partial))
		return false;
	if (conf->check == CHECK_ALWAYS)
		return true;
	if (sum->veto || (origin == AMBIGUOUS && !sum->positive))
		return false;
	if (paid->partial) /* its points are known: veto and cap are not */
		return verdict->tier >= 0;
	return tier_of(conf, sum->high, true) >= 0;
}

/* A suspicious line that no list knows is not worth a call: by policy, so it counts 0. */
static void leave_out_unpaid(const struct conf *conf, const struct finding *finding,
			     source_set may_ask, struct sum *sum)
{
	int i = conf->abuseipdb;

	if (i < 0 || conf->check != CHECK_UNDECIDED || sum->positive ||
	    finding[i].status != FINDING_NONE || !(may_ask & SOURCE_BIT(i)))
		return;
	sum->low -= conf->sources[i].least;
	sum->high -= conf->sources[i].most;
}

void verdict_weigh(const struct conf *conf, const struct finding *findings, enum origin origin,
		   source_set may_ask, struct verdict *ret)
{
	struct sum sum = add_up(conf, findings, may_ask);
	struct verdict verdict = { .ask = free_questions(conf, findings, may_ask) };

	if (origin == AMBIGUOUS && !verdict.ask)
		leave_out_unpaid(conf, findings, may_ask, &sum);
	verdict.low = sum.low;
	verdict.high = sum.high;
	verdict.tier = tier_of(conf, sum.low,
			       origin == AMBIGUOUS || sum.capped || is_unchecked(conf, findings));
	if (verdict.tier >= 0)
		verdict.kind = V_CONFIRMED;
	else if (sum.gave && (!conf->ntiers || sum.high < conf->tiers[0].score))
		verdict.kind = V_CLEAN;
	else
		verdict.kind = V_UNKNOWN;
	if (!verdict.ask && conf->abuseipdb >= 0 && may_ask & SOURCE_BIT(conf->abuseipdb) &&
	    worth_paying(conf, findings, &sum, origin, &verdict))
		verdict.ask = SOURCE_BIT(conf->abuseipdb);
	*ret = verdict;
}

/* SPDX-License-Identifier: MIT */
#include "reputation/verdict.h"

struct sum {
	int low, high;
	bool veto, capped, gave, positive;
};

/* Asked without an answer, or still to be asked: what it could say is open. */
static bool is_open(const struct finding *f, bool may_ask)
{
	switch ((enum finding_status)f->status) {
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

static struct sum add_up(const struct conf *conf, const struct finding *f, source_set may_ask)
{
	struct sum s = { 0 };

	for (size_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];

		if (f[i].status == FINDING_OK) {
			s.low += f[i].points;
			s.high += f[i].points;
			s.gave |= source->most > 0;
			s.positive |= f[i].points > 0 && !source->costs;
			s.veto |= f[i].rule == RULE_VETO;
			s.capped |= f[i].rule == RULE_LOWEST_TIER;
		} else if (is_open(&f[i], may_ask & SOURCE_BIT(i))) {
			s.low += source->least;
			s.high += source->most;
		}
	}
	if (s.veto) {
		s.low = s.low > 0 ? 0 : s.low;
		s.high = s.high > 0 ? 0 : s.high;
	}
	return s;
}

/* The check alone knows about whitelist, Tor and age; without it only the lowest tier is given. */
static bool unchecked(const struct conf *conf, const struct finding *f)
{
	int i = conf->abuseipdb;

	return i >= 0 && conf->check != CHECK_NEVER && (f[i].status != FINDING_OK || f[i].partial);
}

static int tier_of(const struct conf *conf, int score, bool lowest_only)
{
	int tier = -1;

	for (size_t i = 0; i < conf->ntiers && conf->tiers[i].score <= score; i++)
		tier = (int)i;
	return tier > 0 && lowest_only ? 0 : tier;
}

static source_set free_questions(const struct conf *conf, const struct finding *f,
				 source_set may_ask)
{
	source_set ask = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (!conf->sources[i].costs && f[i].status == FINDING_NONE &&
		    may_ask & SOURCE_BIT(i))
			ask |= SOURCE_BIT(i);
	return ask;
}

/* Could the answer of the source that costs still change the outcome? */
static bool worth_paying(const struct conf *conf, const struct finding *f, const struct sum *s,
			 enum origin origin, const struct verdict *v)
{
	const struct finding *paid = &f[conf->abuseipdb];

	if (conf->check == CHECK_NEVER || (paid->status != FINDING_NONE && !paid->partial))
		return false;
	if (conf->check == CHECK_ALWAYS)
		return true;
	if (s->veto || (origin == AMBIGUOUS && !s->positive))
		return false;
	if (paid->partial) /* its points are known: veto and cap are not */
		return v->tier >= 0;
	return tier_of(conf, s->high, true) >= 0;
}

/* A suspicious line that no list knows is not worth a call: by policy, so it counts 0. */
static void leave_out_unpaid(const struct conf *conf, const struct finding *f, source_set may_ask,
			     struct sum *s)
{
	int i = conf->abuseipdb;

	if (i < 0 || conf->check != CHECK_UNDECIDED || s->positive || f[i].status != FINDING_NONE ||
	    !(may_ask & SOURCE_BIT(i)))
		return;
	s->low -= conf->sources[i].least;
	s->high -= conf->sources[i].most;
}

void verdict_weigh(const struct conf *conf, const struct finding *findings, enum origin origin,
		   source_set may_ask, struct verdict *ret)
{
	struct sum s = add_up(conf, findings, may_ask);
	struct verdict v = { .ask = free_questions(conf, findings, may_ask) };

	if (origin == AMBIGUOUS && !v.ask)
		leave_out_unpaid(conf, findings, may_ask, &s);
	v.low = s.low;
	v.high = s.high;
	v.tier = tier_of(conf, s.low, origin == AMBIGUOUS || s.capped || unchecked(conf, findings));
	if (v.tier >= 0)
		v.kind = V_CONFIRMED;
	else if (s.gave && (!conf->ntiers || s.high < conf->tiers[0].score))
		v.kind = V_CLEAN;
	else
		v.kind = V_UNKNOWN;
	if (!v.ask && conf->abuseipdb >= 0 && may_ask & SOURCE_BIT(conf->abuseipdb) &&
	    worth_paying(conf, findings, &s, origin, &v))
		v.ask = SOURCE_BIT(conf->abuseipdb);
	*ret = v;
}

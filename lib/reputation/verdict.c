/* SPDX-License-Identifier: MIT */
#include "reputation/verdict.h"

/* Sources of one kind may copy each other; AbuseIPDB and what is downloaded from it are one. */
enum { KIND_LIST = 1, KIND_FEED = 2, KIND_ABUSEIPDB = 4 };

struct sum {
	int low, high;
	int download;	   /* of low: AbuseIPDB's list on disk, until AbuseIPDB itself answers */
	int open_paid;	   /* of high: what AbuseIPDB could still say */
	unsigned accusers; /* kinds that gave points */
	unsigned suspects; /* kinds that gave points or still could */
	bool veto, capped, gave, positive;
	bool confirms;	/* a source that is neither a feed nor the fleet's list gave points */
	bool allowed;	/* an allowlist has the address */
	bool may_allow; /* one has not answered, and could have it */
};

/* Asked without an answer, or still to be asked: what it could say is open. */
static bool is_open(const struct conf_source *source, const struct finding *finding, bool may_ask)
{
	switch ((enum finding_status)finding->status) {
	case FINDING_TIMEOUT:
	case FINDING_ERROR:
	case FINDING_DENIED:
		return true;
	case FINDING_NONE:
		return may_ask && source->type != SOURCE_FEED;
	case FINDING_OK:
	case FINDING_QUARANTINED:
	case FINDING_SKIPPED:
		break;
	}
	return false;
}

static bool is_download(const struct conf_source *source)
{
	return source->type == SOURCE_FEED && source->format == FEED_ABUSEIPDB;
}

static unsigned accuser_kind(const struct conf_source *source)
{
	if (source->type == SOURCE_ABUSEIPDB || is_download(source))
		return KIND_ABUSEIPDB;
	if (source->type == SOURCE_FEED)
		return KIND_FEED;
	return KIND_LIST;
}

static void add_answer(struct sum *sum, const struct conf_source *source,
		       const struct finding *finding)
{
	bool accuses = finding->points > 0;

	sum->low += finding->points;
	sum->gave |= source->most > 0;
	sum->positive |= accuses && !source->costs;
	sum->confirms |= accuses && source->type != SOURCE_FEED && !source->is_fleet;
	sum->allowed |= finding->points < 0 && source->type == SOURCE_DNSBL;
	sum->veto |= finding->rule == RULE_VETO;
	sum->capped |= finding->rule == RULE_LOWEST_TIER;
	if (accuses)
		sum->accusers |= accuser_kind(source);
	if (is_download(source))
		sum->download += finding->points;
	else
		sum->high += finding->points;
}

static void add_silence(struct sum *sum, const struct conf_source *source)
{
	sum->low += source->least;
	sum->high += source->most;
	sum->may_allow |= source->least < 0 && source->type == SOURCE_DNSBL;
	if (source->most > 0)
		sum->suspects |= accuser_kind(source);
	if (source->type == SOURCE_ABUSEIPDB)
		sum->open_paid = source->most;
}

static void cut_to_zero(int *score)
{
	if (*score > 0)
		*score = 0;
}

static bool are_two_kinds(unsigned kinds)
{
	return (kinds & (kinds - 1)) != 0;
}

/* Large mail providers are on allowlists, and have bad customers: one accuser is not enough. */
static void heed_allowlists(struct sum *sum)
{
	if ((sum->allowed || sum->may_allow) && !are_two_kinds(sum->accusers))
		cut_to_zero(&sum->low);
	if (sum->allowed && !are_two_kinds(sum->suspects))
		cut_to_zero(&sum->high);
}

static struct sum add_up(const struct conf *conf, const struct finding *finding, source_set may_ask)
{
	bool answered = conf->abuseipdb >= 0 && finding[conf->abuseipdb].status == FINDING_OK;
	struct sum sum = { 0 };

	for (size_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];

		if (answered && is_download(source))
			continue; /* an older answer of the same service */
		if (finding[i].status == FINDING_OK)
			add_answer(&sum, source, &finding[i]);
		else if (is_open(source, &finding[i], may_ask & SOURCE_BIT(i)))
			add_silence(&sum, source);
	}
	if (sum.download > sum.open_paid)
		sum.high += sum.download - sum.open_paid;
	sum.suspects |= sum.accusers;
	heed_allowlists(&sum);
	if (sum.veto) {
		cut_to_zero(&sum.low);
		cut_to_zero(&sum.high);
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

static int reached_tier(const struct conf *conf, const struct finding *finding,
			const struct sum *sum, enum origin origin)
{
	bool lowest_only = origin == AMBIGUOUS || sum->capped || sum->allowed || sum->may_allow ||
			   !sum->confirms || is_unchecked(conf, finding);
	int tier = tier_of(conf, sum->low, true);

	if (tier < 0 || lowest_only)
		return tier;
	tier = tier_of(conf, sum->low - sum->download, false);
	if (tier < 0)
		return 0;
	return tier;
}

static source_set free_questions(const struct conf *conf, const struct finding *finding,
				 source_set may_ask)
{
	source_set ask = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (!conf->sources[i].costs && conf->sources[i].type != SOURCE_FEED &&
		    finding[i].status == FINDING_NONE && may_ask & SOURCE_BIT(i))
			ask |= SOURCE_BIT(i);
	return ask;
}

/* Could the answer of the source that costs still change the outcome? */
static bool worth_paying(const struct conf *conf, const struct finding *finding,
			 const struct sum *sum, const struct verdict *verdict)
{
	const struct finding *paid = &finding[conf->abuseipdb];

	if (conf->check == CHECK_NEVER || (paid->status != FINDING_NONE && !paid->partial))
		return false;
	if (conf->check == CHECK_ALWAYS)
		return true;
	if (sum->veto)
		return false;
	if (paid->partial) /* its points are known: veto and cap are not */
		return verdict->tier >= 0;
	return tier_of(conf, sum->high, true) >= 0;
}

void verdict_weigh(const struct conf *conf, const struct finding *findings, enum origin origin,
		   source_set may_ask, struct verdict *ret)
{
	struct sum sum = add_up(conf, findings, may_ask);
	struct verdict verdict = { .ask = free_questions(conf, findings, may_ask) };

	verdict.low = sum.low;
	verdict.high = sum.high;
	verdict.tier = reached_tier(conf, findings, &sum, origin);
	if (verdict.tier >= 0)
		verdict.kind = V_CONFIRMED;
	else if (sum.gave && (!conf->ntiers || sum.high < conf->tiers[0].score))
		verdict.kind = V_CLEAN;
	else
		verdict.kind = V_UNKNOWN;
	if (!verdict.ask && conf->abuseipdb >= 0 && may_ask & SOURCE_BIT(conf->abuseipdb) &&
	    worth_paying(conf, findings, &sum, &verdict)) {
		verdict.ask = SOURCE_BIT(conf->abuseipdb);
		verdict.spare = conf->check == CHECK_UNDECIDED && origin == AMBIGUOUS &&
				!sum.positive;
	}
	*ret = verdict;
}

void verdict_weigh_own(const struct conf *conf, const struct finding *findings, enum origin origin,
		       source_set may_ask, struct verdict *ret)
{
	struct finding own[SOURCES_MAX];

	for (size_t i = 0; i < conf->nsources; i++) {
		bool is_fleet = (int)i == conf->fleet_list;

		own[i] = findings[i];
		if (conf->sources[i].type == SOURCE_FEED ||
		    (is_fleet && (own[i].status != FINDING_OK || own[i].points > 0)))
			own[i] = (struct finding){ .status = FINDING_SKIPPED };
	}
	verdict_weigh(conf, own, origin, may_ask, ret);
}

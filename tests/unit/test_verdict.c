/* SPDX-License-Identifier: MIT */
/* test_verdict.c - every combination of answers, against a second calculation written apart */
#include "reputation/verdict.h"
#include "unit.h"

enum { ONE, TWO, ALLOW, API, NSOURCES };
static struct conf_source sources[NSOURCES] = {
	{ .name = "one", .points = { .nfields = 4 }, .most = 3 },
	{ .name = "two", .points = { .nfields = 4 }, .most = 3 },
	{ .name = "allow", .points = { .nfields = 4 }, .least = -4 },
	{ .type = SOURCE_ABUSEIPDB, .name = "abuseipdb", .costs = true, .most = 10 },
};
static struct conf conf = { .ntiers = 2,
			    .tiers = { { "known", 3, 86400 }, { "notorious", 10, 31536000 } },
			    .nsources = NSOURCES,
			    .sources = sources,
			    .abuseipdb = API };

/* L listed, N not listed, T timeout, E error, D denied, Q quarantined, S skipped, . not asked,
 * W whitelisted with a score of 100, w with 0, X Tor with a score of 100, P 100 in the answer to a
 * report, p 0 in the answer to a report */
static void finding_of(char c, int row, struct finding *f)
{
	static const int worth[NSOURCES] = { 3, 3, -4, 10 };

	*f = (struct finding){ 0 };
	f->status = c == 'T'   ? FINDING_TIMEOUT
		    : c == 'E' ? FINDING_ERROR
		    : c == 'D' ? FINDING_DENIED
		    : c == 'Q' ? FINDING_QUARANTINED
		    : c == 'S' ? FINDING_SKIPPED
		    : c == '.' ? FINDING_NONE
			       : FINDING_OK;
	f->listed = strchr("LWXP", c) != NULL;
	f->points = f->listed ? worth[row] : 0;
	f->rule = c == 'W' || c == 'w' ? RULE_VETO : c == 'X' ? RULE_LOWEST_TIER : RULE_NONE;
	f->partial = c == 'P' || c == 'p';
}

static struct verdict weigh(const char *answers, enum origin origin, source_set may_ask)
{
	struct finding f[NSOURCES];
	struct verdict v;

	for (int i = 0; i < NSOURCES; i++)
		finding_of(answers[i], i, &f[i]);
	verdict_weigh(&conf, f, origin, may_ask, &v);
	return v;
}

TEST(cases_are_weighed_as_the_table_says)
{
	static const struct {
		const char *answers;
		enum origin origin;
		int kind, low, high, tier;
	} rows[] = {
		{ "NNNN", SURE, V_CLEAN, 0, 0, -1 },
		{ "LNNN", SURE, V_CONFIRMED, 3, 3, 0 },
		{ "LLNL", SURE, V_CONFIRMED, 16, 16, 1 },
		{ "LLNL", AMBIGUOUS, V_CONFIRMED, 16, 16, 0 },
		{ "LLNL", BY_HAND, V_CONFIRMED, 16, 16, 1 },
		{ "NNNL", SURE, V_CONFIRMED, 10, 10, 1 },
		{ "LNTN", SURE, V_UNKNOWN, -1, 3, -1 }, /* an allowlist is silent while a list says
							   yes */
		{ "LLTN", SURE, V_UNKNOWN, 2, 6, -1 },
		{ "LLTL", SURE, V_CONFIRMED, 12, 16, 1 },
		{ "TNNN", SURE, V_UNKNOWN, 0, 3, -1 },
		{ "TTTT", SURE, V_UNKNOWN, -4, 16, -1 },
		{ "EENE", SURE, V_UNKNOWN, 0, 16, -1 },
		{ "QQQN", SURE, V_CLEAN, 0, 0, -1 },
		{ "QQQQ", SURE, V_UNKNOWN, 0, 0, -1 },
		{ "NNTN", SURE, V_CLEAN, -4, 0, -1 },
		{ "LNND", SURE, V_CONFIRMED, 3, 13, 0 },
		{ "NNND", SURE, V_UNKNOWN, 0, 10, -1 },
		{ "LLNW", SURE, V_CLEAN, 0, 0, -1 },
		{ "LLNX", SURE, V_CONFIRMED, 16, 16, 0 },
		{ "NNNP", SURE, V_CONFIRMED, 10, 10, 0 },
		{ "NNNp", SURE, V_CLEAN, 0, 0, -1 },
		{ "LNLN", SURE, V_CLEAN, -1, -1, -1 },
		{ "LNNS", SURE, V_CONFIRMED, 3, 3, 0 },
		{ "SSSS", SURE, V_UNKNOWN, 0, 0, -1 },
		{ "LLNT", SURE, V_CONFIRMED, 6, 16, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v = weigh(rows[i].answers, rows[i].origin, 0);

		if ((int)v.kind != rows[i].kind || v.low != rows[i].low || v.high != rows[i].high ||
		    v.tier != rows[i].tier)
			fail_msg("%s: kind %d, %d..%d, tier %d", rows[i].answers, v.kind, v.low,
				 v.high, v.tier);
		assert_int_equal(v.ask, 0);
	}
}

TEST(what_is_asked_is_what_can_still_change_the_outcome)
{
	enum { FREE = 1 << ONE | 1 << TWO | 1 << ALLOW, PAID = 1 << API, ALL = FREE | PAID };
	static const struct {
		const char *answers;
		enum origin origin;
		source_set may, ask;
	} rows[] = {
		{ "....", SURE, ALL, FREE },	  { "....", AMBIGUOUS, ALL, FREE },
		{ "....", SURE, 0, 0 },		  { "N...", SURE, ALL, 1 << TWO | 1 << ALLOW },
		{ "NNN.", SURE, ALL, PAID },	  { "NNN.", AMBIGUOUS, ALL, 0 },
		{ "LNN.", AMBIGUOUS, ALL, PAID }, { "LNN.", SURE, FREE, 0 },
		{ "NNNp", SURE, ALL, 0 },	  { "LNNp", SURE, ALL, PAID },
		{ "NNNP", SURE, ALL, PAID },	  { "LLNL", SURE, ALL, 0 },
		{ "LLNT", SURE, ALL, 0 },	  { "TTT.", AMBIGUOUS, ALL, 0 },
		{ "TTT.", SURE, ALL, PAID },	  { "LLNW", SURE, ALL, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct verdict v = weigh(rows[i].answers, rows[i].origin, rows[i].may);

		if (v.ask != rows[i].ask)
			fail_msg("%s: asks %#llx", rows[i].answers, (unsigned long long)v.ask);
	}
	conf.check = CHECK_NEVER;
	assert_int_equal(weigh("NNN.", SURE, ALL).ask, 0);
	assert_int_equal(weigh("LLN.", BY_HAND, ALL).tier, 0);
	conf.check = CHECK_ALWAYS;
	assert_int_equal(weigh("NNN.", AMBIGUOUS, ALL).ask, PAID);
	conf.check = CHECK_UNDECIDED;
}

/* The naive calculation: what is the least and the most over all ways the silent ones could answer?
 */
static void naive(const char *answers, enum origin origin, int *low, int *high, int *tier,
		  int *kind)
{
	static const int worth[NSOURCES] = { 3, 3, -4, 10 };
	int least = 0, most = 0, gave = 0, best = -1;

	for (int i = 0; i < NSOURCES; i++) {
		if (answers[i] == 'L') {
			least += worth[i];
			most += worth[i];
		} else if (strchr("TED", answers[i])) {
			*(worth[i] < 0 ? &least : &most) += worth[i];
		}
		if (strchr("LN", answers[i]) && i != ALLOW)
			gave = 1;
	}
	if (least >= 3)
		best = 0;
	if (least >= 10 && origin != AMBIGUOUS && strchr("LN", answers[API]))
		best = 1;
	*low = least;
	*high = most;
	*tier = best;
	*kind = best >= 0 ? V_CONFIRMED : most < 3 && gave ? V_CLEAN : V_UNKNOWN;
}

TEST(all_combinations_agree_with_a_naive_calculation)
{
	static const char letters[] = "LNTEDQS";
	char answers[NSOURCES + 1] = "";
	int n = 0;

	for (int i = 0; i < 7 * 7 * 7 * 7; i++) {
		for (int k = 0, rest = i; k < NSOURCES; k++, rest /= 7)
			answers[k] = letters[rest % 7];
		for (enum origin o = BY_HAND; o <= SURE; o++) {
			struct verdict v = weigh(answers, o, 0);
			int low, high, tier, kind;

			naive(answers, o, &low, &high, &tier, &kind);
			if (v.low != low || v.high != high || v.tier != tier || (int)v.kind != kind)
				fail_msg(
					"%s, origin %d: %d..%d tier %d kind %d, expected %d..%d %d %d",
					answers, o, v.low, v.high, v.tier, v.kind, low, high, tier,
					kind);
			n++;
		}
	}
	assert_int_equal(n, 3 * 2401);
}

/*
 * Written a third way: each silent source is let answer everything it could, and the sums of all
 * those worlds bound the score. A veto or a cap is only what an answer said.
 */
static void worlds(const char *answers, source_set may, int at, int sum, int *low, int *high)
{
	static const int worth[NSOURCES] = { 3, 3, -4, 10 };
	char c;

	if (at == NSOURCES) {
		*low = sum < *low ? sum : *low;
		*high = sum > *high ? sum : *high;
		return;
	}
	c = answers[at];
	if (strchr("LWXP", c) || strchr("TED", c) || (c == '.' && may >> at & 1))
		worlds(answers, may, at + 1, sum + worth[at], low, high);
	if (!strchr("LWXP", c))
		worlds(answers, may, at + 1, sum, low, high);
}

static bool open_lists(const char *answers, source_set may)
{
	for (int i = 0; i < API; i++)
		if (answers[i] == '.' && may & SOURCE_BIT(i))
			return true;
	return false;
}

static struct verdict imagined(const char *answers, enum origin origin, source_set may)
{
	struct verdict v = { .low = 1000, .high = -1000, .tier = -1 };
	bool checked = strchr("LNWwX", answers[API]) || conf.check == CHECK_NEVER;
	bool somebody = strchr("LN", answers[ONE]) || strchr("LN", answers[TWO]) ||
			strchr("LNWwXPp", answers[API]);

	if (origin == AMBIGUOUS && conf.check == CHECK_UNDECIDED && answers[API] == '.' &&
	    answers[ONE] != 'L' && answers[TWO] != 'L' && !open_lists(answers, may))
		may &= ~SOURCE_BIT(API); /* by policy not worth a call: counts 0 */
	worlds(answers, may, 0, 0, &v.low, &v.high);
	if (strchr("Ww", answers[API])) {
		v.low = v.low < 0 ? v.low : 0;
		v.high = v.high < 0 ? v.high : 0;
	}
	if (v.low >= 3)
		v.tier = v.low >= 10 && origin != AMBIGUOUS && checked && answers[API] != 'X';
	v.kind = v.low >= 3 ? V_CONFIRMED : v.high < 3 && somebody ? V_CLEAN : V_UNKNOWN;
	return v;
}

/* Would kind or tier be another one if AbuseIPDB said this instead of that? */
static bool api_decides(const char *answers, enum origin origin)
{
	struct verdict first = { 0 };
	char other[NSOURCES + 1];

	memcpy(other, answers, sizeof(other));
	for (const char *c = "LNWwX"; *c; c++) {
		struct verdict v;

		other[API] = *c;
		v = imagined(other, origin, 0);
		if (*c == 'L')
			first = v;
		else if (v.kind != first.kind || v.tier != first.tier)
			return true;
	}
	return false;
}

static source_set imagined_ask(const char *answers, enum origin origin, source_set may, int tier)
{
	bool evidence = answers[ONE] == 'L' || answers[TWO] == 'L';
	source_set ask = 0;

	for (int i = 0; i < API; i++)
		if (answers[i] == '.')
			ask |= SOURCE_BIT(i) & may;
	if (ask || !(may & SOURCE_BIT(API)) || !strchr(".Pp", answers[API]) ||
	    conf.check == CHECK_NEVER)
		return ask;
	if (conf.check == CHECK_ALWAYS)
		return SOURCE_BIT(API);
	if (origin == AMBIGUOUS && !evidence)
		return 0;
	if (answers[API] != '.') /* the answer to a report: the check only if a tier is reached */
		return tier >= 0 ? SOURCE_BIT(API) : 0;
	return api_decides(answers, origin) ? SOURCE_BIT(API) : 0;
}

static void agree(const char *answers, enum origin o, source_set may)
{
	struct verdict v = weigh(answers, o, may), w = imagined(answers, o, may);

	w.ask = imagined_ask(answers, o, may, w.tier);
	if (v.low != w.low || v.high != w.high || v.tier != w.tier || v.kind != w.kind ||
	    v.ask != w.ask)
		fail_msg("%s, origin %d, may %llx, check %d: %d..%d tier %d kind %d ask %llx, "
			 "expected %d..%d tier %d kind %d ask %llx",
			 answers, o, (unsigned long long)may, conf.check, v.low, v.high, v.tier,
			 v.kind, (unsigned long long)v.ask, w.low, w.high, w.tier, w.kind,
			 (unsigned long long)w.ask);
}

TEST(all_combinations_with_unasked_sources_agree_with_all_the_worlds_they_allow)
{
	static const char letters[] = "LNTEDQS.", of_api[] = "LNTEDQS.WwXPp";
	char answers[NSOURCES + 1] = "";

	for (int i = 0; i < 8 * 8 * 8 * 13; i++) {
		answers[ONE] = letters[i % 8];
		answers[TWO] = letters[i / 8 % 8];
		answers[ALLOW] = letters[i / 64 % 8];
		answers[API] = of_api[i / 512];
		for (enum origin o = BY_HAND; o <= SURE; o++)
			for (source_set may = 0; may < 1 << NSOURCES; may++)
				for (int check = CHECK_UNDECIDED; check <= CHECK_NEVER; check++) {
					conf.check = (enum check_policy)check;
					agree(answers, o, may);
				}
	}
	conf.check = CHECK_UNDECIDED;
}

TEST(an_answer_never_widens_the_interval)
{
	static const char letters[] = "LNT";
	char answers[NSOURCES + 1] = "";

	for (int i = 0; i < 3 * 3 * 3 * 3; i++) {
		for (int k = 0, rest = i; k < NSOURCES; k++, rest /= 3)
			answers[k] = letters[rest % 3];
		for (int k = 0; k < NSOURCES; k++) {
			struct verdict with = weigh(answers, SURE, 0), without;
			char was = answers[k];

			answers[k] = 'T';
			without = weigh(answers, SURE, 0);
			answers[k] = was;
			assert_true(without.low <= with.low && with.high <= without.high);
			assert_true(with.low <= with.high);
		}
	}
}

TEST(without_tiers_or_sources_nobody_is_confirmed)
{
	struct conf none = { .abuseipdb = -1 };
	struct verdict v;

	verdict_weigh(&none, NULL, SURE, 0, &v);
	assert_int_equal(v.kind, V_UNKNOWN);
	assert_int_equal(v.tier, -1);
}

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

/* The letters of data/unit/verdict.tsv */
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

#define ORIGINS "by_hand ambiguous sure"
#define SETS	"none free paid all two+allow"
enum { FREE = 1 << ONE | 1 << TWO | 1 << ALLOW, PAID = 1 << API, ALL = FREE | PAID };

static struct verdict weigh(const char *answers, enum origin origin, source_set may_ask)
{
	struct finding f[NSOURCES];
	struct verdict v;

	for (int i = 0; i < NSOURCES; i++)
		finding_of(answers[i], i, &f[i]);
	verdict_weigh(&conf, f, origin, may_ask, &v);
	return v;
}

ROWS(cases_are_weighed_as_their_row_says)
{
	enum origin origin = (enum origin)row_choice(row, "origin", ORIGINS);
	struct verdict v = weigh(row_text(row, "answers"), origin, 0);

	assert_int_equal(v.kind, row_choice(row, "verdict", "unknown clean confirmed"));
	assert_int_equal(v.low, row_number(row, "low"));
	assert_int_equal(v.high, row_number(row, "high"));
	assert_string_equal(v.tier < 0 ? "none" : conf.tiers[v.tier].name,
			    row_has(row, "tier") ? row_text(row, "tier") : "none");
	assert_int_equal(v.ask, 0);
}

ROWS(what_is_asked_is_what_can_still_change_the_outcome)
{
	static const source_set sets[] = { 0, FREE, PAID, ALL,
					   SOURCE_BIT(TWO) | SOURCE_BIT(ALLOW) };
	enum origin origin = (enum origin)row_choice(row, "origin", ORIGINS);
	source_set may = sets[row_choice(row, "may", SETS)];

	assert_int_equal(weigh(row_text(row, "answers"), origin, may).ask,
			 sets[row_choice(row, "asked", SETS)]);
}

TEST(when_abuseipdb_is_asked_is_a_setting)
{
	conf.check = CHECK_NEVER;
	assert_int_equal(weigh("NNN.", SURE, ALL).ask, 0);
	assert_int_equal(weigh("LLN.", BY_HAND, ALL).tier, 0);
	conf.check = CHECK_ALWAYS;
	assert_int_equal(weigh("NNN.", AMBIGUOUS, ALL).ask, PAID);
	conf.check = CHECK_UNDECIDED;
}

/*
 * Written in another way: each silent source is let answer everything it could, and the sums of all
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

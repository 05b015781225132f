/* SPDX-License-Identifier: MIT */
/* test_verdict.c - every combination of answers, against a second calculation written apart */
#include "reputation/verdict.h"
#include "unit.h"

enum { ONE, TWO, ALLOW, FEED, DOWNLOAD, API, NSOURCES };
static struct conf_source sources[NSOURCES] = {
	{ .name = "one", .points = { .nfields = 4 }, .most = 3 },
	{ .name = "two", .points = { .nfields = 4 }, .most = 3 },
	{ .name = "allow", .points = { .nfields = 4 }, .least = -4 },
	{ .type = SOURCE_FEED, .name = "feed", .format = FEED_PLAIN, .most = 3 },
	{ .type = SOURCE_FEED, .name = "download", .format = FEED_ABUSEIPDB, .most = 3 },
	{ .type = SOURCE_ABUSEIPDB, .name = "abuseipdb", .costs = true, .most = 10 },
};
static int worth[NSOURCES] = { 3, 3, -4, 3, 3, 10 };
static struct conf conf = { .ntiers = 2,
			    .tiers = { { "known", 3, 86400 }, { "notorious", 10, 31536000 } },
			    .nsources = NSOURCES,
			    .sources = sources,
			    .abuseipdb = API };

/* The letters of data/unit/verdict.tsv */
static void finding_of(char c, int row, struct finding *f)
{
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

static void feeds_are_worth(int feed, int download)
{
	worth[FEED] = sources[FEED].most = feed;
	worth[DOWNLOAD] = sources[DOWNLOAD].most = download;
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

/* The list "two" is that of the fleet. A pardon of it is worth -100. */
ROWS(what_is_published_rests_on_no_feed_and_no_other_host)
{
	enum origin origin = (enum origin)row_choice(row, "origin", ORIGINS);
	struct finding f[NSOURCES];
	struct verdict v;

	for (int i = 0; i < NSOURCES; i++)
		finding_of(row_text(row, "answers")[i], i, &f[i]);
	if (row_yes(row, "pardoned"))
		f[TWO].points = -100;
	conf.fleet_list = TWO;
	verdict_weigh_own(&conf, f, origin, 0, &v);
	conf.fleet_list = -1;
	assert_int_equal(v.kind, row_choice(row, "verdict", "unknown clean confirmed"));
	assert_string_equal(v.tier < 0 ? "none" : conf.tiers[v.tier].name,
			    row_has(row, "tier") ? row_text(row, "tier") : "none");
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
	assert_int_equal(weigh("NNNSS.", SURE, ALL).ask, 0);
	assert_int_equal(weigh("LLNSS.", BY_HAND, ALL).tier, 0);
	conf.check = CHECK_ALWAYS;
	assert_int_equal(weigh("NNNSS.", AMBIGUOUS, ALL).ask, PAID);
	conf.check = CHECK_UNDECIDED;
}

/*
 * Written in another way: each silent source is let answer everything it could, and the scores of
 * all those worlds bound the score. A veto or a cap is only what an answer said. AbuseIPDB and its
 * download are a pair: while it has not answered the download speaks for it.
 */
struct world {
	int score;
	bool lists, feed, abuseipdb, allowed;
};

static bool is_silent(char c, bool may)
{
	return strchr("TED", c) || (c == '.' && may);
}

static void end_world(const struct world *world, int *low, int *high)
{
	int score = world->score;

	if (world->allowed && world->lists + world->feed + world->abuseipdb < 2 && score > 0)
		score = 0;
	*low = score < *low ? score : *low;
	*high = score > *high ? score : *high;
}

static void pair_worlds(const char *answers, source_set may, struct world world, int *low,
			int *high)
{
	int download = answers[DOWNLOAD] == 'L' ? worth[DOWNLOAD] : 0;
	struct world other = world;

	if (strchr("LNWwXPp", answers[API]))
		download = 0;
	if (strchr("LWXP", answers[API])) {
		world.score += worth[API];
		world.abuseipdb = true;
	} else {
		world.score += download;
		world.abuseipdb = download > 0;
	}
	end_world(&world, low, high);
	if (!is_silent(answers[API], may >> API & 1))
		return;
	other.score += download > worth[API] ? download : worth[API];
	other.abuseipdb = true;
	end_world(&other, low, high);
}

static void worlds(const char *answers, source_set may, int at, struct world world, int *low,
		   int *high)
{
	char c = answers[at];

	if (at == DOWNLOAD) {
		pair_worlds(answers, may, world, low, high);
		return;
	}
	if (c != 'L')
		worlds(answers, may, at + 1, world, low, high);
	if (c != 'L' && (at == FEED || !is_silent(c, may >> at & 1)))
		return;
	world.score += worth[at];
	world.lists |= at == ONE || at == TWO;
	world.feed |= at == FEED;
	world.allowed |= at == ALLOW;
	worlds(answers, may, at + 1, world, low, high);
}

static bool has_evidence(const char *answers)
{
	return answers[ONE] == 'L' || answers[TWO] == 'L' || answers[FEED] == 'L' ||
	       (answers[DOWNLOAD] == 'L' && !strchr("LNWwXPp", answers[API]));
}

static struct verdict imagined(const char *answers, enum origin origin, source_set may)
{
	struct verdict v = { .low = 1000, .high = -1000, .tier = -1 };
	bool checked = strchr("LNWwX", answers[API]) || conf.check == CHECK_NEVER;
	bool answered = strchr("LNWwXPp", answers[API]) != NULL;
	bool allowed = answers[ALLOW] == 'L' || is_silent(answers[ALLOW], may >> ALLOW & 1);
	bool accused = answers[ONE] == 'L' || answers[TWO] == 'L' || strchr("LXP", answers[API]);
	bool somebody = answered || strchr("LN", answers[ONE]) || strchr("LN", answers[TWO]) ||
			strchr("LN", answers[FEED]) || strchr("LN", answers[DOWNLOAD]);
	int firm;

	worlds(answers, may, 0, (struct world){ 0 }, &v.low, &v.high);
	if (strchr("Ww", answers[API])) {
		v.low = v.low < 0 ? v.low : 0;
		v.high = v.high < 0 ? v.high : 0;
	}
	firm = v.low - (answers[DOWNLOAD] == 'L' && !answered ? worth[DOWNLOAD] : 0);
	if (v.low >= 3)
		v.tier = firm >= 10 && origin != AMBIGUOUS && checked && answers[API] != 'X' &&
			 !allowed && accused;
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
	source_set ask = 0;

	for (int i = 0; i < FEED; i++)
		if (answers[i] == '.')
			ask |= SOURCE_BIT(i) & may;
	if (ask || !(may & SOURCE_BIT(API)) || !strchr(".Pp", answers[API]) ||
	    conf.check == CHECK_NEVER)
		return ask;
	if (conf.check == CHECK_ALWAYS)
		return SOURCE_BIT(API);
	if (answers[API] != '.') /* the answer to a report: the check only if a tier is reached */
		return tier >= 0 ? SOURCE_BIT(API) : 0;
	return api_decides(answers, origin) ? SOURCE_BIT(API) : 0;
}

static void agree(const char *answers, enum origin o, source_set may)
{
	struct verdict v = weigh(answers, o, may), w = imagined(answers, o, may);

	w.ask = imagined_ask(answers, o, may, w.tier);
	w.spare = w.ask & SOURCE_BIT(API) && conf.check == CHECK_UNDECIDED && o == AMBIGUOUS &&
		  !has_evidence(answers);
	if (v.low != w.low || v.high != w.high || v.tier != w.tier || v.kind != w.kind ||
	    v.ask != w.ask || v.spare != w.spare)
		fail_msg("%s, origin %d, may %llx, check %d: %d..%d tier %d kind %d ask %llx, "
			 "expected %d..%d tier %d kind %d ask %llx",
			 answers, o, (unsigned long long)may, conf.check, v.low, v.high, v.tier,
			 v.kind, (unsigned long long)v.ask, w.low, w.high, w.tier, w.kind,
			 (unsigned long long)w.ask);
}

static void all_agree(const char *answers)
{
	for (enum origin o = BY_HAND; o <= SURE; o++)
		for (source_set may = 0; may <= ALL; may++)
			for (int check = CHECK_UNDECIDED; check <= CHECK_NEVER; check++) {
				if (may & (SOURCE_BIT(FEED) | SOURCE_BIT(DOWNLOAD)))
					continue;
				conf.check = (enum check_policy)check;
				agree(answers, o, may);
			}
	conf.check = CHECK_UNDECIDED;
}

TEST(all_combinations_with_unasked_sources_agree_with_all_the_worlds_they_allow)
{
	static const char letters[] = "LNTEDQS.", of_api[] = "LNTEDQS.WwXPp";
	char answers[] = "...SS.";

	for (int i = 0; i < 8 * 8 * 8 * 13; i++) {
		answers[ONE] = letters[i % 8];
		answers[TWO] = letters[i / 8 % 8];
		answers[ALLOW] = letters[i / 64 % 8];
		answers[API] = of_api[i / 512];
		all_agree(answers);
	}
}

static void feeds_agree(int feed, int download)
{
	static const char letters[] = "LNTS.", of_feed[] = "LNS.", of_api[] = "LNTS.WwXPp";
	char answers[] = "N.....";

	feeds_are_worth(feed, download);
	for (int i = 0; i < 5 * 5 * 4 * 4 * 10; i++) {
		answers[TWO] = letters[i % 5];
		answers[ALLOW] = letters[i / 5 % 5];
		answers[FEED] = of_feed[i / 25 % 4];
		answers[DOWNLOAD] = of_feed[i / 100 % 4];
		answers[API] = of_api[i / 400];
		all_agree(answers);
	}
	feeds_are_worth(3, 3);
}

TEST(all_combinations_with_feeds_agree_with_all_the_worlds_they_allow)
{
	feeds_agree(3, 3);
	feeds_agree(2, 11);
	feeds_agree(10, 2);
	feeds_agree(20, 20);
}

TEST(a_feed_reaches_a_higher_tier_only_with_a_source_of_another_kind)
{
	feeds_are_worth(1000, 1000);
	conf.check = CHECK_NEVER;
	assert_int_equal(weigh("NNNLLS", SURE, 0).tier, 0);
	assert_int_equal(weigh("LNNLNS", SURE, 0).tier, 1);
	assert_int_equal(weigh("LNNNLS", SURE, 0).tier, 0);
	assert_int_equal(weigh("LNNLNS", AMBIGUOUS, 0).tier, 0);
	assert_int_equal(weigh("LNLLNS", SURE, 0).tier, 0);
	conf.check = CHECK_UNDECIDED;
	assert_int_equal(weigh("LNNLNS", SURE, 0).tier, 0);
	assert_int_equal(weigh("LNNLNN", SURE, 0).tier, 1);
	feeds_are_worth(3, 3);
}

TEST(the_check_of_an_ambiguous_line_is_spare_unless_a_list_or_feed_names_it)
{
	assert_true(weigh("NNNNN.", AMBIGUOUS, ALL).spare);
	assert_true(weigh("NNNNNP", AMBIGUOUS, ALL).spare);
	assert_false(weigh("NNNNN.", SURE, ALL).spare);
	assert_false(weigh("NNNNN.", BY_HAND, ALL).spare);
	assert_false(weigh("LNNNN.", AMBIGUOUS, ALL).spare);
	assert_false(weigh("NNNLN.", AMBIGUOUS, ALL).spare);
	assert_false(weigh("NNNNL.", AMBIGUOUS, ALL).spare);
	assert_false(weigh(".NNNN.", AMBIGUOUS, ALL).spare);
}

TEST(an_answer_never_widens_the_interval)
{
	static const char letters[] = "LNT";
	char answers[] = "NNNLSN";

	for (int i = 0; i < 3 * 3 * 3 * 3; i++) {
		answers[ONE] = letters[i % 3];
		answers[TWO] = letters[i / 3 % 3];
		answers[ALLOW] = letters[i / 9 % 3];
		answers[API] = letters[i / 27];
		for (int k = 0; k < NSOURCES; k++) {
			if (k == FEED || k == DOWNLOAD)
				continue;
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

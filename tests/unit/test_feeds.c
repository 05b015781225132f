/* SPDX-License-Identifier: MIT */
/* test_feeds.c - what the compiled file says of an address, and what guard and gate make of it */
#include "reputation/feeds.h"
#include "place.h"
#include "reputation/gate.h"
#include "reputation/guard.h"
#include "reputation/lookup.h"
#include <iprep.h>
#include <unistd.h>

#define HOUR 3600
#define CONF                                                                               \
	"[tier known]\nthreshold = 3\nbantime = 1d\n"                                      \
	"[tier notorious]\nthreshold = 10\nbantime = 365d\n"                               \
	"[allow]\naddresses = home.example.org\nspf = example.com\n"                       \
	"[feed plain]\nfile = /x/plain\nformat = plain\npoints = *3\nenabled = yes\n"      \
	"[feed ipsum]\nfile = /x/ipsum\nformat = ipsum\npoints = [3..255]*3\nevery = 1d\n" \
	"enabled = yes\n"                                                                  \
	"[feed abuse]\nfile = /x/abuse\nformat = abuseipdb\npoints = *10\nenabled = yes\n" \
	"[dnsbl zen]\nzone = zen.test\npoints = *3\n"
enum { PLAIN, IPSUM, ABUSE, ZEN, NSOURCES };

static struct session session;
static struct finding found[NSOURCES + 1];
static int nwarnings;

static void count_warning(void *user, int priority, const char *line)
{
	(void)user;
	(void)line;
	nwarnings += priority == LOG_WARNING;
}

static const struct log counted = { .fn = count_warning, .max_priority = LOG_WARNING };

static void configure(const char *text)
{
	place.conf = conf_free(place.conf);
	place_write("iprep.conf", text, strlen(text), 0600);
	assert_ok(conf_load(place_path("iprep.conf"), false, &place.conf, &place.error));
	snprintf(place.conf->state, sizeof(place.conf->state), "%s", place_path("iprep.db"));
	session.conf = place.conf;
}

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	nwarnings = 0;
	session = (struct session){ .clock = place_clock,
				    .err = &place.error,
				    .log = &counted,
				    .feeds = feeds_new(),
				    .auth_mark = "" };
	configure(CONF);
	assert_int_equal(place.conf->nsources, NSOURCES);
	return 0;
}

static int tear_down(void **state)
{
	char path[FEED_PATH_MAX];

	session.feeds = feeds_free(session.feeds);
	unlink(feed_table_path(place.conf->state, path));
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

/* One list with these networks, separated by blanks, is added to the file. */
static void compile(enum feed_kind kind, const char *name, uint64_t identity, const char *nets,
		    int number)
{
	struct feed_change change = { .list = { .kind = kind, .identity = identity } };
	struct feed_entries *entries = feed_entries_new();
	struct feed_list wanted[8] = { 0 };
	const struct feed_table *old;
	char path[FEED_PATH_MAX], text[256], *rest = text, *net;
	size_t count;

	feeds_refresh(&session);
	old = feeds_table(&session);
	count = feed_table_lists(old);
	for (size_t i = 0; i < count; i++)
		feed_table_list(old, i, &wanted[i]);
	snprintf(change.list.name, sizeof(change.list.name), "%s", name);
	change.list.good_at = place.now;
	wanted[count++] = change.list;
	snprintf(text, sizeof(text), "%s", nets);
	while ((net = strtok_r(rest, " ", &rest))) {
		struct prefix prefix;

		assert_true(prefix_parse(net, &prefix));
		assert_true(feed_entries_add(entries, &prefix, number));
	}
	feed_entries_sort(entries);
	change.entries = entries;
	assert_ok(feed_table_write(feed_table_path(place.conf->state, path), old, wanted, count,
				   &change, place.now, &place.error));
	feed_entries_free(entries);
	feeds_refresh(&session);
}

static void compile_feed(int row, const char *nets, int number)
{
	const struct conf_source *source = &place.conf->sources[row];

	compile(FEED_LIST, source->name, feed_identity(source), nets, number);
}

static void compile_name(enum feed_kind kind, const char *name, const char *nets)
{
	compile(kind, name, feed_name_identity(name), nets, 1);
}

static const struct finding *find(const char *address, int row)
{
	struct addr addr = addr_of(address);

	memset(found, 0, sizeof(found));
	feeds_find(&session, &addr, found);
	assert_int_equal(found[ZEN].status, FINDING_NONE);
	return &found[row];
}

static void assert_found(const char *address, int row, bool listed, int points)
{
	const struct finding *finding = find(address, row);

	assert_int_equal(finding->status, FINDING_OK);
	assert_int_equal(finding->listed, listed);
	assert_int_equal(finding->points, points);
	assert_int_equal(finding->expires_at, 0);
	assert_true(finding->trusted);
}

TEST(without_a_file_each_feed_is_left_out_and_says_so)
{
	assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
	assert_string_equal(found[PLAIN].detail, "no download yet");
	assert_int_equal(found[ABUSE].status, FINDING_SKIPPED);
	session.feeds = feeds_free(session.feeds);
	assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
	assert_int_equal(nwarnings, 0);
}

static void take_row(void *user, const struct iprep_source *source)
{
	if (strcmp(source->name, "plain") != 0)
		return;
	*(bool *)user = true;
	assert_int_equal(source->state, IPREP_SRC_UNKNOWN);
	assert_string_equal(source->why, "not known without access to the state");
}

TEST(without_the_state_a_feed_is_not_known)
{
	static const char text[] = "[feed plain]\nfile = /x\npoints = *3\nenabled = yes\n"
				   "[abuseipdb]\nkey_file =\n";
	struct addr addr = addr_of("45.1.1.1");
	struct iprep_ctx *ctx = NULL;
	bool passed = true, taken = false;
	void *feeds = session.feeds;

	session.feeds = NULL;
	feeds_find(&session, &addr, found);
	session.feeds = feeds;
	assert_string_equal(found[PLAIN].detail, "not known without access to the state");
	place_write("iprep.conf", text, strlen(text), 0600);
	assert_ok(iprep_new(&ctx));
	assert_ok(iprep_load_config(ctx, place_path("iprep.conf")));
	assert_ok(iprep_test_sources(ctx, IPREP_NO_STATE, 0, take_row, &taken, &passed));
	assert_true(taken);
	assert_false(passed);
	iprep_free(ctx);
}

TEST(an_address_and_its_network_are_listed_with_what_the_number_is_worth)
{
	compile_feed(PLAIN, "45.1.1.1 45.2.0.0/16 2600:1::/32", 1);
	compile_feed(IPSUM, "45.1.1.1", 2);
	assert_found("45.1.1.1", PLAIN, true, 3);
	assert_found("45.1.1.1", IPSUM, true, 0); /* on two lists only */
	assert_found("45.1.1.2", PLAIN, false, 0);
	assert_found("2600:1::9", PLAIN, true, 3);
	assert_found("45.2.255.255", PLAIN, true, 3);
	assert_has(found[PLAIN].detail, "45.2.0.0/16");
	assert_has(found[PLAIN].detail, "2026-11-23 09:29 UTC");
	assert_int_equal(found[PLAIN].answered_at, place.now);
}

TEST(a_feed_that_is_too_old_or_of_the_future_gives_nothing)
{
	compile_feed(PLAIN, "45.1.1.1", 1);
	compile_feed(IPSUM, "45.1.1.1", 9);
	place.now += 24 * HOUR;
	assert_found("45.1.1.1", PLAIN, true, 3);
	place.now++;
	assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
	assert_has(found[PLAIN].detail, "too old");
	assert_found("45.1.1.1", IPSUM, true, 3); /* every = 1d */
	place.now -= 48 * HOUR + 2;
	assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
}

TEST(a_feed_of_another_name_or_place_is_not_this_one)
{
	const struct conf_source *plain = &place.conf->sources[PLAIN];

	compile(FEED_LIST, "other", feed_identity(plain), "45.1.1.1", 1);
	compile(FEED_LIST, "plain", feed_identity(plain) + 1, "45.1.1.1", 1);
	compile(FEED_SPF, "plain", feed_identity(plain), "45.1.1.1", 1);
	assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
}

TEST(a_damaged_file_is_none_and_warned_of_once)
{
	place_write("iprep.db-feeds", "45.1.1.1\n", 9, 0600);
	for (int i = 0; i < 3; i++) {
		feeds_refresh(&session);
		assert_int_equal(find("45.1.1.1", PLAIN)->status, FINDING_SKIPPED);
	}
	assert_int_equal(nwarnings, 1);
	unlink(place_path("iprep.db-feeds"));
	compile_feed(PLAIN, "45.1.1.1", 1);
	assert_found("45.1.1.1", PLAIN, true, 3);
}

TEST(a_file_that_takes_the_place_of_another_is_read)
{
	compile_feed(PLAIN, "45.1.1.1", 1);
	assert_found("45.1.1.2", PLAIN, false, 0);
	compile_feed(PLAIN, "45.1.1.2", 1);
	assert_found("45.1.1.2", PLAIN, true, 3);
}

TEST(a_download_gives_no_points_once_abuseipdb_has_answered)
{
	assert_ok(conf_enable_abuseipdb(place.conf));
	compile_feed(PLAIN, "45.1.1.1", 1);
	compile_feed(ABUSE, "45.1.1.1", 100);
	assert_found("45.1.1.1", ABUSE, true, 10);
	feeds_defer(&session, found);
	assert_int_equal(found[ABUSE].points, 10);
	found[place.conf->abuseipdb].status = FINDING_OK;
	feeds_defer(&session, found);
	feeds_defer(&session, found);
	assert_int_equal(found[ABUSE].points, 0);
	assert_int_equal(found[PLAIN].points, 3);
	assert_has(found[ABUSE].detail, "; AbuseIPDB has answered itself");
}

/* ---- [allow] ---- */

static const char *guarded(const char *address)
{
	struct addr addr = addr_of(address);

	return guard_check_in_hook(&session, &addr);
}

TEST(what_an_allowed_host_name_resolved_to_is_guarded)
{
	compile_name(FEED_HOST, "home.example.org", "45.1.1.1 2600:1:2:3::4");
	compile_name(FEED_HOST, "away.example.org", "45.1.1.2"); /* not allowed any more */
	compile_feed(PLAIN, "45.1.1.3", 1);
	assert_non_null(guarded("45.1.1.1"));
	assert_non_null(guarded("2600:1:2:3::4"));
	assert_null(guarded("45.1.1.2"));
	assert_null(guarded("45.1.1.3"));
	session.feeds = feeds_free(session.feeds);
	assert_null(guarded("45.1.1.1"));
}

TEST(a_network_of_the_key_with_an_allowed_name_is_not_blocked_as_a_whole)
{
	struct addr key = addr_of("2600:1:2:3::");
	struct prefix net = { key, 64 }, next = { addr_of("2600:1:2:4::"), 64 };

	place.conf->ipv6_prefix = 64;
	compile_name(FEED_HOST, "home.example.org", "2600:1:2:3::4");
	compile_name(FEED_SPF, "example.com", "2600:9::/32");
	assert_non_null(guard_check_inside(&session, &net));
	assert_null(guard_check_inside(&session, &next));
	assert_true(guard_allows_key(&session, &key));
	assert_false(guard_allows_key(&session, &next.addr));
	net = (struct prefix){ addr_of("2600:9:1:1::"), 64 };
	assert_non_null(guard_check_inside(&session, &net));
}

static int counts(const char *address, bool names)
{
	struct gate_line line = {
		.addr = addr_of(address), .jail = "x", .names = names, .user = names ? "root" : NULL
	};
	bool count, wake;

	line.user_len = names ? 4 : 0;
	assert_ok(gate_ask(&session, &line, &count, &wake));
	return count;
}

static bool is_blocked(const char *text)
{
	struct prefix prefix;
	bool blocked;
	int tier;

	assert_true(prefix_parse(text, &prefix));
	assert_ok(gate_is_blocked(&session, &prefix, &blocked, &tier));
	return blocked;
}

TEST(a_mail_server_of_an_allowed_domain_gets_no_extended_ban)
{
	struct lookup *lookup;
	struct addr addr = addr_of("45.1.1.1");

	assert_ok(place_open(STORE_WORK));
	session.store = place.store;
	compile_feed(PLAIN, "45.1.1.1 45.1.2.1", 1);
	place_put_block("45.1.1.1", place.now + HOUR);
	assert_true(is_blocked("45.1.1.1"));
	assert_int_equal(counts("45.1.2.1", false), 1);
	compile_name(FEED_SPF, "example.com", "45.1.0.0/16");
	assert_false(is_blocked("45.1.1.1"));
	assert_int_equal(counts("45.1.1.1", false), 0);
	assert_int_equal(counts("45.1.2.1", false), 0);
	assert_null(guarded("45.1.1.1")); /* reports stay */
	assert_ok(lookup_new(&session, &addr, SURE, 0, &lookup));
	assert_int_equal(lookup->verdict.kind, V_EXEMPT);
	assert_string_equal(lookup->exempt, "sends mail for example.com (SPF)");
	lookup_free(lookup);
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts("45.1.1.1", true), 0); /* one name */
}

/* SPDX-License-Identifier: MIT */
/* test_conf.c - iprep.conf: what is taken, and what is refused with its file and line */
#include "conf/conf.h"
#include "place.h"
#include <sys/stat.h>
#include <unistd.h>

#define CONF place_path("iprep.conf")
#define TIER "[tier known]\nthreshold=3\nbantime=1d\n"

static void put(const char *name, const char *text)
{
	place_write(name, text, strlen(text), 0644);
}

/* Of a conf of the test: NULL, or the message. */
static const char *try_load(struct conf **ret, int code)
{
	*ret = NULL;
	if (!conf_load(CONF, false, ret, &place.error))
		return NULL;
	assert_null(*ret);
	assert_int_equal(place.error.code, code);
	return place.error.text;
}

/* It is place.conf until the next one. */
static struct conf *load(void)
{
	struct conf *c;
	const char *message = try_load(&c, IPREP_E_CONFIG);

	if (message)
		fail_msg("%s", message);
	conf_free(place.conf);
	place.conf = c;
	return c;
}

static struct conf *load_text(const char *text)
{
	put("iprep.conf", text);
	return load();
}

/* The message is the file's path and what follows. */
static void assert_refused(const char *name, int code, const char *says)
{
	const char *path = place_path(name);
	struct conf *c;
	const char *message = try_load(&c, code);

	if (!message)
		fail_msg("taken");
	if (strncmp(message, path, strlen(path)) ||
	    strncmp(message + strlen(path), says, strlen(says)))
		fail_msg("expected \"%s\", got \"%s\"", says, message);
}

static void refuse_text(const char *text, const char *says)
{
	put("iprep.conf", text);
	assert_refused("iprep.conf", IPREP_E_CONFIG, says);
}

FIXTURE(place_set_up, place_tear_down);

ROWS(a_mistake_is_said_with_file_and_line)
{
	place_write("iprep.conf", row_text(row, "file"), row_length(row, "file"), 0644);
	assert_refused("iprep.conf", IPREP_E_CONFIG, row_text(row, "says"));
}

ROWS(values_are_held_to_their_type_and_bounds)
{
	const char *section = row_text(row, "section"), *key = row_text(row, "key");
	const char *says = row_text(row, "says"), *message;
	char text[400], start[200];
	struct conf *c;

	snprintf(text, sizeof(text), "[%s]\n%s = %s\n", section, key, row_text(row, "value"));
	put("iprep.conf", text);
	message = try_load(&c, IPREP_E_CONFIG);
	if (says) {
		snprintf(start, sizeof(start), "%s:2: [%s] %s: \"", CONF, section, key);
		assert_has(message, start);
		assert_has(message, says);
	} else if (message) {
		fail_msg("%s", message);
	}
	conf_free(c);
}

ROWS(blanks_line_ends_and_comments_do_not_matter)
{
	struct conf *c = load_text(row_text(row, "file"));

	assert_int_equal(c->timeout_ms, 700);
}

ROWS(indented_lines_continue_a_value)
{
	struct conf *c = load_text(row_text(row, "file"));

	assert_string_equal(c->comment, "one two three");
}

TEST(addresses_and_points_go_on_in_indented_lines)
{
	struct conf *c = load_text(
		"[allow]\naddresses = 192.0.2.1,\n  # the office\n  2001:db8::/32\n"
		"\t198.51.100.0/24\n[abuseipdb]\npoints =\n  [90..99]*3\n  100*10\n");

	assert_int_equal(c->nallow, 3);
	assert_int_equal(c->allow[2].net.bits, 32);
	assert_int_equal(c->api_points.nentries, 2);
}

/* Writes the head and then n pieces, each with its number twice. */
static void put_many(const char *head, const char *piece, int n)
{
	FILE *fp = fopen(CONF, "w");

	assert_non_null(fp);
	fputs(head, fp);
	for (int i = 1; i <= n; i++)
		for (const char *c = piece; *c; c++)
			if (*c == '#')
				fprintf(fp, "%02d", i);
			else
				fputc(*c, fp);
	fclose(fp);
}

TEST(as_many_fit_as_may_be_given_and_one_more_is_refused)
{
	static const struct {
		const char *head, *piece;
		int fit;
		const char *says;
	} rows[] = {
		{ "", "[tier t#]\nthreshold = #\nbantime = 60\n", TIERS_MAX, "more than 16 tiers" },
		{ "", "[dnsbl l#]\nzone = z#\npoints = *1\n", SOURCES_MAX - 1,
		  "more than 62 lists and feeds" },
	};
	struct conf *c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		put_many(rows[i].head, rows[i].piece, rows[i].fit);
		c = load();
		assert_int_equal(c->nallow + c->ntiers + c->nsources, rows[i].fit);
		put_many(rows[i].head, rows[i].piece, rows[i].fit + 1);
		assert_has(try_load(&c, IPREP_E_CONFIG), rows[i].says);
	}
}

/* A line of just the limit, and one byte over it; the same for a value of two lines. */
TEST(lines_and_values_have_a_limit)
{
	enum { LIMIT = 4096 };
	static char text[2 * LIMIT];
	int n;

	n = snprintf(text, sizeof(text), "# %*s", LIMIT - 2, "x");
	assert_int_equal(n, LIMIT);
	load_text(text);
	text[n] = 'x';
	refuse_text(text, ":1: line longer than 4096 bytes");
	memset(text, 0, sizeof(text));
	n = sprintf(text, "[report]\ncomment = x\n ");
	memset(text + n, 'x', LIMIT - 2);
	refuse_text(text, ":2: [report] comment: ");
	text[n + LIMIT - 2] = 'x';
	refuse_text(text, ":3: [report] comment: longer than 4096 bytes");
}

TEST(the_longest_comment_is_taken_whole)
{
	char text[300] = "[report]\ncomment = ";
	struct conf *c;

	memset(text + strlen(text), 'x', CONF_TEXT_MAX - 1);
	c = load_text(text);
	assert_int_equal(strlen(c->comment), CONF_TEXT_MAX - 1);
	text[strlen(text)] = 'x';
	refuse_text(text, ":2: [report] comment: ");
}

TEST(tiers_are_in_the_order_of_their_scores)
{
	struct conf *c = load_text(
		"[tier c]\nthreshold=30\nbantime=60\n[tier a]\nthreshold=1\nbantime=2h\n[tier b]\nbantime=1w\nthreshold=7\n");

	assert_int_equal(c->ntiers, 3);
	assert_int_equal(conf_tier_row(c, "a"), 0);
	assert_int_equal(conf_tier_row(c, "b"), 1);
	assert_int_equal(conf_tier_row(c, "c"), 2);
	assert_int_equal(conf_tier_row(c, "d"), -1);
	assert_int_equal(c->tiers[0].bantime_s, 7200);
	assert_int_equal(c->tiers[1].bantime_s, 604800);
}

TEST(lists_stand_in_file_order_and_abuseipdb_last)
{
	struct conf *c = load_text(
		"[dnsbl z]\nzone=z.org\npoints=127.0.0.2*3 127.0.0.3*-1\n"
		"[dnsbl off]\nzone=o.org\npoints=*9\nenabled=no\n"
		"[dnsbl good]\nzone=g.org\npoints=*-4\nenabled=YES\n[abuseipdb]\npoints=[90..100]*6\n");

	assert_int_equal(c->nsources, 2);
	assert_string_equal(c->sources[0].name, "z");
	assert_string_equal(c->sources[0].zone, "z.org");
	assert_int_equal(c->sources[0].least, -1);
	assert_int_equal(c->sources[0].most, 3);
	assert_string_equal(c->sources[1].name, "good");
	assert_int_equal(c->sources[1].most, 0);
	assert_int_equal(c->abuseipdb, -1);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(conf_enable_abuseipdb(c), 0);
		assert_int_equal(c->nsources, 3);
		assert_int_equal(c->abuseipdb, 2);
	}
	assert_int_equal(c->sources[2].type, SOURCE_ABUSEIPDB);
	assert_int_equal(c->sources[2].most, 6);
	assert_true(c->sources[2].costs);
}

ROWS(only_positive_points_can_ever_block)
{
	struct conf *c = load_text(row_text(row, "file"));

	assert_int_equal(conf_gives_points(c), row_yes(row, "gives"));
	assert_int_equal(conf_enable_abuseipdb(c), 0);
	assert_true(conf_gives_points(c));
}

TEST(local_wins_key_by_key_and_adds_sections)
{
	struct conf *c;

	put("iprep.conf",
	    "[general]\ntimeout_ms=700\nipv6_prefix=64\n[report]\nskip_jails=a b c\n[allow]\naddresses=192.0.2.1\n" TIER
	    "[dnsbl a]\nzone=a.org\npoints=*3\n[dnsbl b]\nzone=b.org\npoints=*3\n");
	put("iprep.local",
	    "[general]\ntimeout_ms=900\n[report]\nskip_jails=d\n[allow]\naddresses=\n[tier known]\nthreshold=5\n"
	    "[tier more]\nthreshold=4\nbantime=2d\n[dnsbl a]\nenabled=no\n[dnsbl b]\npoints=*7\n");
	c = load();
	assert_int_equal(c->timeout_ms, 900);
	assert_int_equal(c->ipv6_prefix, 64);
	assert_int_equal(c->nskip_jails, 1);
	assert_false(conf_skips_jail(c, "a"));
	assert_true(conf_skips_jail(c, "d"));
	assert_int_equal(c->nallow, 0);
	assert_int_equal(c->ntiers, 2);
	assert_int_equal(conf_tier_row(c, "known"), 1);
	assert_int_equal(c->tiers[1].bantime_s, 86400);
	assert_int_equal(c->nsources, 1);
	assert_string_equal(c->sources[0].zone, "b.org");
	assert_int_equal(c->sources[0].most, 7);
}

ROWS(a_mistake_in_local_names_the_local_file)
{
	put("iprep.conf", "[general]\ntimeout_ms = 500\n" TIER);
	put("iprep.local", row_text(row, "file"));
	assert_refused("iprep.local", IPREP_E_CONFIG, row_text(row, "says"));
}

ROWS(files_that_others_could_write_are_refused)
{
	static const char *const files[] = { "iprep.conf", "iprep.local" };
	mode_t mode = (mode_t)row_number(row, "mode");
	unsigned user = row_choice(row, "user", "root other") ? SOMEBODY : 0;
	unsigned group = row_choice(row, "group", "root other") ? SOMEBODY : 0;
	char says[80];

	if (geteuid())
		skip();
	snprintf(says, sizeof(says), ": unsafe owner or mode (user %u, mode %03o)", user, mode);
	for (size_t i = 0; i < 2; i++) {
		put("iprep.conf", TIER);
		put("iprep.local", "");
		assert_ok(chown(place_path(files[i]), user, group));
		assert_ok(chmod(place_path(files[i]), mode));
		if (row_yes(row, "safe"))
			load();
		else
			assert_refused(files[i], IPREP_E_PERM, says);
	}
}

static int try_if_there(void)
{
	struct conf *c = NULL;
	int r = conf_load(CONF, true, &c, &place.error);

	assert_int_equal(c ? c->ntiers : 0, 0);
	assert_int_equal(c != NULL, r == 0);
	conf_free(c);
	return r;
}

TEST(what_is_no_readable_file_is_refused)
{
	assert_refused("iprep.conf", IPREP_E_CONFIG, ": No such file");
	assert_ok(try_if_there());
	assert_ok(mkfifo(CONF, 0600));
	assert_refused("iprep.conf", IPREP_E_PERM, ": not a regular file");
	unlink(CONF);
	assert_ok(mkdir(CONF, 0700));
	assert_refused("iprep.conf", IPREP_E_PERM, ": not a regular file");
	rmdir(CONF);
	if (geteuid())
		return;
	place_write("iprep.conf", TIER, strlen(TIER), 0600);
	assert_int_equal(place_call_as_somebody(try_if_there, false), IPREP_E_PERM);
}

ROWS(allowed_addresses_are_found)
{
	struct conf *c = load_text("[allow]\naddresses = 192.0.2.0/24 2a02::/16,45.1.1.1\n");
	struct addr addr = addr_of(row_text(row, "address"));

	assert_int_equal(conf_allowed(c, &addr, 0) != NULL, row_yes(row, "allowed"));
}

ROWS(skipped_jails_are_found)
{
	assert_int_equal(conf_skips_jail(place.conf, row_text(row, "jail")),
			 row_yes(row, "skipped"));
}

ROWS(resolvers_are_addresses_with_or_without_a_port)
{
	const char *address = row_text(row, "address");
	struct resolver resolver = { .port = 7 };
	char text[ADDR_TEXT_MAX];

	assert_int_equal(resolver_parse(row_text(row, "text"), &resolver), address != NULL);
	assert_int_equal(resolver.port, address ? row_number(row, "port") : 7);
	if (address)
		assert_string_equal(addr_text(&resolver.addr, text), address);
}

/* ---- the file we install ---- */

TEST(the_shipped_file_loads_and_differs_from_no_file_in_tiers_and_lists_alone)
{
	static const struct {
		const char *name;
		int most;
	} lists[] = { { "blocklist.de", 3 }, { "dnswl", 0 } };
	char *shipped = file_read(SOURCE_DIR "/fail2ban/iprep.conf");
	struct conf *c = load_text(shipped), *d;

	free(shipped);
	assert_ok(conf_new(&d));
	assert_int_equal(c->ntiers, 2);
	assert_int_equal(c->nsources, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(c->sources[i].name, lists[i].name);
		assert_int_equal(c->sources[i].most, lists[i].most);
	}
	/* what is left over must be the defaults, byte by byte */
	free(c->sources);
	c->sources = NULL;
	c->nsources = c->ntiers = 0;
	memset(c->tiers, 0, sizeof(c->tiers));
	assert_memory_equal(c, d, sizeof(*c));
	conf_free(d);
}

/* SPDX-License-Identifier: MIT */
/* test_allow.c - files of [allow]: what an entry is, what is refused, which one has an address */
#include "conf/allow.h"
#include "conf/lines.h"
#include "base/buf.h"
#include "base/time.h"
#include "place.h"
#include <sys/stat.h>
#include <unistd.h>

/* place.conf with this file, and the addresses of [allow]; NULL, or the message. */
static const char *load(const char *file, size_t len, const char *addresses)
{
	char text[512];
	struct conf *conf;

	if (file)
		place_write("a.list", file, len, 0644);
	snprintf(text, sizeof(text), "[allow]\nfiles = %s\naddresses = %s\n", place_path("*.list"),
		 addresses);
	place_write("iprep.conf", text, strlen(text), 0644);
	if (conf_load(place_path("iprep.conf"), false, &conf, &place.error))
		return place.error.text;
	conf_free(place.conf);
	place.conf = conf;
	return NULL;
}

FIXTURE(place_set_up, place_tear_down);

ROWS(a_line_is_an_entry_or_is_refused)
{
	const char *message = load(row_text(row, "file"), row_length(row, "file"), "");
	const struct conf_allow *entry;
	char text[ADDR_TEXT_MAX], until[TIME_TEXT_MAX];

	if (row_has(row, "says")) {
		assert_has(message, place_path("a.list"));
		assert_has(message, row_text(row, "says"));
		assert_int_equal(place.error.code, IPREP_E_CONFIG);
		return;
	}
	if (message)
		fail_msg("%s", message);
	if (!row_has(row, "entry")) {
		assert_int_equal(place.conf->nallow, 0);
		return;
	}
	assert_int_equal(place.conf->nallow, 1);
	entry = place.conf->allow;
	assert_string_equal(entry->kind == ALLOW_NET ? prefix_text(&entry->net, text) : entry->name,
			    row_text(row, "entry"));
	assert_string_equal(entry->until ? time_text(entry->until, TIME_ISO, until) : "",
			    row_text(row, "until"));
	assert_string_equal(entry->why ? entry->why : "", row_text(row, "why"));
	assert_int_equal(entry->line, row_number(row, "line"));
	assert_string_equal(entry->file, place_path("a.list"));
}

ROWS(the_nearest_network_that_still_counts_has_the_address)
{
	static const char file[] = "45.0.0.0/8 # eight\n45.1.0.0/16 until=2026-11-22 # over\n"
				   "45.1.1.0/24 until=2026-11-23 # today\n45.1.1.7 # one\n"
				   "45.1.1.7 # again\n45.1.2.0/24 # beyond\n2a02::/16 # six\n"
				   "46.0.0.0/16 until=2026-11-22 # all over\n";
	struct addr addr = addr_of(row_text(row, "address"));
	const struct conf_allow *entry;

	assert_null(load(file, strlen(file), "47.1.1.1 host.example"));
	entry = conf_allowed(place.conf, &addr, NOW);
	assert_string_equal(entry ? text_filled(entry->why, "key") : "none", row_text(row, "why"));
}

ROWS(a_network_holds_an_entry_that_counts)
{
	static const char file[] = "45.1.1.7\n2a02:1:2:3::9 until=2026-11-22\n2a02:1:2:4::/64\n";
	struct prefix prefix;

	assert_null(load(file, strlen(file), ""));
	assert_true(prefix_parse(row_text(row, "network"), &prefix));
	assert_int_equal(conf_allowed_inside(place.conf, &prefix, NOW) != NULL,
			 row_yes(row, "holds"));
}

TEST(an_entry_counts_to_the_end_of_its_day)
{
	static const char file[] = "45.1.1.1 until=2026-11-23\n";
	struct addr addr = addr_of("45.1.1.1");
	int64_t end;

	assert_null(load(file, strlen(file), ""));
	assert_true(time_parse("2026-11-24T00:00:00", &end));
	assert_non_null(conf_allowed(place.conf, &addr, end - 1));
	assert_null(conf_allowed(place.conf, &addr, end));
}

/* All of 45.0.0.0/16, in an order that is not sorted, is more than 64 and more than 4096 bytes. */
TEST(tens_of_thousands_of_entries_are_found)
{
	enum { COUNT_ALL = 65536 };
	char *text = malloc(COUNT_ALL * 16), *at = text;
	struct addr inside = addr_of("45.0.255.255"), outside = addr_of("45.1.0.0");

	assert_non_null(text);
	for (int i = 0; i < COUNT_ALL; i++) {
		unsigned mixed = (unsigned)i * 40503 % COUNT_ALL;

		at += sprintf(at, "45.0.%u.%u\n", mixed >> 8 & 255, mixed & 255);
	}
	assert_null(load(text, (size_t)(at - text), ""));
	assert_int_equal(place.conf->nallow, COUNT_ALL);
	assert_non_null(conf_allowed(place.conf, &inside, NOW));
	assert_null(conf_allowed(place.conf, &outside, NOW));
	place_write("b.list", text, (size_t)(at - text), 0644);
	assert_has(load(text, (size_t)(at - text), ""), "more than 100000 entries in [allow]");
	free(text);
}

TEST(a_file_has_a_limit)
{
	char *text = malloc(FILE_BYTES_MAX + 2);

	assert_non_null(text);
	memset(text, '\n', FILE_BYTES_MAX + 1);
	assert_null(load(text, FILE_BYTES_MAX, ""));
	assert_has(load(text, FILE_BYTES_MAX + 1, ""), ": file longer than 1048576 bytes");
	free(text);
}

TEST(a_value_goes_on_for_any_number_of_lines)
{
	char *text = malloc(200000), *at = text;
	struct conf *conf;

	assert_non_null(text);
	at += sprintf(at, "[allow]\naddresses =\n");
	for (int i = 0; i < 5000; i++)
		at += sprintf(at, "  # of the office\n  45.%d.%d.0/24\n", i >> 8, i & 255);
	place_write("iprep.conf", text, (size_t)(at - text), 0644);
	assert_ok(conf_load(place_path("iprep.conf"), false, &conf, &place.error));
	assert_int_equal(conf->nallow, 5000);
	conf_free(conf);
	free(text);
}

TEST(files_of_a_pattern_are_read_and_others_are_not)
{
	struct addr addr = addr_of("45.1.1.1");

	assert_null(load(NULL, 0, ""));
	place_write("b.list", "45.1.1.1\n", 9, 0644);
	place_write("c.list~", "garbage\n", 8, 0644);
	assert_null(load(NULL, 0, ""));
	assert_non_null(conf_allowed(place.conf, &addr, NOW));
}

TEST(a_file_that_others_could_write_is_refused)
{
	place_write("b.list", "45.1.1.1\n", 9, 0646);
	assert_has(load(NULL, 0, ""), "b.list: unsafe owner or mode");
	assert_int_equal(place.error.code, IPREP_E_PERM);
}

/* [allow] files = NAME */
static int load_named(const char *name)
{
	struct conf *conf = NULL;
	char text[300];
	int rc;

	snprintf(text, sizeof(text), "[allow]\nfiles = %s\n", place_path(name));
	place_write("iprep.conf", text, strlen(text), 0644);
	rc = conf_load(place_path("iprep.conf"), false, &conf, &place.error);
	conf_free(conf);
	return rc;
}

ROWS(files_of_a_directory_that_others_could_write_are_refused)
{
	mode_t mode = (mode_t)row_number(row, "mode");
	unsigned user = row_choice(row, "user", "root other") ? 65534 : 0;
	int wanted = row_yes(row, "safe") ? 0 : IPREP_E_PERM;
	char dir[128], says[200];

	if (geteuid())
		skip();
	snprintf(dir, sizeof(dir), "%s", place_path("allow.d"));
	snprintf(says, sizeof(says), "%s: %s", dir,
		 user ? "belongs to user 65534 (mode" : "others may write here (user 0, mode");
	assert_ok(mkdir(dir, 0700));
	if (row_yes(row, "file"))
		place_write("allow.d/a.list", "45.1.1.1\n", 9, 0644);
	assert_ok(chown(dir, user, 65534));
	assert_ok(chmod(dir, mode));
	assert_int_equal(load_named(row_text(row, "files")), wanted);
	if (wanted)
		assert_has(place.error.text, says);
}

TEST(a_file_that_is_named_has_to_be_there)
{
	assert_int_equal(load_named("a.list"), IPREP_E_CONFIG);
	assert_has(place.error.text, "a.list: No such file or directory");
}

static int load_as_somebody(void)
{
	struct conf *conf;
	int rc = conf_load(place_path("iprep.conf"), false, &conf, &place.error);

	if (!rc)
		conf_free(conf);
	return rc;
}

TEST(a_directory_that_cannot_be_read_is_an_error)
{
	char text[300];

	if (geteuid())
		skip();
	assert_int_equal(mkdir(place_path("closed"), 0700), 0);
	snprintf(text, sizeof(text), "[allow]\nfiles = %s\n", place_path("closed/*.list"));
	place_write("iprep.conf", text, strlen(text), 0644);
	assert_int_equal(place_call_as_somebody(load_as_somebody, false), IPREP_E_PERM);
	assert_has(place.error.text, "the directory cannot be read");
	rmdir(place_path("closed"));
}

TEST(names_and_domains_follow_the_networks)
{
	static const char file[] = "z.example\n45.1.1.1\nA.Example.\n";

	assert_null(load(file, strlen(file), "46.1.1.1 m.example"));
	assert_int_equal(place.conf->nallow, 5);
	assert_int_equal(place.conf->nallow_nets, 2);
	assert_string_equal(place.conf->allow[2].name, "a.example");
	assert_string_equal(place.conf->allow[3].name, "m.example");
	assert_string_equal(place.conf->allow[4].name, "z.example");
}

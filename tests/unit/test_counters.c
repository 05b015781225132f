/* SPDX-License-Identifier: MIT */
/* test_counters.c - what was counted, by day; the clock is moved by hand */
#include "api/iprep_private.h"
#include "place.h"
#include "store/hook_counts.h"
#include "store/store_private.h"
#include <iprep.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY_S 86400

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	return place_open(STORE_WORK);
}

FIXTURE(set_up, place_tear_down);

static void count(const char *name, const char *label, int64_t n)
{
	assert_ok(store_count(place.store, name, label, n));
}

static void sql(const char *text)
{
	assert_int_equal(sqlite3_exec(place.store->db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* "day name label=count" of each row, one a line; tabs of a label as "|". */
struct listing {
	char text[4096];
	size_t rows, end_after;
};

static int add_row(void *user, const struct iprep_counter *counter)
{
	struct listing *listing = user;
	size_t len = strlen(listing->text);

	snprintf(listing->text + len, sizeof(listing->text) - len, "%lld %s %s=%lld\n",
		 (long long)counter->day, counter->name, counter->label, (long long)counter->count);
	for (char *tab = listing->text + len; (tab = strchr(tab, '\t')); tab++)
		*tab = '|';
	return ++listing->rows == listing->end_after;
}

static struct iprep_ctx *context(void)
{
	struct iprep_ctx *ctx = NULL;
	char text[400];

	snprintf(text, sizeof(text), "[general]\nstate = %s/iprep.db\n", place.dir);
	place_write("iprep.conf", text, strlen(text), 0644);
	assert_ok(iprep_new(&ctx));
	assert_ok(iprep_load_config(ctx, place_path("iprep.conf")));
	ctx->clock = place_clock;
	return ctx;
}

static int list(int64_t from_at, int64_t to_at, struct listing *listing)
{
	struct iprep_ctx *ctx = context();
	int rc = iprep_counters(ctx, from_at, to_at, add_row, listing);

	iprep_free(ctx);
	return rc;
}

TEST(what_is_counted_twice_in_a_day_is_one_row_and_the_next_day_begins_another)
{
	struct listing listing = { .rows = 0 };
	int64_t today = place.now / DAY_S * DAY_S;
	char want[300];

	count("lookup", "clean", 1);
	count("lookup", "clean", 2);
	count("lookup", "clean", 0);
	count("lookup", "clean", -7);
	count("block", "known\tsshd\tzen,bad", 1);
	place.now += DAY_S;
	count("lookup", "clean", 5);
	assert_ok(list(0, place.now, &listing));
	snprintf(want, sizeof(want),
		 "%lld block known|sshd|zen,bad=1\n%lld lookup clean=3\n%lld lookup clean=5\n",
		 (long long)today, (long long)today, (long long)(today + DAY_S));
	assert_string_equal(listing.text, want);
}

TEST(both_ends_are_whole_days_and_day_0_comes_with_a_time_of_0_only)
{
	struct listing all = { .rows = 0 }, one = { .rows = 0 }, none = { .rows = 0 };

	sql("INSERT INTO counter VALUES(0,'lookup','clean',9), (3,'lookup','clean',1),"
	    " (4,'lookup','clean',2), (5,'lookup','clean',3)");
	assert_ok(list(0, 5 * DAY_S, &all));
	assert_int_equal(all.rows, 4);
	assert_has(all.text, "0 lookup clean=9\n");
	assert_ok(list(5 * DAY_S - 1, 5 * DAY_S - 1, &one));
	assert_string_equal(one.text, "345600 lookup clean=2\n");
	assert_ok(list(6 * DAY_S, INT64_MAX, &none));
	assert_int_equal(none.rows, 0);
}

TEST(more_rows_than_a_page_come_once_each_and_in_order)
{
	struct listing listing = { .rows = 0 };

	sql("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 1000)"
	    " INSERT INTO counter SELECT 20000 + n % 7, 'asked', 'list' || n, n FROM i");
	assert_ok(list(0, INT64_MAX, &listing));
	assert_int_equal(listing.rows, 1000);
}

TEST(a_caller_may_end_the_list_and_times_are_checked)
{
	struct listing listing = { .end_after = 1 };

	count("lookup", "clean", 1);
	count("lookup", "unknown", 1);
	assert_int_equal(list(0, place.now, &listing), IPREP_E_IO);
	assert_int_equal(listing.rows, 1);
	assert_int_equal(list(-1, 1, &listing), IPREP_E_ARG);
	assert_int_equal(list(2, 1, &listing), IPREP_E_ARG);
}

TEST(labels_beyond_a_thousand_of_a_name_and_day_become_other)
{
	char label[40];
	int64_t rows, sum;

	for (int i = 0; i < COUNTER_LABELS_MAX + 20; i++) {
		snprintf(label, sizeof(label), "known\tjail%d\tzen", i);
		count("block", label, 1);
		count("asked", label, 1);
	}
	count("block", "known\tjail0\tzen", 1);
	assert_ok(sql_number(place.store, &rows,
			     "SELECT count(*) FROM counter WHERE name = 'block'", SQL_NONE));
	assert_int_equal(rows, COUNTER_LABELS_MAX);
	assert_ok(sql_number(place.store, &sum, "SELECT sum(n) FROM counter WHERE name = 'block'",
			     SQL_NONE));
	assert_int_equal(sum, COUNTER_LABELS_MAX + 21);
	assert_ok(sql_number(place.store, &sum,
			     "SELECT n FROM counter WHERE label = 'other\tother\tother'",
			     SQL_NONE));
	assert_int_equal(sum, 21);
	assert_ok(sql_number(place.store, &sum, "SELECT n FROM counter WHERE label = 'other'",
			     SQL_NONE));
	assert_int_equal(sum, 21);
	place.now += DAY_S;
	count("block", "known\tjail2000\tzen", 1);
	assert_ok(sql_number(place.store, &sum,
			     "SELECT n FROM counter WHERE label = 'known\tjail2000\tzen'",
			     SQL_NONE));
	assert_int_equal(sum, 1);
}

TEST(a_count_at_the_largest_number_stays_a_count)
{
	struct listing listing = { .rows = 0 };

	count("lookup", "clean", 1);
	sql("UPDATE counter SET n = 9223372036854775807");
	count("lookup", "clean", 1);
	sql("UPDATE counter SET n = -5");
	count("lookup", "clean", 1);
	assert_ok(list(0, place.now, &listing));
	assert_has(listing.text, "lookup clean=1\n");
}

TEST(what_is_rolled_back_was_not_counted)
{
	struct listing listing = { .rows = 0 };

	assert_ok(store_begin(place.store, STORE_FAST));
	count("lookup", "clean", 1);
	assert_int_equal(store_end(place.store, IPREP_E_BUSY), IPREP_E_BUSY);
	assert_ok(list(0, place.now, &listing));
	assert_int_equal(listing.rows, 0);
}

TEST(labels_of_a_damaged_file_are_printable_and_end_the_list_where_they_are_not_in_order)
{
	struct listing listing = { .rows = 0 };

	sql("INSERT INTO counter VALUES(1, 'asked', 'a' || char(27) || '[31m', 1)");
	assert_ok(list(0, INT64_MAX, &listing));
	assert_string_equal(listing.text, "86400 asked a?[31m=1\n");
	sql("INSERT INTO counter VALUES(1, 'asked', char(200) || 'b', 1),"
	    " (1, 'asked', char(201) || 'a', 1)");
	assert_int_equal(list(0, INT64_MAX, &listing), IPREP_E_STORE);
}

/* ---- what hooks count ---- */

static const char *state_path(void)
{
	return place_path("iprep.db");
}

static void note(enum hook_count count)
{
	hook_counts_note(state_path(), HOOK_GATE, count, -1, place.now);
}

static void fold(void)
{
	assert_ok(hook_counts_fold(place.store, state_path()));
}

static int64_t sum(const char *name, const char *label)
{
	int64_t number;

	assert_ok(sql_number(place.store, &number,
			     "SELECT sum(n) FROM counter WHERE name = ?1 AND label = ?2",
			     SQL_TEXT(name), SQL_TEXT(label)));
	return number;
}

/* As the API gives it: folded and not. */
static int64_t shown(const char *row)
{
	struct listing listing = { .rows = 0 };
	const char *at;

	assert_ok(list(0, INT64_MAX, &listing));
	at = strstr(listing.text, row);
	if (!at)
		return 0;
	return strtoll(at + strlen(row), NULL, 10);
}

TEST(what_hooks_count_is_added_to_the_day_once)
{
	fold();
	note(HOOK_LINE_COUNTED);
	note(HOOK_LINE_COUNTED);
	note(HOOK_BAN_REPORTED);
	note(HOOK_COUNTS_NOTHING);
	assert_int_equal(sum("line", "counted"), 0);
	assert_int_equal(shown(" line counted="), 2);
	fold();
	fold();
	assert_int_equal(sum("line", "counted"), 2);
	assert_int_equal(shown(" line counted="), 2);
	note(HOOK_LINE_COUNTED);
	assert_int_equal(shown(" line counted="), 3);
	place.now += DAY_S;
	fold();
	assert_int_equal(sum("line", "counted"), 3);
	assert_int_equal(sum("ban", "reported"), 1);
}

TEST(what_is_not_folded_yet_is_in_its_place_among_the_rows_of_today)
{
	struct listing listing = { .rows = 0 };
	char want[300];
	long long day = place.now / DAY_S * DAY_S;

	fold();
	for (int i = 0; i < NHOOK_COUNTS; i++)
		note((enum hook_count)i);
	count("lookup", "clean", 1);
	count("login", "recorded", 4);
	assert_ok(list(0, place.now, &listing));
	snprintf(want, sizeof(want),
		 "%lld ban lookup=1\n%lld ban reported=1\n%lld ban skipped=1\n"
		 "%lld line counted=1\n%lld line ignored=1\n%lld login recorded=5\n"
		 "%lld lookup clean=1\n",
		 day, day, day, day, day, day, day);
	assert_string_equal(listing.text, want);
	assert_ok(list(1, place.now - DAY_S, &listing));
	assert_int_equal(listing.rows, 7); /* as before: nothing of another day */
}

TEST(each_kind_of_hook_has_the_time_of_its_last_call)
{
	const struct iprep_hook_times *times;
	struct iprep_ctx *ctx = context();

	assert_ok(iprep_hook_times(ctx, &times));
	assert_int_equal(times->known, 0);
	iprep_hook_times_free(times);
	fold();
	hook_counts_note(state_path(), HOOK_IS_BLOCKED, HOOK_COUNTS_NOTHING, 1, place.now);
	hook_counts_note(state_path(), HOOK_IS_BLOCKED, HOOK_COUNTS_NOTHING, -1, place.now + 1);
	hook_counts_note(state_path(), HOOK_ENQUEUE, HOOK_BAN_LOOKUP, -1, place.now + 2);
	assert_ok(iprep_hook_times(ctx, &times));
	assert_int_equal(times->known, 1);
	assert_int_equal(times->gate_at, 0);
	assert_int_equal(times->login_at, 0);
	assert_int_equal(times->enqueue_at, place.now + 2);
	assert_int_equal(times->is_blocked_at, place.now + 1);
	assert_int_equal(times->tier_at[1], place.now);
	assert_int_equal(times->tier_at[0], 0);
	iprep_hook_times_free(times);
	iprep_free(ctx);
}

/* What may be in its place: hooks are silent, the next fold makes it again, and nothing counts
 * twice. */
ROWS(a_file_of_hooks_that_is_not_ours_is_not_used_and_is_made_again)
{
	const char *path = place_path("iprep.db-hooks"), *is = row_text(row, "is");
	char bytes[4096] = "iprepHC1";
	struct hook_times times;

	fold();
	note(HOOK_LINE_COUNTED);
	fold();
	if (strcmp(is, "shorter")) /* else it is cut in place */
		assert_ok(unlink(path));
	if (!strcmp(is, "shorter"))
		assert_ok(truncate(path, 100));
	else if (!strcmp(is, "longer"))
		place_write("iprep.db-hooks", bytes, sizeof(bytes) - 1, 0640);
	else if (!strcmp(is, "zeroes"))
		place_write("iprep.db-hooks", memset(bytes, 0, sizeof(bytes)), sizeof(bytes), 0640);
	else if (!strcmp(is, "no id"))
		place_write("iprep.db-hooks", bytes, sizeof(bytes), 0640);
	else if (!strcmp(is, "group may write"))
		place_write("iprep.db-hooks", bytes, sizeof(bytes), 0660);
	else if (!strcmp(is, "a link"))
		assert_ok(symlink(place_path("iprep.db"), path));
	else if (!strcmp(is, "a FIFO"))
		assert_ok(mkfifo(path, 0640));
	note(HOOK_LINE_COUNTED);
	assert_int_equal(hook_counts_times(state_path(), &times), 0);
	assert_int_equal(times.last_at[HOOK_GATE], 0);
	assert_int_equal(shown(" line counted="), 1);
	fold();
	assert_int_equal(hook_counts_times(state_path(), &times), 1);
	note(HOOK_LINE_COUNTED);
	note(HOOK_LINE_COUNTED);
	fold();
	assert_int_equal(sum("line", "counted"), 3);
}

TEST(a_directory_in_its_place_is_left_and_nothing_fails)
{
	struct hook_times times;

	assert_ok(mkdir(place_path("iprep.db-hooks"), 0700));
	fold();
	note(HOOK_LINE_COUNTED);
	fold();
	assert_int_equal(hook_counts_times(state_path(), &times), 0);
	assert_ok(rmdir(place_path("iprep.db-hooks")));
}

static void read_hooks(char ret[4096])
{
	FILE *file = fopen(place_path("iprep.db-hooks"), "re");

	assert_non_null(file);
	assert_int_equal(fread(ret, 1, 4096, file), 4096);
	fclose(file);
}

TEST(a_file_that_lost_its_end_in_a_crash_adds_nothing_twice)
{
	char before[4096];

	fold();
	note(HOOK_LINE_COUNTED);
	read_hooks(before);
	note(HOOK_LINE_COUNTED);
	note(HOOK_LINE_COUNTED);
	fold();
	assert_int_equal(sum("line", "counted"), 3);
	place_write("iprep.db-hooks", before, sizeof(before), 0640); /* as it was on disk */
	fold();
	assert_int_equal(sum("line", "counted"), 3);
	note(HOOK_LINE_COUNTED);
	assert_int_equal(shown(" line counted="), 4);
	fold();
	assert_int_equal(sum("line", "counted"), 4);
}

TEST(a_new_database_next_to_an_old_file_begins_at_what_the_file_has)
{
	fold();
	note(HOOK_LINE_COUNTED);
	fold();
	sql("DELETE FROM counter; DELETE FROM meta WHERE name = 'hooks'");
	assert_int_equal(shown(" line counted="), 0);
	fold();
	assert_int_equal(sum("line", "counted"), 0);
	note(HOOK_LINE_COUNTED);
	fold();
	assert_int_equal(sum("line", "counted"), 1);
}

TEST(numbers_that_nobody_can_have_counted_add_nothing)
{
	char bytes[4096];
	int64_t number = INT64_MIN;

	fold();
	note(HOOK_LINE_COUNTED);
	fold();
	read_hooks(bytes);
	for (int i = 0; i < 3; i++) {
		memcpy(bytes + 16, &number, sizeof(number));
		place_write("iprep.db-hooks", bytes, sizeof(bytes), 0640);
		fold();
		assert_int_equal(sum("line", "counted"), 1);
		number = i ? -1 : INT64_MAX;
	}
}

static int note_as_somebody(void)
{
	note(HOOK_LINE_COUNTED);
	return 0;
}

TEST(another_user_counts_nothing)
{
	fold();
	place_call_as_somebody(note_as_somebody, false);
	assert_int_equal(shown(" line counted="), 0);
}

TEST(hooks_of_many_processes_at_the_same_time_lose_no_count)
{
	fold();
	for (int i = 0; i < 8; i++)
		if (!fork()) {
			for (int n = 0; n < 500; n++)
				note(HOOK_LINE_IGNORED);
			_exit(0);
		}
	for (int i = 0; i < 20; i++)
		fold();
	for (int i = 0; i < 8; i++)
		assert_true(wait(NULL) > 0);
	assert_int_equal(shown(" line ignored="), 4000);
	fold();
	assert_int_equal(sum("line", "ignored"), 4000);
}

/* ---- retention ---- */

/* Two purges, an hour apart: what they agree on goes. */
static void purge_twice(int max_rows)
{
	assert_ok(store_purge_seen(place.store));
	sql("UPDATE meta SET value = substr(value, 1, 20) || '-0000000000000007200' ||"
	    " substr(value, 41) WHERE name = 'purge-run'");
	place.now += 3600;
	while (store_purge_counters(place.store, place.conf, max_rows) > 0)
		;
}

TEST(days_past_their_retention_become_day_0_and_no_total_falls)
{
	struct listing listing = { .rows = 0 };
	int64_t today = place.now / DAY_S;
	char text[400], want[300];

	snprintf(text, sizeof(text),
		 "INSERT INTO counter VALUES(0,'asked','zen',5), (1,'asked','zen',1),"
		 " (%lld,'asked','zen',2), (%lld,'asked','bad',4), (%lld,'asked','zen',8),"
		 " (%lld,'asked','zen',16), (%lld,'asked','zen',32), (%lld,'asked','zen',64)",
		 (long long)today - 402, (long long)today - 402, (long long)today - 399,
		 (long long)today, (long long)today + 5, (long long)today + 30);
	sql(text);
	assert_ok(store_purge_counters(place.store, place.conf, 100)); /* none agrees yet */
	assert_int_equal(sum("asked", "zen"), 128);
	purge_twice(1);
	assert_ok(list(0, INT64_MAX, &listing));
	snprintf(want, sizeof(want),
		 "0 asked bad=4\n0 asked zen=72\n%lld asked zen=8\n%lld asked zen=16\n"
		 "%lld asked zen=32\n",
		 (long long)(today - 399) * DAY_S, (long long)today * DAY_S,
		 (long long)(today + 5) * DAY_S);
	assert_string_equal(listing.text, want);
}

TEST(day_0_has_no_more_labels_than_any_other)
{
	int64_t rows;

	sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
	    " INSERT INTO counter SELECT 1 + i / 750, name, label || i || tail, 1 FROM n,"
	    " (SELECT 'asked' AS name, 'l' AS label, '' AS tail UNION ALL"
	    "  SELECT 'block', 'known	jail', '	zen')");
	sql("INSERT INTO counter VALUES(0,'asked','l1500',7)");
	purge_twice(400);
	assert_ok(sql_number(place.store, &rows, "SELECT count(*) FROM counter WHERE day > 0",
			     SQL_NONE));
	assert_int_equal(rows, 0);
	assert_ok(sql_number(place.store, &rows,
			     "SELECT max(n) FROM (SELECT count(*) AS n FROM counter"
			     " WHERE day = 0 GROUP BY name)",
			     SQL_NONE));
	assert_int_equal(rows, COUNTER_LABELS_MAX);
	assert_int_equal(sum("asked", "l1500"), 8); /* it was there */
	assert_int_equal(sum("asked", "other"), 501);
	assert_int_equal(sum("block", "other	other	other"), 501);
}

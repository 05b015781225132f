/* SPDX-License-Identifier: MIT */
/* test_fleet.c - the lines of an update, and what the DNS clients of Debian print */
#include "source/fleet.h"
#include "unit.h"
#include <iprep.h>

static const struct conf conf = { .fleet_zone = "bl.example.net",
				  .fleet_host = 0x107,
				  .fleet_ttl_s = 300 };

ROWS(answers)
{
	struct run_answer answer = { .status = NET_OK,
				     .exit_status = (int)row_number(row, "status"),
				     .output = row_text(row, "output"),
				     .len = row_length(row, "output") };
	static const char *const outcomes[] = { "done", "refused", "failed" };
	char why[DETAIL_MAX];

	assert_string_equal(outcomes[fleet_answer_judge(&answer, why)], row_text(row, "outcome"));
	assert_string_equal(why, row_text(row, "sentence"));
}

ROWS(serials)
{
	struct run_answer answer = { .status = NET_OK,
				     .output = row_text(row, "output"),
				     .len = row_length(row, "output") };
	struct fleet_soa soa;
	char why[DETAIL_MAX];

	fleet_soa_read(&answer, &soa, why);
	assert_string_equal(soa.zone, row_text(row, "zone"));
	assert_int_equal(soa.serial, row_number(row, "serial"));
	assert_string_equal(why, row_text(row, "sentence"));
}

ROWS(identities)
{
	struct run_answer answer = { .status = NET_OK,
				     .output = row_text(row, "output"),
				     .len = row_length(row, "output") };

	assert_int_equal(fleet_identities_read(&answer, "0123456789abcdef"),
			 row_number(row, "others"));
}

/* A transfer in pieces of each size gives the same. */
ROWS(removals)
{
	const char *output = row_text(row, "output");
	size_t len = row_length(row, "output");

	for (size_t piece = 1; piece <= len + 1; piece += piece < 40 ? 1 : 97) {
		static struct fleet_removal removal;

		removal = (struct fleet_removal){ .zone = "bl.test",
						  .host = 7,
						  .keep_identity = row_text(row, "keep") };
		buf_init(&removal.updates, FLEET_REMOVAL_MAX);
		buf_init(&removal.said, FLEET_SAID_MAX);
		for (size_t at = 0; at < len; at += piece)
			assert_true(fleet_removal_take(&removal, output + at,
						       len - at < piece ? len - at : piece));
		assert_string_equal(text_or(removal.updates.text, ""), row_text(row, "updates"));
		assert_int_equal(removal.unreadable, row_number(row, "unreadable"));
		assert_int_equal(removal.nsoa, row_number(row, "soa"));
		buf_free(&removal.updates);
		buf_free(&removal.said);
	}
}

TEST(a_message_of_a_removal_is_whole_lines)
{
	struct fleet_removal removal = { .zone = "bl.test" };
	size_t count;

	buf_init(&removal.updates, FLEET_REMOVAL_MAX);
	for (int i = 0; i < 2500; i++)
		buf_printf(&removal.updates, "update delete %d.1.1.45.bl.test. IN A 127.0.7.2\n",
			   i);
	assert_int_equal(fleet_removal_next(&removal, 0, 10, &count), 10 * 47);
	assert_int_equal(count, 10);
	assert_true(fleet_removal_next(&removal, 0, 9999, &count) <= FLEET_MESSAGE_MAX);
	assert_int_equal(fleet_removal_next(&removal, removal.updates.len - 50, 10, &count), 50);
	assert_int_equal(fleet_removal_next(&removal, removal.updates.len, 10, &count), 0);
	assert_int_equal(count, 0);
	buf_free(&removal.updates);
}

static struct fleet_record record_of(const char *address, bool is_added)
{
	struct fleet_record record = { .octet = 2, .until = 1795426190, .is_added = is_added };

	assert_true(addr_parse(address, &record.addr));
	return record;
}

static void assert_message(const struct fleet_record *records, size_t count, const char *expected)
{
	struct buf text;

	buf_init(&text, FLEET_TEXT_MAX);
	assert_int_equal(fleet_message_put(&text, &conf, records, count), count);
	assert_string_equal(text_or(text.text, ""), expected);
	buf_free(&text);
}

TEST(a_block_has_two_records)
{
	struct fleet_record record = record_of("45.1.2.3", true);

	assert_message(&record, 1,
		       "update add 3.2.1.45.bl.example.net. 300 IN A 127.1.7.2\n"
		       "update add 3.2.1.45.bl.example.net. 300 IN TXT \"h=263 u=1795426190\"\n");
}

TEST(a_withdrawal_names_just_its_own_records)
{
	struct fleet_record record = record_of("45.1.2.3", false);

	assert_message(&record, 1,
		       "update delete 3.2.1.45.bl.example.net. IN A 127.1.7.2\n"
		       "update delete 3.2.1.45.bl.example.net. IN TXT \"h=263 u=1795426190\"\n");
	record.keep_a = true;
	assert_message(&record, 1,
		       "update delete 3.2.1.45.bl.example.net. IN TXT \"h=263 u=1795426190\"\n");
	record.keep_text = true;
	assert_message(&record, 1, "");
}

TEST(a_message_has_as_many_records_as_fit)
{
	struct fleet_record records[500];
	struct buf text;
	size_t fits;

	for (size_t i = 0; i < COUNT(records); i++)
		records[i] = record_of("2a02:4780:15::50", true);
	buf_init(&text, FLEET_TEXT_MAX);
	fits = fleet_message_put(&text, &conf, records, COUNT(records));
	assert_in_range(fits, 200, 499);
	buf_free(&text);
}

TEST(the_lines_of_a_message_are_bounded)
{
	struct fleet_record record = record_of("45.1.2.3", true);
	struct buf text;

	buf_init(&text, 20);
	assert_int_equal(fleet_message_put(&text, &conf, &record, 1), 0);
	buf_free(&text);
}

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

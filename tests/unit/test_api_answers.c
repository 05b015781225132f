/* SPDX-License-Identifier: MIT */
/* test_api_answers.c - every row of data/api_answers.tsv, as lib/api_answers.py prints them,
 * through the parsers and the verdict
 */
#include "reputation/verdict.h"
#include "asked.h"

#define ADDRESS "45.1.0.7"
#define KINDS	"check reported report bulk retract"

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_tiers(2);
	return conf_enable_abuseipdb(place.conf);
}

FIXTURE(set_up, place_tear_down);

static struct task task;
static struct finding finding;

static void get_answer(const struct row *row)
{
	static const enum task_kind kinds[] = { TASK_LOOKUP, TASK_LOOKUP, TASK_REPORT, TASK_BULK,
						TASK_RETRACT };
	struct session session = asked_session();
	struct fake_answer script[] = { { .match = "/api/v2/",
					  .http = ANSWER((int)row_number(row, "code"),
							 row_text(row, "body")) },
					{ .match = NULL } };

	script[0].http.body_len = row_length(row, "body");
	finding = (struct finding){ 0 };
	task = (struct task){ .kind = kinds[row_choice(row, "kind", KINDS)],
			      .reported = !strcmp(row_text(row, "kind"), "reported"),
			      .findings = &finding,
			      .ask = 1,
			      .body = "ip=1" };
	task.addr = addr_of(ADDRESS);
	asked_run(&session, &task, script, 2000, NULL);
}

static const char *verdict_of(void)
{
	struct verdict verdict;

	verdict_weigh(place.conf, &finding, BY_HAND, 0, &verdict);
	switch (verdict.kind) {
	case V_CONFIRMED:
		return place.conf->tiers[verdict.tier].name;
	case V_CLEAN:
		return "clean";
	case V_UNKNOWN:
	case V_EXEMPT:
	case V_UNLISTED:
		break;
	}
	return "unknown";
}

static void outcome_of(char *dst, size_t room)
{
	static const char *const names[] = { "none", "done", "duplicate", "later", "parked" };

	snprintf(dst, room, "%s", names[task.outcome]);
	if (task.outcome != OUT_DONE)
		return;
	if (task.kind == TASK_REPORT && finding.status == FINDING_OK)
		snprintf(dst, room, "done+%d", finding.points);
	else if (task.kind == TASK_REPORT)
		snprintf(dst, room, "done-");
	else if (task.kind == TASK_BULK)
		snprintf(dst, room, "done %lld/%zu", (long long)task.count, task.nrefused);
	else
		snprintf(dst, room, "done %lld", (long long)task.count);
}

ROWS(each_answer_has_its_only_right_verdict)
{
	char outcome[40];

	get_answer(row);
	outcome_of(outcome, sizeof(outcome));
	free(task.refused);
	if (task.kind == TASK_LOOKUP) {
		bool is_understood = finding.status == FINDING_OK;

		assert_true(is_understood || finding.status == FINDING_ERROR ||
			    row_number(row, "code") != 200);
		assert_int_equal(finding.listed, finding.points > 0);
		assert_int_equal(finding.expires_at,
				 is_understood ? NOW + place.conf->api_cache_s : 0);
		assert_true(is_understood || !finding.points);
		assert_false(finding.partial);
	}
	assert_string_equal(task.kind == TASK_LOOKUP ? verdict_of() : outcome,
			    row_text(row, "right"));
	if (row_has(row, "says"))
		assert_has(task.kind == TASK_LOOKUP ? finding.detail : task.why,
			   row_text(row, "says"));
}

/* SPDX-License-Identifier: MIT */
/* test_api_answers.c - every row of data/api_answers.tsv through the parsers and the verdict */
#include "base/time.h"
#include "reputation/verdict.h"
#include "asked.h"

#define ADDRESS	    "45.1.0.7"
#define ROWS_MIN    500
#define MEMBERS_MAX 20

/* The base answers; cli/test_api_answers.py has the same. */
static const char check_base[] =
	"ipAddress=\"@A@\" ;; isPublic=true ;; ipVersion=4 ;; isWhitelisted=false ;; "
	"abuseConfidenceScore=100 ;; countryCode=\"NL\" ;; "
	"usageType=\"Data Center/Web Hosting/Transit\" ;; isp=\"Example\" ;; "
	"domain=\"example.net\" ;; hostnames=[] ;; isTor=false ;; totalReports=50 ;; "
	"numDistinctUsers=20 ;; lastReportedAt=\"@-60@+00:00\"";
static const struct {
	const char *kind, *base;
	enum task_kind task;
} kinds[] = {
	{ "check", check_base, TASK_LOOKUP },
	{ "reported", check_base, TASK_LOOKUP },
	{ "report", "ipAddress=\"@A@\" ;; abuseConfidenceScore=100", TASK_REPORT },
	{ "bulk", "savedReports=2 ;; invalidReports=[]", TASK_BULK },
	{ "retract", "numReportsDeleted=3", TASK_RETRACT },
};

static int set_up(void **state)
{
	assert_ok(place_set_up(state));
	place_add_tiers(2);
	return conf_enable_abuseipdb(place.conf);
}

FIXTURE(set_up, place_tear_down);

/* ---- bodies ---- */

/* One member of data, or with '+' next to it: name, and the JSON of its value. */
struct member {
	char text[1200];
	const char *value;
};
struct answer {
	struct member members[MEMBERS_MAX];
	size_t nmembers;
};

static void change_member(struct answer *answer, const char *text, size_t len)
{
	struct member member = { 0 };
	bool is_removed = *text == '-';
	char *equals;
	size_t i = 0;

	assert_true(len < sizeof(member.text));
	memcpy(member.text, text + is_removed, len - is_removed);
	equals = strchr(member.text, '=');
	assert_true(is_removed == !equals);
	if (equals)
		*equals = '\0';
	while (i < answer->nmembers && strcmp(answer->members[i].text, member.text) != 0)
		i++;
	assert_true(i < MEMBERS_MAX);
	if (is_removed)
		assert_true(i < answer->nmembers);
	else if (i == answer->nmembers)
		answer->nmembers++;
	answer->members[i] = member;
	answer->members[i].value = NULL;
	if (equals)
		answer->members[i].value = answer->members[i].text + (equals - member.text) + 1;
	else
		answer->members[i].text[0] = '\0'; /* stays as a gap */
}

static void change_members(struct answer *answer, const char *text)
{
	const char *end;

	if (!strcmp(text, "-"))
		return;
	for (; (end = strstr(text, " ;; ")); text = end + 4)
		change_member(answer, text, (size_t)(end - text));
	change_member(answer, text, strlen(text));
}

static void put_members(struct buf *buf, const struct answer *answer, bool is_next_to_data)
{
	bool is_first = !is_next_to_data;

	for (size_t i = 0; i < answer->nmembers; i++) {
		const struct member *member = &answer->members[i];
		bool is_outside = member->text[0] == '+';

		if (!member->value || is_outside != is_next_to_data)
			continue;
		buf_printf(buf, "%s\"%s\":%s", is_first ? "" : ",", member->text + is_outside,
			   member->value);
		is_first = false;
	}
}

static void put_template(struct buf *buf, const char *base, const char *cell)
{
	struct answer *answer;

	if (*cell == '=') {
		buf_puts(buf, cell + 1);
		return;
	}
	answer = calloc(1, sizeof(*answer));
	assert_non_null(answer);
	change_members(answer, base);
	change_members(answer, cell);
	buf_puts(buf, "{\"data\":{");
	put_members(buf, answer, false);
	buf_puts(buf, "}");
	put_members(buf, answer, true);
	buf_puts(buf, "}");
	free(answer);
}

/* @A@, @MINUTES@ and <HH>; the time has no zone. */
static void fill_in(struct buf *buf, const char *text)
{
	char when[TIME_TEXT_MAX], byte;
	int minutes, used;
	unsigned number;

	while (*text) {
		used = 0;
		if (!strncmp(text, "@A@", 3)) {
			buf_puts(buf, ADDRESS);
			text += 3;
		} else if (sscanf(text, "@%d@%n", &minutes, &used) == 1 && used) {
			time_text(NOW + (int64_t)minutes * 60, TIME_ISO, when);
			when[strlen(when) - 1] = '\0';
			buf_puts(buf, when);
			text += used;
		} else if (sscanf(text, "<%2x>%n", &number, &used) == 1 && used == 4) {
			byte = (char)number;
			buf_add(buf, &byte, 1);
			text += used;
		} else {
			buf_add(buf, text++, 1);
		}
	}
}

/* ---- what became of it ---- */

static struct task task;
static struct finding finding;

static void get_answer(size_t kind, const struct http_answer *answer)
{
	struct session session = asked_session();
	struct fake_answer script[] = { { .match = "/api/v2/", .http = *answer },
					{ .match = NULL } };

	finding = (struct finding){ 0 };
	task = (struct task){ .kind = kinds[kind].task,
			      .reported = !strcmp(kinds[kind].kind, "reported"),
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

/* The row of kinds[], and the HTTP code, of a cell such as check:403. */
static size_t kind_of(const char *cell, int *ret_code)
{
	size_t len = strcspn(cell, ":"), kind = 0;

	*ret_code = cell[len] ? atoi(cell + len + 1) : 200;
	while (strlen(kinds[kind].kind) != len || memcmp(kinds[kind].kind, cell, len) != 0)
		assert_true(++kind < COUNT(kinds));
	return kind;
}

ROWS_OF(each_answer_has_its_only_right_verdict, "api_answers.tsv", "name kind body right says")
{
	struct http_answer answer = ANSWER(200, NULL);
	size_t kind = kind_of(row_text(row, "kind"), &answer.code);
	struct buf template, body;
	char outcome[40];

	buf_init(&template, 100000);
	buf_init(&body, 100000);
	put_template(&template, kinds[kind].base, row_text(row, "body"));
	fill_in(&body, text_or(template.text, ""));
	answer.body = text_or(body.text, "");
	answer.body_len = body.len;
	get_answer(kind, &answer);
	outcome_of(outcome, sizeof(outcome));
	free(task.refused);
	buf_free(&template);
	buf_free(&body);
	if (task.kind == TASK_LOOKUP) {
		bool is_understood = finding.status == FINDING_OK;

		assert_true(is_understood || finding.status == FINDING_ERROR || answer.code != 200);
		assert_int_equal(finding.listed, finding.points > 0);
		assert_int_equal(finding.expires_at,
				 is_understood ? NOW + place.conf->api_cache_s : 0);
		assert_true(is_understood || !finding.points);
		assert_false(finding.partial);
	}
	assert_string_equal(task.kind == TASK_LOOKUP ? verdict_of() : outcome,
			    row_text(row, "right"));
	if (strcmp(row_text(row, "says"), "-") != 0)
		assert_has(task.kind == TASK_LOOKUP ? finding.detail : task.why,
			   row_text(row, "says"));
}

TEST(there_are_many_answers)
{
	assert_true(unit_count_rows("each_answer_has_its_only_right_verdict") >= ROWS_MIN);
}

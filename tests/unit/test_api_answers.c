/* SPDX-License-Identifier: MIT */
/* test_api_answers.c - every row of data/api_answers.tsv through the parsers and the verdict */
#include "base/time.h"
#include "reputation/engine.h"
#include "reputation/verdict.h"
#include "fake_net.h"
#include "unit.h"

#define KEY	    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW	    1795426190 /* 2026-11-23T09:29:50Z */
#define ADDRESS	    "45.1.0.7"
#define ROWS_MIN    500
#define MEMBERS_MAX 20

enum { NAME, KIND, BODY, RIGHT, SAYS, COLUMNS };

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

static struct conf *conf;

static int set_up(void **state)
{
	(void)state;
	if (conf_new(&conf) || conf_enable_abuseipdb(conf))
		return -1;
	conf->ntiers = 2;
	conf->tiers[0] = (struct conf_tier){ "known", 3, 86400 };
	conf->tiers[1] = (struct conf_tier){ "notorious", 10, 365 * 86400 };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conf = conf_free(conf);
	return 0;
}

FIXTURE(set_up, tear_down);

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
static bool is_fed;

static int64_t fixed_now(void *user)
{
	(void)user;
	return NOW;
}

static enum feed_state next(void *user, struct task **ret, int *ret_wait_ms)
{
	(void)user;
	(void)ret_wait_ms;
	if (is_fed)
		return FEED_END;
	is_fed = true;
	*ret = &task;
	return FEED_TASK;
}

static source_set settled(void *user, struct task *asked)
{
	(void)user;
	(void)asked;
	return 0;
}

static void get_answer(size_t kind, const struct http_answer *answer)
{
	struct session session = {
		.conf = conf, .secret = KEY, .ops = &fake_net, .clock = { .now_s = fixed_now }
	};
	struct feed feed = { .window_max = 1, .task_ms = 2000, .next = next, .settled = settled };
	struct fake_answer script[] = { { .match = "/api/v2/", .http = *answer },
					{ .match = NULL } };

	finding = (struct finding){ 0 };
	task = (struct task){ .kind = kinds[kind].task,
			      .reported = !strcmp(kinds[kind].kind, "reported"),
			      .findings = &finding,
			      .ask = 1,
			      .body = "ip=1" };
	assert_true(addr_parse(ADDRESS, &task.addr));
	is_fed = false;
	fake_net_script(script);
	assert_int_equal(engine_run(&session, &feed), 0);
}

static const char *verdict_of(void)
{
	struct verdict verdict;

	verdict_weigh(conf, &finding, BY_HAND, 0, &verdict);
	switch (verdict.kind) {
	case V_CONFIRMED:
		return conf->tiers[verdict.tier].name;
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

static size_t false_confirms;

/* Returns whether the row is right. */
static bool try_row(char *const *cells, size_t kind, int code)
{
	struct http_answer answer = { .status = NET_OK,
				      .code = code,
				      .limit = -1,
				      .remaining = -1,
				      .reset_at = -1,
				      .retry_after_s = -1 };
	char got[40], *says = cells[SAYS];
	struct buf template, body;
	const char *why;
	bool is_right;

	buf_init(&template, 100000);
	buf_init(&body, 100000);
	put_template(&template, kinds[kind].base, cells[BODY]);
	fill_in(&body, text_or(template.text, ""));
	answer.body = text_or(body.text, "");
	answer.body_len = body.len;
	get_answer(kind, &answer);
	if (task.kind == TASK_LOOKUP)
		snprintf(got, sizeof(got), "%s", verdict_of());
	else
		outcome_of(got, sizeof(got));
	why = task.kind == TASK_LOOKUP ? finding.detail : task.why;
	is_right = !strcmp(got, cells[RIGHT]) && (!strcmp(says, "-") || strstr(why, says));
	false_confirms += (!strcmp(got, "known") || !strcmp(got, "notorious")) &&
			  strcmp(got, cells[RIGHT]) != 0;
	if (!is_right)
		print_message("%s: %s (%s), not %s (%s)\n", cells[NAME], got, why, cells[RIGHT],
			      says);
	free(task.refused);
	buf_free(&template);
	buf_free(&body);
	return is_right;
}

static bool split(char *line, char *cells[COLUMNS])
{
	size_t count = 0;

	line[strcspn(line, "\n")] = '\0';
	if (!*line || *line == '#')
		return false;
	for (char *cell; (cell = strsep(&line, "\t"));) {
		assert_true(count < COLUMNS);
		cells[count++] = cell;
	}
	assert_int_equal(count, COLUMNS);
	return true;
}

TEST(each_answer_has_its_only_right_verdict)
{
	FILE *file = fopen(TEST_DATA "/api_answers.tsv", "re");
	size_t count[COUNT(kinds)] = { 0 }, total = 0, wrong = 0;
	char *line = NULL, *cells[COLUMNS];
	size_t room = 0;

	assert_non_null(file);
	while (getline(&line, &room, file) > 0) {
		size_t kind = 0;
		char *colon;

		if (!split(line, cells))
			continue;
		colon = strchr(cells[KIND], ':');
		if (colon)
			*colon++ = '\0';
		while (strcmp(kinds[kind].kind, cells[KIND]) != 0)
			assert_true(++kind < COUNT(kinds));
		wrong += !try_row(cells, kind, colon ? atoi(colon) : 200);
		count[kind]++;
		total++;
	}
	free(line);
	fclose(file);
	for (size_t i = 0; i < COUNT(kinds); i++)
		print_message("%s: %zu\n", kinds[i].kind, count[i]);
	print_message("%zu answers, %zu wrong, %zu false confirms\n", total, wrong, false_confirms);
	assert_true(total >= ROWS_MIN);
	assert_int_equal(wrong, 0);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_spf.c - what host names and SPF domains of the allowlist resolve to, with a scripted DNS
 *
 * The DNS of a row is a text of lines "NAME TEXT", one for each TXT record, or "NAME !STATUS". A
 * name without a line does not exist. Addresses: "A NAME ADDRESS...", "AAAA NAME ADDRESS...".
 */
#include "base/buf.h"
#include "base/clock.h"
#include "source/allow.h"
#include "source/spf.h"
#include <arpa/inet.h>
#include "fake_net.h"
#include "unit.h"

#define NAMES_MAX 40
#define LINES_MAX 100

static struct fake_answer script[NAMES_MAX + 1];
static struct dns_txt texts[LINES_MAX];
static char matches[NAMES_MAX][300], lines[16384];
static size_t nnames, ntexts;
static int ncalls;
static struct net *net;

static int set_up(void **state)
{
	struct net_conf conf = { .ca_file = "" };
	struct err error;

	(void)state;
	memset(script, 0, sizeof(script));
	nnames = ntexts = 0;
	ncalls = 0;
	return fake_net.open(&conf, &net, &error);
}

static int tear_down(void **state)
{
	(void)state;
	net = fake_net.close(net);
	return 0;
}

FIXTURE(set_up, tear_down);

static struct dns_answer *answer_of(const char *kind, const char *name)
{
	char match[300];

	snprintf(match, sizeof(match), "%s%s", kind, name);
	for (size_t i = 0; i < nnames; i++)
		if (!strcmp(matches[i], match))
			return &script[i].dns;
	assert_true(nnames < NAMES_MAX);
	snprintf(matches[nnames], sizeof(matches[0]), "%s", match);
	script[nnames].match = matches[nnames];
	script[nnames].dns.ttl_s = 3600;
	script[nnames].dns.has_ttl = true;
	return &script[nnames++].dns;
}

static void set_status(struct dns_answer *answer, const char *word)
{
	static const struct {
		const char *word;
		enum net_status status;
	} words[] = { { "nxdomain", NET_NXDOMAIN },
		      { "nodata", NET_NODATA },
		      { "servfail", NET_SERVFAIL },
		      { "refused", NET_REFUSED },
		      { "broken", NET_BROKEN } };

	answer->has_ttl = false;
	if (!strcmp(word, "timeout")) {
		script[nnames - 1].delay_ms = NEVER;
		return;
	}
	for (size_t i = 0; i < COUNT(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		answer->status = words[i].status;
		if (answer->status == NET_BROKEN)
			snprintf(answer->why, sizeof(answer->why), "malformed message");
		return;
	}
	fail_msg("no such status: %s", word);
}

static void add_text(struct dns_answer *answer, const char *text, size_t len)
{
	struct dns_txt **end = &answer->txts;

	assert_true(ntexts < LINES_MAX);
	while (*end)
		end = &(*end)->next;
	texts[ntexts] = (struct dns_txt){ .bytes = text, .len = len };
	*end = &texts[ntexts++];
}

static void add_address(struct dns_answer *answer, const char *text)
{
	if (inet_pton(AF_INET6, text, answer->a6[answer->na6]) == 1) {
		answer->na6++;
		return;
	}
	assert_int_equal(inet_pton(AF_INET, text, &answer->a[answer->na]), 1);
	answer->a[answer->na] = ntohl(answer->a[answer->na]);
	answer->na++;
}

/* "[KIND ]NAME VALUE", in place. */
static void add_line(char *line, const char *kind)
{
	char *value = strchr(line, ' '), *save = NULL;
	struct dns_answer *answer;
	long ttl;

	assert_non_null(value);
	*value++ = '\0';
	answer = answer_of(kind, line);
	if (*value == '!') {
		set_status(answer, value + 1);
		return;
	}
	ttl = *value == ':' ? strtol(value + 1, &value, 10) : 0;
	if (ttl) {
		answer->ttl_s = (uint32_t)ttl;
		value++;
	}
	if (!strcmp(kind, "TXT ")) {
		add_text(answer, value, strlen(value));
		return;
	}
	for (char *word = strtok_r(value, " ", &save); word; word = strtok_r(NULL, " ", &save))
		add_address(answer, word);
}

static void set_dns(const char *text)
{
	char *save = NULL;

	assert_true(strlen(text) < sizeof(lines));
	memcpy(lines, text, strlen(text) + 1);
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "A ", 2))
			add_line(line + 2, "");
		else if (!strncmp(line, "AAAA ", 5))
			add_line(line + 5, "AAAA ");
		else
			add_line(line, "TXT ");
	}
	/* A question for A begins with no word, so that its name is part of all others. */
	for (size_t i = 0; i + 1 < nnames; i++) {
		struct fake_answer first = script[0];

		if (strchr(first.match, ' '))
			break;
		memmove(script, script + 1, (nnames - 1) * sizeof(script[0]));
		script[nnames - 1] = first;
	}
	fake_net_script(script);
}

static void resolved(struct allow_query *query)
{
	(void)query;
	ncalls++;
}

static struct allow_query resolve(const char *name, bool is_spf)
{
	struct allow_query query = { .name = name,
				     .is_spf = is_spf,
				     .ops = &fake_net,
				     .net = net,
				     .deadline_ms = clock_mono_ms() + 5000,
				     .done = resolved };

	allow_resolve(&query);
	assert_int_equal(ncalls, 0);
	while (fake_net.turn(net, clock_mono_ms() + 6000))
		;
	assert_int_equal(ncalls, 1);
	return query;
}

static void assert_result(struct allow_query *query, const struct row *row)
{
	const char *why = row_text(row, "why");
	char nets[4096] = "", host[ADDR_TEXT_MAX];

	for (size_t i = 0; i < query->nnets; i++) {
		text_put(nets, sizeof(nets), i ? " " : "");
		text_put(nets, sizeof(nets), prefix_text(&query->nets[i], host));
	}
	free(query->nets);
	if (query->is_good != row_has(row, "networks"))
		fail_msg("is_good %d: %s", query->is_good, query->why);
	if (query->is_good)
		assert_string_equal(nets, row_text(row, "networks"));
	assert_int_equal(why != NULL, query->why[0] != '\0');
	if (why)
		assert_has(query->why, why);
}

ROWS(a_domain_has_the_networks_of_its_row)
{
	struct allow_query query;

	set_dns(row_text(row, "dns"));
	query = resolve("a.test", true);
	assert_result(&query, row);
	assert_int_equal(fake_seen.asked, row_number(row, "asked"));
	if (row_has(row, "skipped"))
		assert_int_equal(query.nskipped, row_number(row, "skipped"));
}

ROWS(a_host_has_the_addresses_of_its_row)
{
	struct allow_query query;

	set_dns(row_text(row, "dns"));
	query = resolve("host.test", false);
	assert_result(&query, row);
	assert_int_equal(fake_seen.asked, 2);
	if (row_has(row, "lost"))
		assert_int_equal(query.lost, row_choice(row, "lost", "A AAAA") ? NET_AAAA : NET_A);
	else
		assert_int_equal(query.lost, 0);
	if (query.is_good)
		assert_int_equal(query.ttl_s, row_number(row, "ttl"));
}

TEST(the_least_ttl_counts_of_all_records)
{
	struct allow_query query;

	set_dns("a.test :7200 v=spf1 include:b.test include:c.test\n"
		"b.test :600 v=spf1 ip4:192.0.2.1\n"
		"c.test :900 v=spf1 ip4:192.0.2.2");
	query = resolve("a.test", true);
	assert_true(query.is_good);
	assert_int_equal(query.ttl_s, 600);
	assert_int_equal(query.nnets, 2);
	free(query.nets);
}

TEST(a_record_that_is_cut_is_refused)
{
	struct allow_query query;

	set_dns("a.test v=spf1 ip4:192.0.2.1");
	texts[0].is_cut = true;
	query = resolve("a.test", true);
	assert_has(query.why, "a.test: its SPF record is longer than 4096 bytes");
	free(query.nets);
}

TEST(a_host_with_too_many_addresses_is_allowed_in_part_and_shown)
{
	struct allow_query query;

	set_dns("A host.test 192.0.2.1\nAAAA host.test !nodata");
	for (size_t i = 0; i < 2; i++)
		script[i].dns.is_cut = script[i].dns.status == NET_OK;
	query = resolve("host.test", false);
	assert_true(query.is_good);
	assert_int_equal(query.nnets, 1);
	assert_string_equal(query.why, "host.test: more than 16 addresses");
	free(query.nets);
}

TEST(records_that_are_left_out_may_be_spf)
{
	struct allow_query query;

	set_dns("a.test v=spf1 ip4:192.0.2.1");
	script[0].dns.is_cut = true;
	query = resolve("a.test", true);
	assert_has(query.why, "a.test: more than 64 TXT records");
	free(query.nets);
}

TEST(close_ends_what_is_under_way)
{
	struct allow_query query = { .name = "a.test",
				     .is_spf = true,
				     .ops = &fake_net,
				     .net = net,
				     .deadline_ms = clock_mono_ms() + 5000,
				     .done = resolved };

	set_dns("a.test !timeout");
	allow_resolve(&query);
	net = fake_net.close(net);
	assert_int_equal(ncalls, 1);
	assert_has(query.why, "a.test: timeout");
}

/* A term of any length, and names at their limits. */
TEST(long_terms_and_names_have_their_limits)
{
	static char text[1000];
	struct spf_reader reader;
	struct spf_term term;
	char label[64];

	memset(label, 'x', 63);
	label[63] = '\0';
	snprintf(text, sizeof(text), "v=spf1 include:%s.%s.%s.%.61s", label, label, label, label);
	spf_read(&reader, text, strlen(text));
	assert_int_equal(spf_next(&reader, &term), SPF_INCLUDE);
	assert_int_equal(strlen(term.name), 253);
	assert_int_equal(spf_next(&reader, &term), SPF_END);

	snprintf(text, sizeof(text), "v=spf1 include:%s.%s.%s.%.62s", label, label, label, label);
	spf_read(&reader, text, strlen(text));
	assert_int_equal(spf_next(&reader, &term), SPF_REFUSED);
	assert_has(term.why, "has no valid domain");

	snprintf(text, sizeof(text), "v=spf1 include:%sx.test", label);
	spf_read(&reader, text, strlen(text));
	assert_int_equal(spf_next(&reader, &term), SPF_REFUSED);

	memset(text, 'y', sizeof(text) - 1);
	memcpy(text, "v=spf1 exp=", 11);
	spf_read(&reader, text, 307);
	assert_int_equal(spf_next(&reader, &term), SPF_END);
	spf_read(&reader, text, 308);
	assert_int_equal(spf_next(&reader, &term), SPF_REFUSED);
}

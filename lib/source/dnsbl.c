/* SPDX-License-Identifier: MIT */
/*
 * dnsbl.c - DNS lists: RFC 5782 queries, and what an answer means
 *
 * An answer with an address that is no listing (dnsbl_code.h) is an error, whatever else it has; so
 * is one with more addresses than are kept, because such a code may be among the others.
 * The zone may hold a key: details never show it.
 */
#include "source/source.h"
#include "base/buf.h"
#include "base/mask.h"
#include "base/random.h"
#include "source/dnsbl_code.h"
#include "source/dnsbl_health.h"
#include <stdio.h>
#include <string.h>

#define TXT_WAIT_MS   1000 /* the reason is for people only */
#define LABEL_LEN     16
#define FLEET_CACHE_S 60 /* a pardon counts a minute later */

/* Over this path only the resolver can answer: c-ares uses one UDP port. */
static bool is_trusted(const struct ask *ask)
{
	switch (ask->conf->confirm_tcp) {
	case CONFIRM_NO:
		return true;
	case CONFIRM_YES:
		break;
	case CONFIRM_AUTO:
		if (ask->ops->is_local && ask->ops->is_local(ask->net))
			return true;
		break;
	}
	return ask->task->tcp & SOURCE_BIT(ask->row);
}

static void answer_error(struct ask *ask, enum finding_status status, const char *why)
{
	ask->answer.status = (uint8_t)status;
	ask->answer.listed = false;
	ask->answer.points = 0;
	snprintf(ask->answer.detail, sizeof(ask->answer.detail), "%s", why);
	dnsbl_health_conclude(ask);
}

static void keep_until(struct ask *ask, const struct dns_answer *answer)
{
	int64_t ttl = answer->has_ttl ? (int64_t)answer->ttl_s : 0;

	if (ask->source->is_fleet && ttl > FLEET_CACHE_S)
		ttl = FLEET_CACHE_S;
	if (ttl < ask->conf->cache_min_s)
		ttl = ask->conf->cache_min_s;
	if (ttl > ask->conf->cache_max_s)
		ttl = ask->conf->cache_max_s;
	ask->answer.answered_at = clock_now_s(&ask->clock);
	ask->answer.expires_at = ask->answer.answered_at + ttl;
}

/* Some lists repeat the whole question in their reason. */
static bool says_key(const struct ask *ask, const char *text, size_t len)
{
	size_t length = strcspn(ask->source->zone, "%");
	char key[64];

	if (!ask->source->asked_zone)
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(ask->source->asked_zone + length, "."),
		 ask->source->asked_zone + length);
	return text_shows(text, len, key);
}

static void got_reason(void *user, const struct dns_answer *answer)
{
	struct ask *ask = user;
	char text[120];

	if (answer->status == NET_OK && answer->txt_len) {
		text_mask(text, sizeof(text), answer->txt, answer->txt_len);
		if (!says_key(ask, answer->txt, answer->txt_len))
			snprintf(ask->answer.detail, sizeof(ask->answer.detail), "\"%s\"", text);
	}
	dnsbl_health_conclude(ask);
}

static void query_name(struct ask *ask, const char *entry, int type, int64_t deadline_ms,
		       void (*cb)(void *user, const struct dns_answer *answer))
{
	char name[ADDR_REVERSE_MAX + LABEL_LEN + CONF_TEXT_MAX + 2];

	snprintf(name, sizeof(name), "%s.%s", entry, source_zone(ask->source));
	ask->ops->dns(ask->net, name, type, ask->task->tcp & SOURCE_BIT(ask->row), deadline_ms, cb,
		      ask);
	explicit_bzero(name, sizeof(name));
}

static void query_list(struct ask *ask, int type, int64_t deadline_ms,
		       void (*cb)(void *user, const struct dns_answer *answer))
{
	char entry[ADDR_REVERSE_MAX];

	addr_reverse(&ask->task->addr, entry);
	query_name(ask, entry, type, deadline_ms, cb);
}

/* What the self-test asks for. */
static bool is_test_address(const struct ask *ask)
{
	static const uint8_t bytes[16] = { [10] = 0xff, 0xff, 127, 0, 0, 2 };

	return !memcmp(ask->task->addr.bytes, bytes, sizeof(bytes));
}

static bool is_test_entry(const struct ask *ask, uint32_t ip)
{
	return is_test_address(ask) && dnsbl_code_is_test(ask->source, ip);
}

/* How many different addresses an answer may have. In the list of a fleet each host has its own. */
static size_t most_answers(const struct conf_source *list)
{
	if (list->is_fleet)
		return A_MAX;
	return ANSWERS_MAX;
}

/* For people: the points are those of all addresses. Of more than are kept, pardons come first. */
static void keep_answers(const struct ask *ask, const struct dns_answer *answer,
			 struct finding *finding)
{
	const struct pattern *points = &ask->source->points;

	for (size_t i = 0; i < answer->na && answer->na > ANSWERS_MAX; i++)
		if (finding->na < ANSWERS_MAX && points_points(points, &answer->a[i], 1) < 0)
			finding->a[finding->na++] = answer->a[i];
	for (size_t i = 0; i < answer->na && finding->na < ANSWERS_MAX; i++)
		if (answer->na <= ANSWERS_MAX || points_points(points, &answer->a[i], 1) >= 0)
			finding->a[finding->na++] = answer->a[i];
}

static void query_reason(struct ask *ask)
{
	int64_t now = clock_mono_ms(), deadline = ask->deadline_ms;

	if (now + TXT_WAIT_MS < deadline)
		deadline = now + TXT_WAIT_MS;
	if (ask->answer.points && deadline > now)
		query_list(ask, NET_TXT, deadline, got_reason);
	else
		dnsbl_health_conclude(ask);
}

/* ---- wildcards ---- */

static void got_sibling(void *user, const struct dns_answer *answer)
{
	struct ask *ask = user;

	switch (answer->status) {
	case NET_OK:
		ask->answer = (struct finding){ .status = FINDING_SKIPPED };
		snprintf(ask->answer.detail, sizeof(ask->answer.detail),
			 "not counted: listed by a wildcard, which no host of a fleet publishes");
		dnsbl_health_conclude(ask);
		return;
	case NET_NXDOMAIN:
	case NET_NODATA:
		query_reason(ask);
		return;
	case NET_TIMEOUT:
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		break;
	}
	answer_error(ask, FINDING_ERROR, "not believed: the probe for a wildcard got no answer");
}

/*
 * The key of one host can add *.45.ZONE, which three random addresses rarely hit. A name that is no
 * address and differs from this one in its first label has a record only if a wildcard gave both.
 */
static void query_sibling(struct ask *ask)
{
	char reverse[ADDR_REVERSE_MAX], entry[ADDR_REVERSE_MAX + LABEL_LEN];

	addr_reverse(&ask->task->addr, reverse);
	for (int i = 0; i < LABEL_LEN; i++)
		entry[i] = (char)('a' + random_below(26));
	snprintf(entry + LABEL_LEN, sizeof(entry) - LABEL_LEN, "%s", strchr(reverse, '.'));
	query_name(ask, entry, NET_A, ask->deadline_ms, got_sibling);
}

static void answer_listed(struct ask *ask, const struct dns_answer *answer)
{
	struct finding *finding = &ask->answer;
	size_t most = most_answers(ask->source);
	char why[DETAIL_MAX];

	for (size_t i = 0; i < answer->na && i < most; i++) {
		if (dnsbl_code_of(ask->source, answer->a[i], why) == CODE_LISTING ||
		    is_test_entry(ask, answer->a[i]))
			continue;
		dnsbl_health_begin(ask, true);
		answer_error(ask, FINDING_ERROR, why);
		return;
	}
	if (answer->is_cut || answer->na > most) {
		snprintf(why, sizeof(why), "answered more than %zu different addresses", most);
		answer_error(ask, FINDING_ERROR, why);
		return;
	}
	finding->status = FINDING_OK;
	finding->listed = true;
	finding->trusted = is_trusted(ask);
	keep_answers(ask, answer, finding);
	finding->points = points_points(&ask->source->points, answer->a, answer->na);
	keep_until(ask, answer);
	if (finding->points) /* together with the query for the reason */
		dnsbl_health_begin(ask, true);
	if (finding->points && ask->source->is_fleet && !is_test_address(ask))
		query_sibling(ask);
	else
		query_reason(ask);
}

/* "timeout after 2400 ms (resolver 192.0.2.53:53 over TCP)" */
static void put_failure(char why[DETAIL_MAX], const struct dns_answer *answer)
{
	snprintf(why, DETAIL_MAX, "%s", net_status_text(answer->status));
	if (answer->status == NET_TIMEOUT)
		snprintf(why, DETAIL_MAX, "timeout after %d ms", answer->waited_ms);
	if (*answer->why) {
		text_put(why, DETAIL_MAX, ": ");
		text_put(why, DETAIL_MAX, answer->why);
	}
	if (*answer->from) {
		text_put(why, DETAIL_MAX, " (resolver ");
		text_put(why, DETAIL_MAX, answer->from);
		text_put(why, DETAIL_MAX, ")");
	}
}

/* Without TCP no listing makes a block, and nothing else would show it. */
static void note_tcp(const struct ask *ask, const struct dns_answer *answer)
{
	if (!(ask->task->tcp & SOURCE_BIT(ask->row)))
		return;
	if (answer->replied)
		ask->task->tcp_works = true;
	else if (*answer->from)
		put_failure(ask->task->no_tcp, answer);
}

/* What this host has published is no evidence: its blocks would last as long as it publishes them.
 */
static void drop_own(const struct ask *ask, struct dns_answer *answer)
{
	size_t count = 0;

	if (!ask->source->is_fleet || !*ask->conf->fleet_zone)
		return;
	for (size_t i = 0; i < answer->na; i++)
		if (answer->a[i] >> 24 != 127 ||
		    (answer->a[i] >> 8 & 0xffff) != (uint32_t)ask->conf->fleet_host)
			answer->a[count++] = answer->a[i];
	answer->na = count;
}

static void answer_not_listed(struct ask *ask, const struct dns_answer *answer, const char *detail)
{
	ask->answer.status = FINDING_OK;
	snprintf(ask->answer.detail, sizeof(ask->answer.detail), "%s", detail);
	ask->answer.trusted = is_trusted(ask);
	keep_until(ask, answer);
	dnsbl_health_conclude(ask);
}

static void answer_addresses(struct ask *ask, const struct dns_answer *answer)
{
	struct dns_answer others = *answer;

	drop_own(ask, &others);
	if (others.na || others.is_cut)
		answer_listed(ask, &others);
	else
		answer_not_listed(ask, answer, "listed by this host only");
}

static void got_answer(void *user, const struct dns_answer *answer)
{
	struct ask *ask = user;
	char why[DETAIL_MAX];

	note_tcp(ask, answer);
	switch (answer->status) {
	case NET_OK:
		if (answer->na)
			answer_addresses(ask, answer);
		else
			answer_error(ask, FINDING_ERROR, "an answer without an address");
		return;
	case NET_NXDOMAIN:
	case NET_NODATA:
		answer_not_listed(ask, answer, "not listed");
		return;
	case NET_TIMEOUT:
		put_failure(why, answer);
		answer_error(ask, FINDING_TIMEOUT, why);
		return;
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		break;
	}
	put_failure(why, answer);
	answer_error(ask, FINDING_ERROR, why);
}

static void dnsbl_ask(struct ask *ask)
{
	if (ask->source->no_key) {
		ask->answer.status = FINDING_SKIPPED;
		snprintf(ask->answer.detail, sizeof(ask->answer.detail),
			 "not asked: its key cannot be read");
		ask->done(ask);
		return;
	}
	dnsbl_health_begin(ask, false);
	if (dnsbl_health_is_bad(ask->health) && !ask->health->probing)
		dnsbl_health_conclude(ask);
	else
		query_list(ask, NET_A, ask->deadline_ms, got_answer);
}

const struct source_kind source_dnsbl = { .type = SOURCE_DNSBL, .ask = dnsbl_ask };

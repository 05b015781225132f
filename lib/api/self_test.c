/* SPDX-License-Identifier: MIT */
/*
 * self_test.c - are the sources usable? Every list's test points, the API key, and the fleet
 *
 * One task for 127.0.0.2, which every list must have (RFC 5782, 5), past all guards; the probe of
 * the lists does the rest. Some working lists lack 127.0.0.2: test_entry = no.
 */
#include "reputation/feed_status.h"
#include "api/iprep_private.h"
#include "base/buf.h"
#include "base/time.h"
#include "reputation/engine.h"
#include "reputation/fleet_probe.h"
#include "reputation/lookup.h"
#include "reputation/quota.h"
#include "reputation/dnsbl_health_store.h"
#include "store/publications.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *key_error;
	struct session session;
	struct task task;
	int tcp_row;	    /* of the list that is asked over TCP; -1: TCP is not needed */
	struct finding udp; /* what it said before */
	bool tcp_works;
	char no_tcp[DETAIL_MAX];
	bool fed;
	struct feed_status *feeds; /* malloc'd; in the order of the configuration */
	struct fleet_probe fleet;  /* only with [fleet] */
};

static enum supply_state next_test_point(void *user, struct task **ret, int *ret_wait_ms)
{
	struct test *test = user;

	*ret_wait_ms = 0;
	if (test->fed)
		return SUPPLY_END;
	test->fed = true;
	*ret = &test->task;
	return SUPPLY_TASK;
}

/* One list is enough to see whether a resolver answers over TCP. */
static source_set test_over_tcp(struct test *test)
{
	for (size_t i = 0; i < test->session.conf->nsources; i++) {
		const struct finding *finding = &test->task.findings[i];

		if (test->session.conf->sources[i].type != SOURCE_DNSBL ||
		    finding->status != FINDING_OK || finding->trusted)
			continue;
		test->tcp_row = (int)i;
		test->udp = *finding;
		test->task.tcp = SOURCE_BIT(i);
		return SOURCE_BIT(i);
	}
	return 0;
}

static source_set test_point_settled(void *user, struct task *task)
{
	struct test *test = user;

	if (test->tcp_row >= 0) {
		test->task.findings[test->tcp_row] = test->udp;
		test->tcp_works = task->tcp_works;
		memcpy(test->no_tcp, task->no_tcp, sizeof(test->no_tcp));
		lookup_note_tcp(&test->session, task);
		return 0;
	}
	if (test->session.store && task->asked && test->session.conf->abuseipdb >= 0)
		quota_note(&test->session, "check", &task->quota);
	dnsbl_health_keep(&test->session);
	return test_over_tcp(test);
}

static int run_test_points(struct test *test, int timeout_ms)
{
	const struct session *session = &test->session;
	struct task_supply supply = { .user = test,
				      .window_max = 1,
				      .task_ms = timeout_ms,
				      .next = next_test_point,
				      .settled = test_point_settled };

	for (size_t i = 0; i < session->conf->nsources; i++) {
		if (session->conf->sources[i].type == SOURCE_FEED)
			continue;
		test->task.ask |= SOURCE_BIT(i);
		dnsbl_health_forget(&session->health->rows[i]);
	}
	return engine_run(session, &supply);
}

static void say_answer(const struct finding *finding, char why[DETAIL_MAX])
{
	struct in_addr in_addr = { .s_addr = htonl(finding->a[0]) };
	char text[INET_ADDRSTRLEN];

	if (finding->listed)
		snprintf(why, DETAIL_MAX, "127.0.0.1 is not listed, 127.0.0.2 is, as %s",
			 inet_ntop(AF_INET, &in_addr, text, sizeof(text)));
	else
		snprintf(why, DETAIL_MAX, "127.0.0.1 is not listed; test_entry = no");
}

static void judge_list(const struct test *test, size_t i, struct iprep_source *row,
		       char why[DETAIL_MAX])
{
	const struct health *health = &test->session.health->rows[i];
	const struct finding *finding = &test->task.findings[i];

	row->probed_at = health->state.probed_at[0];
	if (health->state.probed_at[0])
		row->latency_ms = health->state.latency_ms;
	else
		row->latency_ms = -1;
	row->state = IPREP_SRC_SILENT;
	snprintf(why, DETAIL_MAX, "%s", finding->detail);
	if (test->session.conf->sources[i].no_key) {
		row->state = IPREP_SRC_NO_KEY;
		snprintf(why, DETAIL_MAX, "its key cannot be read: %.120s",
			 test->session.conf->sources[i].key_file);
	} else if (dnsbl_health_is_bad(health)) {
		row->state = IPREP_SRC_QUARANTINED;
		if (health->state.state[0] == ZONE_EMPTY)
			row->state = IPREP_SRC_MISMATCH;
		snprintf(why, DETAIL_MAX, "%s", health->state.why);
	} else if (finding->status == FINDING_OK && !health->state.probed_at[0]) {
		snprintf(why, DETAIL_MAX, "not believed: %.140s", health->doubt[0]);
	} else if (finding->status == FINDING_OK) {
		row->state = IPREP_SRC_OK;
		say_answer(finding, why);
		if (health->state.state[1] == ZONE_EMPTY)
			snprintf(why + strlen(why), DETAIL_MAX - strlen(why),
				 "; no IPv6 test entry");
		else if (health->state.state[1] != ZONE_GOOD)
			snprintf(why + strlen(why), DETAIL_MAX - strlen(why),
				 "; no answer for IPv6");
	}
}

/* No network: what the worker has brought. */
static void judge_feed(const struct feed_status *status, struct iprep_source *row,
		       char why[DETAIL_MAX])
{
	static const enum iprep_source_state states[] = { [IPREP_FEED_NONE] = IPREP_SRC_NONE,
							  [IPREP_FEED_OK] = IPREP_SRC_OK,
							  [IPREP_FEED_OLD] = IPREP_SRC_OLD };
	char when[TIME_TEXT_MAX];

	row->latency_ms = -1;
	if (!status->feed.name) {
		row->state = IPREP_SRC_UNKNOWN;
		snprintf(why, DETAIL_MAX, "not known without access to the state");
		return;
	}
	row->state = states[status->feed.state];
	if (status->feed.state == IPREP_FEED_NONE && !*status->why) {
		snprintf(why, DETAIL_MAX, "no download yet; run rep-report --flush");
		return;
	}
	if (status->feed.state == IPREP_FEED_NONE) {
		snprintf(why, DETAIL_MAX, "no download yet: %.130s", status->why);
		return;
	}
	snprintf(why, DETAIL_MAX, "%s%lld entries, downloaded %s%s%.80s",
		 status->feed.state == IPREP_FEED_OLD ? "not used: " : "",
		 (long long)status->feed.entries,
		 time_text(status->feed.good_at, TIME_FOR_PEOPLE, when),
		 *status->why ? "; the last try failed: " : "", status->why);
}

static void judge_api(const struct test *test, size_t i, struct iprep_source *row,
		      char why[DETAIL_MAX])
{
	const struct finding *finding = &test->task.findings[i];

	row->latency_ms = -1;
	row->state = IPREP_SRC_SILENT;
	if (finding->status == FINDING_OK)
		row->state = IPREP_SRC_OK;
	else if (test->task.quota.auth_failed)
		row->state = IPREP_SRC_REFUSED;
	snprintf(why, DETAIL_MAX, "%s", finding->detail);
	if (finding->status == FINDING_OK && test->task.quota.remaining >= 0)
		snprintf(why, DETAIL_MAX, "the key is good, %lld of %lld checks left today",
			 (long long)test->task.quota.remaining, (long long)test->task.quota.limit);
	else if (finding->status == FINDING_OK)
		snprintf(why, DETAIL_MAX, "the key is good");
}

/* A row only where TCP is needed. */
static bool judge_tcp(const struct test *test,
		      void (*row)(void *user, const struct iprep_source *source), void *user)
{
	char why[DETAIL_MAX + 160];
	struct iprep_source s = {
		.name = "DNS over TCP", .state = IPREP_SRC_OK, .latency_ms = -1, .why = why
	};

	if (test->tcp_row < 0)
		return true;
	snprintf(why, sizeof(why), "the resolver answers: listings can create blocks");
	if (!test->tcp_works) {
		s.state = IPREP_SRC_SILENT;
		snprintf(why, sizeof(why),
			 "%s: listings create no blocks; allow TCP port 53 to the resolver, use "
			 "one on this host, or set [dns] confirm_tcp = no",
			 test->no_tcp);
	}
	row(user, &s);
	return test->tcp_works;
}

static int test_fleet(struct test *test)
{
	struct fleet_state state = { .place = "" };
	int rc = 0;

	if (!*test->session.conf->fleet_zone)
		return 0;
	if (test->session.store)
		rc = store_fleet_get(test->session.store, &state);
	if (rc < 0)
		return rc;
	return fleet_probe_run(&test->session, test->session.store ? state.identity : NULL,
			       &test->fleet);
}

/* A row only with [fleet]: a host that only reads the zone has the list. */
static bool judge_fleet(const struct test *test,
			void (*row)(void *user, const struct iprep_source *source), void *user)
{
	struct iprep_source s = { .name = "fleet server",
				  .state = (int)test->fleet.state,
				  .latency_ms = test->fleet.latency_ms,
				  .why = test->fleet.why };

	if (!*test->session.conf->fleet_zone)
		return true;
	row(user, &s);
	return s.state == IPREP_SRC_OK;
}

/* No key file is a choice; a key that may not be read is not. */
static void judge_no_key(const struct test *test,
			 void (*row)(void *user, const struct iprep_source *source), void *user,
			 bool *ret_passed)
{
	struct iprep_source s = { .name = "abuseipdb", .state = IPREP_SRC_OFF, .latency_ms = -1 };
	char why[600];

	s.why = why;
	if (*test->key_error) {
		s.state = IPREP_SRC_NO_KEY;
		*ret_passed = false;
		snprintf(why, sizeof(why), "%.511s: neither asked nor reported to",
			 test->key_error);
	} else {
		snprintf(why, sizeof(why), "no key in %.100s: neither asked nor reported to",
			 text_filled(test->session.conf->key_file, "[abuseipdb] key_file"));
	}
	row(user, &s);
}

/*
 * A feed that was switched on a moment ago, or that may not be looked at, is no failure. One whose
 * downloads fail is, as is one that is too old.
 */
static bool is_failure(const struct conf_source *source, const struct feed_status *status,
		       int state)
{
	if (state == IPREP_SRC_OK)
		return false;
	if (source->type != SOURCE_FEED || state == IPREP_SRC_OLD)
		return true;
	return *status->why != '\0';
}

static void judge_test_point(const struct test *test,
			     void (*row)(void *user, const struct iprep_source *source), void *user,
			     bool *ret_passed)
{
	const struct conf *conf = test->session.conf;
	const struct feed_status *feed = test->feeds;
	bool gives_points = false, failed = false;
	char why[DETAIL_MAX];

	for (size_t i = 0; i < conf->nsources; i++) {
		const struct conf_source *source = &conf->sources[i];
		struct iprep_source s = { .name = source->name, .why = why };

		if (source->type == SOURCE_FEED)
			judge_feed(feed, &s, why);
		else if (source->type == SOURCE_ABUSEIPDB)
			judge_api(test, i, &s, why);
		else
			judge_list(test, i, &s, why);
		gives_points |= s.state == IPREP_SRC_OK && source->most > 0;
		failed |= is_failure(source, feed, s.state);
		feed += source->type == SOURCE_FEED;
		row(user, &s);
	}
	*ret_passed = gives_points && !failed;
	if (!judge_tcp(test, row, user))
		*ret_passed = false;
	if (!judge_fleet(test, row, user))
		*ret_passed = false;
	if (conf->abuseipdb < 0)
		judge_no_key(test, row, user, ret_passed);
}

int iprep_test_sources(struct iprep_ctx *ctx, unsigned flags, int timeout_ms,
		       void (*row)(void *user, const struct iprep_source *source), void *user,
		       bool *ret_passed)
{
	struct test test = { .task = { .kind = TASK_LOOKUP }, .tcp_row = -1 };
	int rc = ctx_read_key(ctx, KEY_TO_SHOW);

	if (!rc && !(flags & IPREP_NO_STATE))
		rc = ctx_open_store(ctx, STORE_WORK);
	if (rc)
		return rc;
	test.session = ctx_env(ctx);
	test.key_error = ctx->key_error;
	if (flags & IPREP_NO_STATE) {
		test.session.store = NULL;
		test.session.feeds = NULL;
	}
	test.task.findings = calloc(test.session.conf->nsources + 1, sizeof(*test.task.findings));
	test.feeds = calloc(feed_status_count(test.session.conf) + 1, sizeof(*test.feeds));
	if (!test.task.findings || !test.feeds || !addr_parse("127.0.0.2", &test.task.addr))
		rc = err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	else
		rc = dnsbl_health_load(&test.session);
	if (!rc && test.session.store && test.session.conf->abuseipdb >= 0)
		rc = store_quota_take(test.session.store, "check", 1);
	if (!rc && test.session.store)
		rc = feed_status_read(&test.session, test.feeds);
	if (rc >= 0)
		rc = run_test_points(&test,
				     timeout_ms > 0 ? timeout_ms : test.session.conf->timeout_ms);
	if (!rc)
		rc = test_fleet(&test);
	if (!rc)
		judge_test_point(&test, row, user, ret_passed);
	free(test.task.findings);
	free(test.feeds);
	return rc;
}

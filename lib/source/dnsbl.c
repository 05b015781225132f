/* SPDX-License-Identifier: MIT */
/*
 * dnsbl.c - DNS lists: RFC 5782 queries, and what an answer means
 *
 * An answer outside 127.0.0.0/8, 127.0.0.1, or in 127.255.255.0/24 (Spamhaus' error codes) is an
 * error, never a listing; so is 127.0.0.255 in an allowlist (dnswl.org: "you are blocked").
 * The zone may hold a key: details never show it.
 */
#include "source/source.h"
#include "base/buf.h"
#include "source/dnsbl_health.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TXT_WAIT_MS 1000 /* the reason is a courtesy */

/* Over this path nobody but the resolver can answer: c-ares asks from one UDP port. */
static bool is_trusted(const struct ask *a)
{
	switch (a->conf->confirm_tcp) {
	case CONFIRM_NO:
		return true;
	case CONFIRM_YES:
		break;
	case CONFIRM_AUTO:
		if (a->ops->is_local && a->ops->is_local(a->net))
			return true;
		break;
	}
	return a->task->tcp & SOURCE_BIT(a->row);
}

static void error(struct ask *a, enum finding_status status, const char *why)
{
	a->answer.status = (uint8_t)status;
	a->answer.listed = false;
	a->answer.points = 0;
	snprintf(a->answer.detail, sizeof(a->answer.detail), "%s", why);
	dnsbl_health_conclude(a);
}

static bool is_error_code(const struct ask *a, uint32_t ip)
{
	return ip >> 24 != 127 || ip == 0x7f000001 || ip >> 8 == 0x7fffff ||
	       (ip == 0x7f0000ff && points_is_negative(&a->source->points));
}

static void keep_until(struct ask *a, const struct dns_answer *d)
{
	int64_t ttl = d->has_ttl ? (int64_t)d->ttl_s : 0;

	if (ttl < a->conf->cache_min_s)
		ttl = a->conf->cache_min_s;
	if (ttl > a->conf->cache_max_s)
		ttl = a->conf->cache_max_s;
	a->answer.answered_at = clock_now_s(&a->clock);
	a->answer.expires_at = a->answer.answered_at + ttl;
}

/* Some lists repeat the whole question in their reason. */
static bool says_key(const struct ask *a, const char *text, size_t len)
{
	size_t n = strcspn(a->source->zone, "%");
	char key[64];

	if (!a->source->asked_zone)
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)strcspn(a->source->asked_zone + n, "."),
		 a->source->asked_zone + n);
	return text_shows(text, len, key);
}

static void got_reason(void *user, const struct dns_answer *d)
{
	struct ask *a = user;
	char text[120];

	if (d->status == NET_OK && d->txt_len) {
		text_mask(text, sizeof(text), d->txt, d->txt_len);
		if (!says_key(a, d->txt, d->txt_len))
			snprintf(a->answer.detail, sizeof(a->answer.detail), "\"%s\"", text);
	}
	dnsbl_health_conclude(a);
}

static void query(struct ask *a, int type, int64_t deadline_ms,
		  void (*cb)(void *user, const struct dns_answer *d))
{
	char name[ADDR_REVERSE_MAX + CONF_TEXT_MAX + 2];
	size_t n;

	addr_reverse(&a->task->addr, name);
	n = strlen(name);
	snprintf(name + n, sizeof(name) - n, ".%s", source_zone(a->source));
	a->ops->dns(a->net, name, type, a->task->tcp & SOURCE_BIT(a->row), deadline_ms, cb, a);
	explicit_bzero(name, sizeof(name));
}

static void listed(struct ask *a, const struct dns_answer *d)
{
	struct finding *f = &a->answer;
	char text[INET_ADDRSTRLEN], why[64];
	int64_t now = clock_mono_ms(), deadline;

	for (size_t i = 0; i < d->na; i++) {
		struct in_addr ip = { htonl(d->a[i]) };

		if (!is_error_code(a, d->a[i]))
			continue;
		snprintf(why, sizeof(why), "answered %s, an error code",
			 inet_ntop(AF_INET, &ip, text, sizeof(text)));
		dnsbl_health_begin(a, true);
		error(a, FINDING_ERROR, why);
		return;
	}
	f->status = FINDING_OK;
	f->listed = true;
	f->trusted = is_trusted(a);
	f->na = (uint8_t)d->na;
	memcpy(f->a, d->a, d->na * sizeof(d->a[0]));
	f->points = points_points(&a->source->points, d->a, d->na);
	keep_until(a, d);
	deadline = now + TXT_WAIT_MS < a->deadline_ms ? now + TXT_WAIT_MS : a->deadline_ms;
	if (f->points && deadline > now)
		query(a, NET_TXT, deadline, got_reason);
	else
		dnsbl_health_conclude(a);
}

static void got_answer(void *user, const struct dns_answer *d)
{
	struct ask *a = user;
	char why[DETAIL_MAX];

	switch (d->status) {
	case NET_OK:
		if (d->na)
			listed(a, d);
		else
			error(a, FINDING_ERROR, "an answer without an address");
		return;
	case NET_NXDOMAIN:
	case NET_NODATA:
		a->answer.status = FINDING_OK;
		snprintf(a->answer.detail, sizeof(a->answer.detail), "not listed");
		a->answer.trusted = is_trusted(a);
		keep_until(a, d);
		dnsbl_health_conclude(a);
		return;
	case NET_TIMEOUT:
		snprintf(why, sizeof(why), "timeout after %lld ms",
			 (long long)(a->deadline_ms - a->asked_ms));
		error(a, FINDING_TIMEOUT, why);
		return;
	case NET_REFUSED:
	case NET_SERVFAIL:
	case NET_BROKEN:
		break;
	}
	snprintf(why, sizeof(why), "%s%s%s", net_status_text(d->status), *d->why ? ": " : "",
		 d->why);
	error(a, FINDING_ERROR, why);
}

static void dnsbl_ask(struct ask *a)
{
	if (a->source->no_key) {
		a->answer.status = FINDING_SKIPPED;
		snprintf(a->answer.detail, sizeof(a->answer.detail),
			 "not asked: its key cannot be read");
		ask_done(a);
		return;
	}
	dnsbl_health_begin(a, false);
	if (dnsbl_health_is_bad(a->health) && !a->health->probing)
		dnsbl_health_conclude(a);
	else
		query(a, NET_A, a->deadline_ms, got_answer);
}

const struct source_kind source_dnsbl = { .type = SOURCE_DNSBL, .ask = dnsbl_ask };

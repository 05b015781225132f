/* SPDX-License-Identifier: MIT */
#include "reputation/gate.h"
#include "base/buf.h"
#include "reputation/lookup.h"
#include "reputation/dnsbl_health_store.h"
#include <stdlib.h>

#define AGAIN_AFTER_S 60 /* a block is announced at most once a minute */
#define NET_BITS_V4   (96 + 24)
#define NET_BITS_V6   48

int gate_seen_again(const struct session *session, const struct block *b, const char *jail)
{
	int64_t now = clock_now_s(&session->clock);
	int r;

	if (b->due)
		return 1;
	if (b->announced_at > now - AGAIN_AFTER_S && b->announced_at <= now)
		return 0;
	r = store_block_mark_due(session->store, &b->key, jail);
	return r ? r : 1;
}

/* What the cache knows settles it: not confirmed, and nobody left to ask. */
static int cache_settles(const struct session *session, const struct addr *key)
{
	struct finding *f = calloc(session->conf->nsources + 1, sizeof(*f));
	struct verdict v;
	int r;

	if (!f)
		return IPREP_E_NOMEM;
	r = store_findings_get(session->store, session->conf, key, f);
	if (r > 0) {
		int n = dnsbl_health_load(session);

		r = n < 0 ? n : r;
		dnsbl_health_mark(session, f);
	}
	if (r > 0) {
		verdict_weigh(session->conf, f, AMBIGUOUS, ~(source_set)0, &v);
		r = v.kind != V_CONFIRMED && !v.ask;
	}
	free(f);
	return r;
}

static int add_job(const struct session *session, const struct addr *a, const struct addr *key,
		   const char *jail)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job j = {
		.key = *key, .addr = *a, .origin = AMBIGUOUS, .since = now, .next_at = now
	};
	int near = 0, all = 0, r;

	r = store_begin(session->store, STORE_FAST);
	if (r)
		return r;
	r = store_lookup_crowd(session->store, key, addr_is_v4(a) ? NET_BITS_V4 : NET_BITS_V6,
			       &near, &all);
	if (!r && near < LOOKUPS_NET_MAX && all < LOOKUPS_MAX) {
		text_put(j.jail, sizeof(j.jail), jail);
		r = store_lookup_put(session->store, &j);
		r = r ? r : 1;
	}
	return store_end(session->store, r);
}

static int ask_later(const struct session *session, const struct addr *a, const struct addr *key,
		     const char *jail)
{
	int r = store_lookup_get(session->store, key, NULL);

	if (r)
		return r < 0 ? r : 0; /* one job however many lines */
	r = cache_settles(session, key);
	if (r)
		return r < 0 ? r : 0;
	return add_job(session, a, key, jail);
}

/* 1: enough different names were tried. At a restore fail2ban 1.0 does not tell which. */
static int sprays(const struct session *session, const struct addr *key,
		  const struct gate_line *line, bool quiet)
{
	int n = 0;

	if (!line->user && !line->restored)
		return 0;
	if (!quiet)
		n = store_sighting_put(session->store, key, line->user, line->user_len);
	if (!n)
		n = store_sightings(session->store, key, session->conf->spray_window_s);
	return n < 0 ? n : n >= session->conf->spray_users;
}

static int ask_disk(const struct session *session, const struct addr *key,
		    const struct gate_line *line, bool *ret_count, bool *ret_wake)
{
	bool quiet = line->restored || store_is_read_only(session->store);
	struct block b;
	int r = store_block_of(session->store, &line->addr, key, &b), spray;

	if (r < 0)
		return r;
	/* a jail that counts names reports: there a block, which is a score, must not count; a
	 * restore reports nothing */
	*ret_count = r > 0 && b.first_at > 0 && (!line->names || line->restored);
	spray = sprays(session, key, line, quiet);
	*ret_count |= spray > 0;
	if (!quiet)
		r = r > 0 ? gate_seen_again(session, &b, line->jail)
			  : ask_later(session, &line->addr, key, line->jail);
	*ret_wake = !quiet && r > 0;
	/* the block is the answer, whatever could not be written besides */
	return r < 0 || *ret_count ? r : spray;
}

int gate_stands(const struct session *session, const struct prefix *p, bool *ret_stands,
		struct err *e)
{
	struct addr key = addr_key(&p->addr, session->conf->ipv6_prefix);
	struct block b;
	int r;

	*ret_stands = false;
	if (lookup_guard(session->conf, &p->addr, true))
		return 0;
	r = store_pardoned(session->store, &key);
	if (r)
		return r < 0 ? err_set(e, r, "%s", store_err(session->store)->text) : 0;
	r = store_block_of(session->store, &p->addr, &key, &b);
	if (r < 0)
		return err_set(e, r, "%s", store_err(session->store)->text);
	*ret_stands = r > 0;
	return 0;
}

int gate_ask(const struct session *session, const struct gate_line *line, bool *ret_count,
	     bool *ret_wake, struct err *e)
{
	struct addr key = addr_key(&line->addr, session->conf->ipv6_prefix);
	bool count = false, wake = false;
	int r;

	*ret_count = *ret_wake = false;
	if (lookup_guard(session->conf, &line->addr, true))
		return 0;
	r = store_pardoned(session->store, &key);
	if (!r)
		r = ask_disk(session, &key, line, &count, &wake);
	if (r < 0)
		return err_set(e, r, "%s", store_err(session->store)->text);
	*ret_count = count;
	*ret_wake = wake;
	return 0;
}

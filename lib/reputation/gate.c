/* SPDX-License-Identifier: MIT */
#include "reputation/gate.h"
#include "base/buf.h"
#include "reputation/feeds.h"
#include "reputation/fleet.h"
#include "reputation/guard.h"
#include "reputation/quota.h"
#include "reputation/verdict.h"
#include "reputation/dnsbl_health_store.h"
#include <stdlib.h>

#define AGAIN_AFTER_S 60 /* a block is announced at most once a minute */
#define NET_BITS_V4   (96 + 24)
#define NET_BITS_V6   48

bool gate_is_announced(const struct block *block, int64_t seen_at, int64_t now)
{
	return block->due ||
	       (block->announced_at > seen_at - AGAIN_AFTER_S && block->announced_at <= now);
}

/* What is known without a question. */
struct known {
	struct verdict verdict;
	bool answered;	    /* the cache or a feed has something of the address */
	bool feeds_confirm; /* whatever the others may say */
	bool pardoned;	    /* in the fleet: a lookup lifts its block */
};

static bool any_feed_answered(const struct conf *conf, const struct finding *finding)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_FEED && finding[i].status == FINDING_OK)
			return true;
	return false;
}

/*
 * Every answer that is missing counts against it, and so does a cached listing: it is believed only
 * once the lookup has probed the list, and asked again over TCP. Changes the findings.
 */
static bool do_feeds_confirm(const struct conf *conf, struct finding *finding)
{
	bool accused = false;
	struct verdict verdict;

	for (size_t i = 0; i < conf->nsources; i++) {
		bool accuses = finding[i].status == FINDING_OK && finding[i].points > 0;

		if (accuses && conf->sources[i].type == SOURCE_DNSBL)
			finding[i] = (struct finding){ .status = FINDING_NONE };
		accused |= accuses && conf->sources[i].type == SOURCE_FEED;
	}
	if (!accused)
		return false;
	verdict_weigh(conf, finding, AMBIGUOUS, ~(source_set)0, &verdict);
	return verdict.kind == V_CONFIRMED;
}

/* A lookup now would bring no check: then it is left out, as the lookup would. */
static int leave_out_check(const struct session *session, struct finding *finding,
			   struct verdict *verdict)
{
	int spare = quota_has_spare(session);

	if (spare)
		return spare;
	finding[session->conf->abuseipdb] = (struct finding){ .status = FINDING_SKIPPED };
	verdict_weigh(session->conf, finding, AMBIGUOUS, ~(source_set)0, verdict);
	return 0;
}

static int weigh_findings(const struct session *session, const struct addr *addr,
			  const struct addr *key, struct finding *finding, struct known *ret)
{
	int rc = store_findings_get(session->store, session->conf, key, finding);

	if (rc < 0)
		return rc;
	if (rc > 0) {
		int loaded = dnsbl_health_load(session);

		if (loaded < 0)
			return loaded;
		dnsbl_health_mark(session, finding);
	}
	feeds_find(session, addr, finding);
	feeds_defer(session, finding);
	ret->answered = rc > 0 || any_feed_answered(session->conf, finding);
	verdict_weigh(session->conf, finding, AMBIGUOUS, ~(source_set)0, &ret->verdict);
	if (ret->verdict.spare) {
		rc = leave_out_check(session, finding, &ret->verdict);
		if (rc < 0)
			return rc;
	}
	ret->pardoned = fleet_pardons(session->conf, finding);
	ret->feeds_confirm = do_feeds_confirm(session->conf, finding);
	return 0;
}

static int weigh_known(const struct session *session, const struct addr *addr,
		       const struct addr *key, struct known *ret)
{
	struct finding *finding = calloc(session->conf->nsources + 1, sizeof(*finding));
	int rc;

	if (!finding)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	rc = weigh_findings(session, addr, key, finding, ret);
	free(finding);
	return rc;
}

int gate_queue_lookup(const struct session *session, const struct addr *addr,
		      const struct addr *key, const char *jail)
{
	int64_t now = clock_now_s(&session->clock);
	struct lookup_job job = {
		.key = *key, .addr = *addr, .origin = AMBIGUOUS, .since = now, .next_at = now
	};
	int rc = store_lookup_has_room(session->store, key,
				       addr_is_v4(addr) ? NET_BITS_V4 : NET_BITS_V6);

	if (rc <= 0)
		return rc;
	text_put(job.jail, sizeof(job.jail), jail);
	rc = store_lookup_put(session->store, &job);
	if (rc)
		return rc;
	return 1;
}

/* 1: this line, with those before it, earns a lookup. */
static int count_line(const struct session *session, const struct addr *key, bool is_login)
{
	struct ambiguous_counts counts;
	int rc = store_ambiguous_put(session->store, key, is_login);

	if (!rc)
		rc = store_ambiguous_get(session->store, key, session->conf->gate_window_s,
					 &counts);
	if (rc)
		return rc;
	return counts.logins + counts.others >= session->conf->gate_failures;
}

static int add_job(const struct session *session, const struct addr *key,
		   const struct gate_line *line)
{
	int rc = store_begin(session->store, STORE_FAST);

	if (rc)
		return rc;
	rc = count_line(session, key, line->names);
	if (rc > 0)
		rc = gate_queue_lookup(session, &line->addr, key, line->jail);
	return store_end(session->store, rc);
}

static bool has_feeds(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_FEED)
			return true;
	return false;
}

/* 1: there was a login within the window, or as many new blocks as may be wait or were made. */
static int is_held_back(const struct session *session, const struct addr *key)
{
	const struct conf *conf = session->conf;
	int64_t login_at, now = clock_now_s(&session->clock);
	int rc = store_login_at(session->store, key, &login_at), waiting, held;

	if (rc < 0)
		return rc;
	if (login_at && login_at >= now - conf->login_window_s)
		return 1;
	rc = store_blocks_first_since(session->store, now - conf->max_blocks_s + 1,
				      conf->max_new_blocks);
	if (rc < 0)
		return rc;
	waiting = store_lookups_untried(session->store, conf->max_new_blocks + 1);
	if (waiting < 0)
		return waiting;
	held = store_blocks_held(session->store, conf->max_new_blocks + 1);
	if (held < 0)
		return held;
	return rc + waiting + held > conf->max_new_blocks; /* its own lookup is among them */
}

/* Its lookup is queued: does the line count now? Where names are counted only they do. */
static int feeds_count_line(const struct session *session, const struct addr *key,
			    const struct gate_line *line, const struct known *known)
{
	int held;

	if (!known->feeds_confirm || line->names)
		return 0;
	held = is_held_back(session, key);
	if (held < 0)
		return held;
	return !held;
}

/*
 * Lines that could not bring a lookup, because one waits or the answers are known, are not counted:
 * nothing is written for them.
 */
static int ask_later(const struct session *session, const struct addr *key,
		     const struct gate_line *line, bool *ret_count)
{
	struct known known = { 0 };
	int waits = store_lookup_get(session->store, key, NULL), queued = 0, rc;

	if (waits < 0)
		return waits;
	if (waits && !has_feeds(session->conf))
		return 0; /* one job however many lines */
	rc = weigh_known(session, &line->addr, key, &known);
	if (rc < 0)
		return rc;
	if (!waits && known.answered && known.verdict.kind != V_CONFIRMED && !known.verdict.ask)
		return 0;
	if (!waits)
		queued = add_job(session, key, line);
	if (queued < 0 || (!waits && !queued))
		return queued;
	rc = feeds_count_line(session, key, line, &known);
	if (rc < 0)
		return rc;
	*ret_count |= rc > 0;
	return queued;
}

/*
 * A blocked address that is seen has lost its ban, or its line: a lookup decides whether the block
 * is prolonged and its line written again. What is no longer listed is neither.
 */
static int seen_again(const struct session *session, const struct gate_line *line,
		      const struct addr *key, const struct block *block)
{
	struct known known = { 0 };
	int rc;

	if (gate_is_announced(block, clock_now_s(&session->clock), clock_now_s(&session->clock)))
		return block->due;
	rc = store_lookup_get(session->store, key, NULL);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	rc = weigh_known(session, &line->addr, key, &known);
	if (rc < 0)
		return rc;
	if (known.answered && known.verdict.kind == V_CLEAN && !known.verdict.ask &&
	    !known.pardoned)
		return 0;
	rc = store_begin(session->store, STORE_FAST);
	if (rc)
		return rc;
	rc = gate_queue_lookup(session, &line->addr, key, line->jail);
	if (!rc) /* there is no room */
		rc = store_block_mark_due(session->store, &block->key, line->jail);
	rc = store_end(session->store, rc);
	if (rc < 0)
		return rc;
	return 1;
}

/* 1: enough different names were tried. At a restore fail2ban 1.0 does not pass them. */
static int is_spraying(const struct session *session, const struct addr *key,
		       const struct gate_line *line, bool quiet)
{
	int count = 0;

	if (!line->user && !line->restored)
		return 0;
	if (!quiet)
		count = store_sighting_put(session->store, key, line->user, line->user_len);
	if (!count)
		count = store_sightings(session->store, key, session->conf->spray_window_s);
	if (count < 0)
		return count;
	return count >= session->conf->spray_users;
}

/* A provider's mail server: only names count, as for fail2ban's own ban. */
static int count_names(const struct session *session, const struct addr *key,
		       const struct gate_line *line, bool *ret_count)
{
	bool quiet = line->restored || store_is_read_only(session->store);
	int spray = is_spraying(session, key, line, quiet);

	if (spray < 0)
		return spray;
	*ret_count = spray > 0;
	return 0;
}

static int ask_disk(const struct session *session, const struct addr *key,
		    const struct gate_line *line, bool *ret_count, bool *ret_wake)
{
	bool quiet = line->restored || store_is_read_only(session->store);
	struct block block;
	int spray, wake = 0, rc = store_block_of(session->store, &line->addr, key, &block);

	if (rc < 0)
		return rc;
	/* a jail that counts names reports: there a block, which is a score, must not count; a
	 * restore reports nothing */
	*ret_count = rc > 0 && block.first_at > 0 && (!line->names || line->restored);
	spray = is_spraying(session, key, line, quiet);
	*ret_count |= spray > 0;
	if (!quiet && rc > 0)
		wake = seen_again(session, line, key, &block);
	else if (!quiet)
		wake = ask_later(session, key, line, ret_count);
	*ret_wake = wake > 0;
	/* the answer is known, even if what follows from the line could not be written */
	if (*ret_count)
		return 0;
	if (wake < 0)
		return wake;
	if (spray < 0)
		return spray;
	return 0;
}

/* A line that is wider than what it stands for would let its writer ban whole networks. */
static bool can_be_blocked(const struct session *session, const struct prefix *prefix)
{
	char why[DETAIL_MAX];

	if (guard_check(session, &prefix->addr) || feeds_spf(session, &prefix->addr, why))
		return false;
	if (prefix->bits == 128)
		return true;
	return !addr_is_v4(&prefix->addr) && prefix->bits == session->conf->ipv6_prefix &&
	       !guard_check_inside(session, prefix);
}

int gate_is_blocked(const struct session *session, const struct prefix *prefix, bool *ret_blocked,
		    int *ret_tier)
{
	struct addr key = addr_key(&prefix->addr, session->conf->ipv6_prefix);
	struct block block;
	int rc;

	*ret_blocked = false;
	*ret_tier = -1;
	if (!can_be_blocked(session, prefix))
		return 0;
	rc = store_pardoned(session->store, &key);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	rc = store_block_of(session->store, &prefix->addr, &key, &block);
	if (rc < 0)
		return rc;
	*ret_blocked = rc > 0;
	if (rc > 0)
		*ret_tier = conf_tier_row(session->conf, block.tier);
	return 0;
}

int gate_ask(const struct session *session, const struct gate_line *line, bool *ret_count,
	     bool *ret_wake)
{
	struct addr key = addr_key(&line->addr, session->conf->ipv6_prefix);
	bool count = false, wake = false;
	char why[DETAIL_MAX];
	int rc;

	*ret_count = *ret_wake = false;
	if (guard_check_in_hook(session, &line->addr))
		return 0;
	rc = store_pardoned(session->store, &key);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	if (feeds_spf(session, &line->addr, why))
		rc = count_names(session, &key, line, &count);
	else
		rc = ask_disk(session, &key, line, &count, &wake);
	if (rc)
		return rc;
	*ret_count = count;
	*ret_wake = wake;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "reputation/gate.h"
#include "base/buf.h"
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

/* What the cache says; 0: it has nothing of this key. */
static int weigh_cache(const struct session *session, const struct addr *key,
		       struct verdict *verdict)
{
	struct finding *finding = calloc(session->conf->nsources + 1, sizeof(*finding));
	int rc;

	if (!finding)
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	rc = store_findings_get(session->store, session->conf, key, finding);
	if (rc > 0) {
		int count = dnsbl_health_load(session);

		if (count < 0)
			rc = count;
		dnsbl_health_mark(session, finding);
	}
	if (rc > 0)
		verdict_weigh(session->conf, finding, AMBIGUOUS, ~(source_set)0, verdict);
	if (rc > 0 && verdict->spare) { /* a lookup now would bring nothing else */
		int spare = quota_has_spare(session);

		if (spare < 0)
			rc = spare;
		if (!spare) {
			finding[session->conf->abuseipdb] =
				(struct finding){ .status = FINDING_SKIPPED };
			verdict_weigh(session->conf, finding, AMBIGUOUS, ~(source_set)0, verdict);
		}
	}
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

/* Lines that could not bring a lookup, because one waits or the cache has the answer, are not
 * counted: nothing is written for them. */
static int ask_later(const struct session *session, const struct addr *key,
		     const struct gate_line *line)
{
	struct verdict verdict;
	int rc = store_lookup_get(session->store, key, NULL);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0; /* one job however many lines */
	rc = weigh_cache(session, key, &verdict);
	if (rc < 0)
		return rc;
	if (rc > 0 && verdict.kind != V_CONFIRMED && !verdict.ask) /* the cache decides */
		return 0;
	return add_job(session, key, line);
}

/*
 * A blocked address that is seen has lost its ban, or its line: a lookup decides whether the block
 * is prolonged and its line written again. What is no longer listed is neither.
 */
static int seen_again(const struct session *session, const struct gate_line *line,
		      const struct addr *key, const struct block *block)
{
	struct verdict verdict;
	int rc;

	if (gate_is_announced(block, clock_now_s(&session->clock), clock_now_s(&session->clock)))
		return block->due;
	rc = store_lookup_get(session->store, key, NULL);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	rc = weigh_cache(session, key, &verdict);
	if (rc < 0)
		return rc;
	if (rc > 0 && verdict.kind == V_CLEAN && !verdict.ask)
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
		wake = ask_later(session, key, line);
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
	if (guard_check(session, &prefix->addr))
		return false;
	if (prefix->bits == 128)
		return true;
	return !addr_is_v4(&prefix->addr) && prefix->bits == session->conf->ipv6_prefix &&
	       !guard_check_inside(session, prefix);
}

int gate_is_blocked(const struct session *session, const struct prefix *prefix, bool *ret_blocked)
{
	struct addr key = addr_key(&prefix->addr, session->conf->ipv6_prefix);
	struct block block;
	int rc;

	*ret_blocked = false;
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
	return 0;
}

int gate_ask(const struct session *session, const struct gate_line *line, bool *ret_count,
	     bool *ret_wake)
{
	struct addr key = addr_key(&line->addr, session->conf->ipv6_prefix);
	bool count = false, wake = false;
	int rc;

	*ret_count = *ret_wake = false;
	if (guard_check_in_hook(session, &line->addr))
		return 0;
	rc = store_pardoned(session->store, &key);
	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	rc = ask_disk(session, &key, line, &count, &wake);
	if (rc)
		return rc;
	*ret_count = count;
	*ret_wake = wake;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "worker/lift.h"
#include "reputation/guard.h"

#define PAGE_ROWS 64

static int lift_one(const struct session *session, const struct block *block, const char *why)
{
	struct recheck recheck = { .key = block->key, .since = block->since };
	char text[ADDR_TEXT_MAX];
	int rc = store_release(session->store, &recheck, "allowed");

	if (rc)
		return rc;
	log_line(session->log, LOG_NOTICE, "%s: the block is lifted: %s",
		 addr_key_text(&block->key, session->conf->ipv6_prefix, text),
		 why ? why : "allowed by [allow]");
	return 0;
}

/* How many of the page are lifted. why: for the log. */
static int lift_page(const struct session *session, const struct block *page, int count,
		     const char *why, bool dry_run)
{
	int lifted = 0, rc = dry_run ? 0 : store_begin(session->store, STORE_DURABLE);

	for (int i = 0; i < count && !rc; i++) {
		if (!guard_allows_key(session, &page[i].key))
			continue;
		lifted++;
		if (!dry_run)
			rc = lift_one(session, &page[i], why);
	}
	if (rc < 0)
		lifted = rc;
	if (dry_run)
		return lifted;
	return store_end(session->store, lifted);
}

/* The keys of an entry lie in a row, from that of the prefix that holds its first address. */
static int lift_entry(const struct session *session, const struct prefix *entry, const char *why,
		      bool dry_run, int64_t *lifted)
{
	struct addr low = addr_key(&entry->addr, session->conf->ipv6_prefix);
	struct addr high = addr_last(entry);
	struct block page[PAGE_ROWS];
	bool first = true;
	int count;

	while ((count = store_blocks_between(session->store, &low, &high, first, page, PAGE_ROWS)) >
	       0) {
		int rc = lift_page(session, page, count, why, dry_run);

		if (rc < 0)
			return rc;
		*lifted += rc;
		low = page[count - 1].key;
		first = false;
	}
	return count;
}

int lift_allowed(const struct session *session, bool dry_run, int64_t *ret_lifted)
{
	const struct conf *conf = session->conf;
	int64_t lifted = 0, now = clock_now_s(&session->clock);

	for (size_t i = 0; i < conf->nallow_nets; i++) {
		const struct conf_allow *entry = &conf->allow[i];
		int rc;

		if (conf_allow_is_over(entry, now))
			continue;
		rc = lift_entry(session, &entry->net, NULL, dry_run, &lifted);
		if (rc < 0)
			return rc;
	}
	*ret_lifted = lifted;
	return 0;
}

int lift_networks(const struct session *session, const struct prefix *nets, size_t count,
		  const char *why, int64_t *ret_lifted)
{
	*ret_lifted = 0;
	for (size_t i = 0; i < count; i++) {
		int rc = lift_entry(session, &nets[i], why, false, ret_lifted);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "reputation/bulk_lookup.h"
#include "reputation/bulk_cache.h"
#include "reputation/fleet.h"
#include "reputation/window.h"
#include <stdlib.h>
#include <string.h>

#define QUESTIONS_START 64 /* in flight, over all lists */
#define QUESTIONS_MAX	2048
#define PAID_WINDOW	256   /* addresses in flight if AbuseIPDB is queried as well */
#define SLOTS		32768 /* lines taken and not yet answered; a power of 2 */
#define KEPT_BYTES_MAX	(4 * 1024 * 1024)
#define LATER_MS	50 /* the lines are asked for again */
#define PROGRESS_MS	200
#define BAD_TEXT_MAX	100

/* A settled lookup, packed. A finding is cut off where its detail ends. */
struct kept {
	struct addr addr;
	struct verdict verdict;
	int64_t login_at;
	bool blocked;
	size_t len;
	char bytes[]; /* block if blocked, exempt with its end, findings */
};
struct slot {
	int64_t id, asked_ms;
	struct kept *kept; /* once settled; until then the engine has it */
	char *bad;	   /* not an address */
};
struct bulk_lookup {
	const struct session *session;
	const struct bulk_lookup_lines *lines;
	struct task_supply supply;
	struct window window;
	struct bulk_cache *cache;
	struct bulk_lookup_counts counts;
	struct slot *slots;
	uint64_t head, tail; /* slots in use: head .. tail - 1 */
	size_t kept_bytes;
	struct lookup *unpacked; /* for answer() */
	int64_t progress_ms;
	struct err failure; /* what ended the run early; code 0: nothing did */
};

/* ---- packing ---- */

#define FINDING_HEAD offsetof(struct finding, detail)

static size_t packed_len(const struct lookup *lookup, size_t nsources)
{
	size_t len = strlen(lookup->exempt) + 1 + (lookup->blocked ? sizeof(lookup->block) : 0);

	for (size_t i = 0; i < nsources; i++)
		len += FINDING_HEAD + strlen(lookup->findings[i].detail) + 1;
	return len;
}

static char *put_bytes(char *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static struct kept *pack_lookup(const struct lookup *lookup, size_t nsources)
{
	size_t count = packed_len(lookup, nsources);
	struct kept *kept = malloc(sizeof(*kept) + count);
	char *to;

	if (!kept)
		return NULL;
	*kept = (struct kept){ .addr = lookup->task.addr,
			       .verdict = lookup->verdict,
			       .login_at = lookup->login_at,
			       .blocked = lookup->blocked,
			       .len = count };
	to = kept->bytes;
	if (lookup->blocked)
		to = put_bytes(to, &lookup->block, sizeof(lookup->block));
	to = put_bytes(to, lookup->exempt, strlen(lookup->exempt) + 1);
	for (size_t i = 0; i < nsources; i++) {
		to = put_bytes(to, &lookup->findings[i], FINDING_HEAD);
		to = put_bytes(to, lookup->findings[i].detail,
			       strlen(lookup->findings[i].detail) + 1);
	}
	return kept;
}

static const char *take_bytes(void *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return from + len;
}

static void unpack_lookup(struct lookup *lookup, const struct kept *kept, size_t nsources)
{
	const char *from = kept->bytes;

	lookup->task.addr = kept->addr;
	lookup->verdict = kept->verdict;
	lookup->login_at = kept->login_at;
	lookup->blocked = kept->blocked;
	if (kept->blocked)
		from = take_bytes(&lookup->block, from, sizeof(lookup->block));
	from = take_bytes(lookup->exempt, from, strlen(from) + 1);
	for (size_t i = 0; i < nsources; i++) {
		from = take_bytes(&lookup->findings[i], from, FINDING_HEAD);
		from = take_bytes(lookup->findings[i].detail, from, strlen(from) + 1);
	}
}

/* ---- results, in order ---- */

static struct slot *slot_of(struct bulk_lookup *bulk, uint64_t at)
{
	return &bulk->slots[at % SLOTS];
}

static void drop_slot(struct bulk_lookup *bulk, struct slot *slot)
{
	if (slot->kept)
		bulk->kept_bytes -= sizeof(*slot->kept) + slot->kept->len;
	free(slot->kept);
	free(slot->bad);
	*slot = (struct slot){ 0 };
}

/* The error object may be overwritten while what is in flight settles. */
static void bulk_fail(struct bulk_lookup *bulk, int rc)
{
	if (rc >= 0 || bulk->failure.code)
		return;
	bulk->failure = *bulk->session->err;
	bulk->failure.code = rc;
}

static void answer_head(struct bulk_lookup *bulk, const struct lookup *lookup)
{
	struct slot *slot = slot_of(bulk, bulk->head);

	if (!bulk->failure.code)
		bulk_fail(bulk,
			  bulk->lines->answer(bulk->lines->user, slot->id, slot->bad, lookup));
	drop_slot(bulk, slot);
	bulk->head++;
	bulk->counts.answered++;
}

static void answer_ready(struct bulk_lookup *bulk)
{
	while (bulk->head < bulk->tail) {
		struct slot *slot = slot_of(bulk, bulk->head);

		if (!slot->kept && !slot->bad)
			return;
		if (slot->kept)
			unpack_lookup(bulk->unpacked, slot->kept, bulk->session->conf->nsources);
		answer_head(bulk, slot->kept ? bulk->unpacked : NULL);
	}
}

/* The lookup at `at` has settled: its answer leaves, or waits for those before it. */
static void settle_slot(struct bulk_lookup *bulk, uint64_t at, const struct lookup *lookup)
{
	struct slot *slot = slot_of(bulk, at);

	if (at == bulk->head) {
		answer_head(bulk, lookup);
		answer_ready(bulk);
		return;
	}
	slot->kept = pack_lookup(lookup, bulk->session->conf->nsources);
	if (slot->kept) {
		bulk->kept_bytes += sizeof(*slot->kept) + slot->kept->len;
		return;
	}
	bulk_fail(bulk, err_set(bulk->session->err, IPREP_E_NOMEM, "out of memory"));
	slot->bad = strdup(""); /* not waited for */
}

/* ---- what the engine is given ---- */

static void show_bulk_progress(struct bulk_lookup *bulk, bool now)
{
	int64_t ms = clock_mono_ms();

	if (!bulk->lines->progress || (!now && ms < bulk->progress_ms))
		return;
	bulk->progress_ms = ms + PROGRESS_MS;
	bulk->counts.window = bulk->window.window;
	bulk->counts.uncached = bulk_cache_lost(bulk->cache);
	bulk->lines->progress(bulk->lines->user, &bulk->counts);
}

static bool is_bulk_free(const struct bulk_lookup *bulk)
{
	return bulk->lines->flags & LOOKUP_FREE;
}

static bool has_room(const struct bulk_lookup *bulk)
{
	return bulk->tail - bulk->head < SLOTS && bulk->kept_bytes < KEPT_BYTES_MAX;
}

/* One line: *ret set if it is an address to look up. */
static int take_line(struct bulk_lookup *bulk, const char *text, int64_t id, struct task **ret)
{
	struct slot *slot = slot_of(bulk, bulk->tail);
	struct lookup *lookup;
	struct addr addr;
	int rc;

	*ret = NULL;
	*slot = (struct slot){ .id = id };
	bulk->counts.taken++;
	if (!addr_parse(text, &addr)) {
		slot->bad = strndup(text, BAD_TEXT_MAX);
		if (!slot->bad)
			return err_set(bulk->session->err, IPREP_E_NOMEM, "out of memory");
		bulk->tail++;
		answer_ready(bulk);
		return 0;
	}
	if (bulk->session->store && (rc = store_read_begin(bulk->session->store)))
		return rc;
	rc = lookup_new(bulk->session, &addr, BY_HAND, bulk->lines->flags, &lookup);
	if (rc)
		return rc;
	slot->asked_ms = clock_mono_ms();
	lookup->task.id = (int64_t)bulk->tail++;
	*ret = &lookup->task;
	bulk->counts.in_flight++;
	if (lookup->task.ask)
		window_asked(&bulk->window, bulk->counts.in_flight);
	return 0;
}

static enum supply_state bulk_lookup_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct bulk_lookup *bulk = user;
	const char *text = NULL;
	int64_t id = 0;

	*ret_wait_ms = LATER_MS;
	bulk_cache_tick(bulk->cache);
	show_bulk_progress(bulk, false);
	while (!bulk->failure.code) {
		enum bulk_lookup_next next;

		if (!has_room(bulk))
			return SUPPLY_LATER;
		next = bulk->lines->next(bulk->lines->user, &text, &id);
		if (next == BULK_LATER)
			return SUPPLY_LATER;
		if (next == BULK_END)
			break;
		bulk_fail(bulk, take_line(bulk, text, id, ret));
		if (!bulk->failure.code && *ret)
			return SUPPLY_TASK;
	}
	return SUPPLY_END;
}

/* If that cannot be written, a later lookup or re-check does it. */
static void lift_pardoned(const struct bulk_lookup *bulk, struct lookup *lookup)
{
	const struct session *session = bulk->session;
	int rc;

	if (!lookup->blocked || bulk->lines->flags & LOOKUP_CACHED ||
	    !fleet_pardons(session->conf, lookup->findings))
		return;
	rc = store_begin(session->store, STORE_DURABLE);
	if (!rc)
		rc = store_end(session->store, fleet_lift_lookup(session, lookup));
	if (rc < 0)
		log_line(session->log, LOG_NOTICE, "the block is not lifted: %s",
			 session->err->text);
	lookup->blocked = rc <= 0;
}

static source_set bulk_lookup_settled(void *user, struct task *task)
{
	struct bulk_lookup *bulk = user;
	struct lookup *lookup = task->owner;
	uint64_t at = (uint64_t)task->id;
	source_set more;

	if (bulk->session->store)
		store_read_end(bulk->session->store); /* what follows may write */
	more = lookup_settled(bulk->session, lookup);
	if (more)
		return more;
	lift_pardoned(bulk, lookup);
	bulk->counts.in_flight--;
	if (task->asked) {
		window_settled(&bulk->window, slot_of(bulk, at)->asked_ms, clock_mono_ms());
		bulk->supply.window_max = bulk->window.window;
		bulk_cache_put(bulk->cache, lookup);
	}
	settle_slot(bulk, at, lookup);
	lookup_free(lookup);
	show_bulk_progress(bulk, false);
	return 0;
}

/* ---- the run ---- */

static size_t per_address(const struct conf *conf)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		count += conf->sources[i].type == SOURCE_DNSBL;
	if (count)
		return count;
	return 1;
}

static void init_window(struct bulk_lookup *bulk)
{
	size_t count = per_address(bulk->session->conf);
	size_t start = (QUESTIONS_START + count - 1) / count, max = QUESTIONS_MAX / count;

	if (!is_bulk_free(bulk))
		start = max = PAID_WINDOW;
	window_init(&bulk->window, start, max, clock_mono_ms());
}

static int bulk_run(struct bulk_lookup *bulk)
{
	int rc;

	init_window(bulk);
	bulk->supply = (struct task_supply){ .user = bulk,
					     .window_max = bulk->window.window,
					     .task_ms = bulk->lines->timeout_ms,
					     .next = bulk_lookup_next,
					     .settled = bulk_lookup_settled };
	rc = engine_run(bulk->session, &bulk->supply);
	if (bulk->failure.code)
		return bulk->failure.code;
	return rc;
}

int bulk_lookup_run(const struct session *session, const struct bulk_lookup_lines *lines)
{
	struct session own_session = *session;
	struct local_addr_list *own = local_addr_list_new();
	struct bulk_lookup bulk = { .session = &own_session, .lines = lines };
	int rc = IPREP_E_NOMEM, busy_ms = 0;

	own_session.own = own;
	bulk.slots = calloc(SLOTS, sizeof(*bulk.slots));
	bulk.unpacked = calloc(1, sizeof(*bulk.unpacked) +
					  session->conf->nsources * sizeof(struct finding));
	bulk.cache = bulk_cache_new(&own_session);
	if (session->store && is_bulk_free(&bulk))
		busy_ms = store_busy_timeout(session->store, 0);
	if (own && bulk.slots && bulk.unpacked && bulk.cache) {
		rc = bulk_run(&bulk);
		bulk_cache_end(bulk.cache);
		show_bulk_progress(&bulk, true);
	} else {
		err_set(session->err, rc, "out of memory");
	}
	if (bulk.failure.code)
		*session->err = bulk.failure;
	while (bulk.slots && bulk.head < bulk.tail)
		drop_slot(&bulk, slot_of(&bulk, bulk.head++));
	if (session->store) {
		store_read_end(session->store);
		if (is_bulk_free(&bulk))
			store_busy_timeout(session->store, busy_ms);
	}
	bulk_cache_free(bulk.cache);
	free(bulk.unpacked);
	free(bulk.slots);
	free(own);
	return rc;
}

/* SPDX-License-Identifier: MIT */
#include "reputation/bulk_lookup.h"
#include "reputation/bulk_cache.h"
#include "reputation/window.h"
#include <stdlib.h>
#include <string.h>

#define QUESTIONS_START 64 /* in flight, over all lists */
#define QUESTIONS_MAX	2048
#define SLOTS		32768 /* lines taken and not yet answered; a power of 2 */
#define KEPT_BYTES_MAX	(4 * 1024 * 1024)
#define LATER_MS	50 /* the feed is asked again */
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
	struct lookup *flying;
	struct kept *kept; /* once settled */
	char *bad;	   /* not an address */
};
struct bulk_lookup {
	const struct session *session;
	const struct bulk_lookup_feed *feed;
	struct feed engine_feed;
	struct window pace;
	struct bulk_cache *cache;
	struct bulk_lookup_counts counts;
	struct slot *slots;
	uint64_t head, tail; /* slots in use: head .. tail - 1 */
	size_t kept_bytes;
	struct lookup *unpacked; /* for answer() */
	int64_t progress_ms;
	struct err *err;
	int r;
};

/* ---- packing ---- */

#define FINDING_HEAD offsetof(struct finding, detail)

static size_t packed_len(const struct lookup *l, size_t nsources)
{
	size_t n = strlen(l->exempt) + 1 + (l->blocked ? sizeof(l->block) : 0);

	for (size_t i = 0; i < nsources; i++)
		n += FINDING_HEAD + strlen(l->findings[i].detail) + 1;
	return n;
}

static char *put(char *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

static struct kept *pack(const struct lookup *l, size_t nsources)
{
	size_t n = packed_len(l, nsources);
	struct kept *k = malloc(sizeof(*k) + n);
	char *to;

	if (!k)
		return NULL;
	*k = (struct kept){ .addr = l->task.addr,
			    .verdict = l->verdict,
			    .login_at = l->login_at,
			    .blocked = l->blocked,
			    .len = n };
	to = k->bytes;
	if (l->blocked)
		to = put(to, &l->block, sizeof(l->block));
	to = put(to, l->exempt, strlen(l->exempt) + 1);
	for (size_t i = 0; i < nsources; i++) {
		to = put(to, &l->findings[i], FINDING_HEAD);
		to = put(to, l->findings[i].detail, strlen(l->findings[i].detail) + 1);
	}
	return k;
}

static const char *take(void *to, const char *from, size_t n)
{
	memcpy(to, from, n);
	return from + n;
}

static void unpack(struct lookup *l, const struct kept *k, size_t nsources)
{
	const char *from = k->bytes;

	l->task.addr = k->addr;
	l->verdict = k->verdict;
	l->login_at = k->login_at;
	l->blocked = k->blocked;
	if (k->blocked)
		from = take(&l->block, from, sizeof(l->block));
	from = take(l->exempt, from, strlen(from) + 1);
	for (size_t i = 0; i < nsources; i++) {
		from = take(&l->findings[i], from, FINDING_HEAD);
		from = take(l->findings[i].detail, from, strlen(from) + 1);
	}
}

/* ---- results, in order ---- */

static struct slot *slot_of(struct bulk_lookup *x, uint64_t at)
{
	return &x->slots[at % SLOTS];
}

static void drop(struct bulk_lookup *x, struct slot *s)
{
	if (s->kept)
		x->kept_bytes -= sizeof(*s->kept) + s->kept->len;
	free(s->kept);
	free(s->bad);
	lookup_free(s->flying);
	*s = (struct slot){ 0 };
}

static void fail(struct bulk_lookup *x, int r)
{
	if (r < 0 && !x->r)
		x->r = r;
}

static void answer_head(struct bulk_lookup *x, const struct lookup *l)
{
	struct slot *s = slot_of(x, x->head);

	if (!x->r)
		fail(x, x->feed->answer(x->feed->user, s->id, s->bad, l));
	drop(x, s);
	x->head++;
	x->counts.answered++;
}

static void answer_ready(struct bulk_lookup *x)
{
	while (x->head < x->tail) {
		struct slot *s = slot_of(x, x->head);

		if (!s->kept && !s->bad)
			return;
		if (s->kept)
			unpack(x->unpacked, s->kept, x->session->conf->nsources);
		answer_head(x, s->kept ? x->unpacked : NULL);
	}
}

/* The lookup at `at` has settled: its answer leaves, or waits for those before it. */
static void settle(struct bulk_lookup *x, uint64_t at)
{
	struct slot *s = slot_of(x, at);

	if (at == x->head) {
		answer_head(x, s->flying);
		answer_ready(x);
		return;
	}
	s->kept = pack(s->flying, x->session->conf->nsources);
	s->flying = lookup_free(s->flying);
	if (s->kept) {
		x->kept_bytes += sizeof(*s->kept) + s->kept->len;
		return;
	}
	fail(x, err_set(x->err, IPREP_E_NOMEM, "out of memory"));
	s->bad = strdup(""); /* not waited for */
}

/* ---- the engine's feed ---- */

static void show(struct bulk_lookup *x, bool now)
{
	int64_t ms = clock_mono_ms();

	if (!x->feed->progress || (!now && ms < x->progress_ms))
		return;
	x->progress_ms = ms + PROGRESS_MS;
	x->counts.window = x->pace.window;
	x->counts.uncached = bulk_cache_lost(x->cache);
	x->feed->progress(x->feed->user, &x->counts);
}

static bool has_room(const struct bulk_lookup *x)
{
	return x->tail - x->head < SLOTS && x->kept_bytes < KEPT_BYTES_MAX;
}

/* One line: *ret set if it is an address to look up. */
static int take_line(struct bulk_lookup *x, const char *text, int64_t id, struct task **ret)
{
	struct slot *s = slot_of(x, x->tail);
	struct addr a;
	int r;

	*ret = NULL;
	*s = (struct slot){ .id = id };
	x->counts.taken++;
	if (!addr_parse(text, &a)) {
		s->bad = strndup(text, BAD_TEXT_MAX);
		if (!s->bad)
			return err_set(x->err, IPREP_E_NOMEM, "out of memory");
		x->tail++;
		answer_ready(x);
		return 0;
	}
	if (x->session->store && (r = store_read_begin(x->session->store)))
		return err_set(x->err, r, "%s", store_err(x->session->store)->text);
	r = lookup_new(x->session, &a, BY_HAND, x->feed->flags | LOOKUP_FREE, &s->flying, x->err);
	if (r)
		return r;
	s->asked_ms = clock_mono_ms();
	s->flying->task.id = (int64_t)x->tail++;
	*ret = &s->flying->task;
	x->counts.in_flight++;
	if ((*ret)->ask)
		window_asked(&x->pace, x->counts.in_flight);
	return 0;
}

static enum feed_state bulk_lookup_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct bulk_lookup *x = user;
	const char *text = NULL;
	int64_t id = 0;

	*ret_wait_ms = LATER_MS;
	bulk_cache_tick(x->cache);
	show(x, false);
	while (!x->r) {
		enum bulk_lookup_next next;

		if (!has_room(x))
			return FEED_LATER;
		next = x->feed->next(x->feed->user, &text, &id);
		if (next == LISTING_LATER)
			return FEED_LATER;
		if (next == LISTING_END)
			break;
		fail(x, take_line(x, text, id, ret));
		if (!x->r && *ret)
			return FEED_TASK;
	}
	return FEED_END;
}

static source_set listing_settled(void *user, struct task *t)
{
	struct bulk_lookup *x = user;
	struct lookup *l = t->owner;
	uint64_t at = (uint64_t)t->id;
	source_set more;

	if (x->session->store)
		store_read_end(x->session->store); /* what follows may write */
	more = lookup_settled(x->session, l);
	if (more)
		return more;
	x->counts.in_flight--;
	if (t->asked) {
		window_settled(&x->pace, slot_of(x, at)->asked_ms, clock_mono_ms());
		x->engine_feed.window_max = x->pace.window;
		bulk_cache_put(x->cache, l);
	}
	settle(x, at);
	show(x, false);
	return 0;
}

/* ---- the run ---- */

static size_t per_address(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		n += !conf->sources[i].costs;
	return n ? n : 1;
}

static int run(struct bulk_lookup *x)
{
	const struct session *session = x->session;
	struct engine_conf ec = { .conf = session->conf,
				  .clock = session->clock,
				  .log = session->log,
				  .secret = session->secret,
				  .health = session->health,
				  .ops = session->ops };
	size_t n = per_address(session->conf);
	struct engine *engine;
	int r = engine_new(&ec, &engine);

	if (r)
		return err_set(x->err, r, "out of memory");
	window_init(&x->pace, (QUESTIONS_START + n - 1) / n, QUESTIONS_MAX / n, clock_mono_ms());
	x->engine_feed = (struct feed){ .user = x,
					.window_max = x->pace.window,
					.task_ms = x->feed->timeout_ms,
					.next = bulk_lookup_next,
					.settled = listing_settled };
	r = engine_run(engine, &x->engine_feed, x->err);
	engine_free(engine);
	return x->r ? x->r : r;
}

int bulk_lookup_run(const struct session *session, const struct bulk_lookup_feed *feed,
		    struct err *err)
{
	struct session own_env = *session;
	struct local_addr_list *own = local_addr_list_new();
	struct bulk_lookup x = { .session = &own_env, .feed = feed, .err = err };
	int r = IPREP_E_NOMEM, patience = 0;

	own_env.own = own;
	x.slots = calloc(SLOTS, sizeof(*x.slots));
	x.unpacked = calloc(1,
			    sizeof(*x.unpacked) + session->conf->nsources * sizeof(struct finding));
	x.cache = bulk_cache_new(&own_env);
	if (session->store)
		patience = store_busy_timeout(session->store, 0);
	if (own && x.slots && x.unpacked && x.cache) {
		r = run(&x);
		bulk_cache_end(x.cache);
		show(&x, true);
	} else {
		err_set(err, r, "out of memory");
	}
	while (x.slots && x.head < x.tail)
		drop(&x, slot_of(&x, x.head++));
	if (session->store) {
		store_read_end(session->store);
		store_busy_timeout(session->store, patience);
	}
	bulk_cache_free(x.cache);
	free(x.unpacked);
	free(x.slots);
	free(own);
	return r;
}

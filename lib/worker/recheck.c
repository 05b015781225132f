/* SPDX-License-Identifier: MIT */
#include "worker/recheck.h"
#include "reputation/lookup.h"
#include "reputation/dnsbl_health_store.h"
#include <stdlib.h>
#include <string.h>

#define WINDOW	    64
#define RUN_S	    3600
#define SILENCE_MAX 64 /* in a row: there is no network */
#define AGAIN_S	    ((int64_t)30 * 86400)
#define UNDECIDED_S (20 * 3600) /* the next day's run, even if that starts a little earlier */
#define PROGRESS_MS 200
#define LOOK_MS	    50

struct flight {
	struct lookup *lookup;
	struct recheck block;
};
enum stage { STAGE_POINT, STAGE_POINT_OUT, STAGE_BLOCKS };
struct run {
	const struct session *session;
	struct err *err;
	struct recheck_stats stats;
	struct flight *flying[WINDOW];
	size_t nflying;
	enum stage stage;
	struct task point; /* 127.0.0.2 */
	struct finding said[SOURCES_MAX];
	source_set alive; /* lists that have it */
	int silent;	  /* in a row */
	int64_t end_ms, progress_ms, total;
	void (*progress)(void *user, int64_t done, int64_t total);
	void *user;
};

static enum feed_state fail(struct run *run, int r)
{
	if (run->err->code != r)
		err_set(run->err, r, "%s", store_err(run->session->store)->text);
	run->end_ms = 0;
	return FEED_END;
}

static bool is_flying(const struct run *run, const struct addr *key)
{
	for (size_t i = 0; i < run->nflying; i++)
		if (!memcmp(run->flying[i]->block.key.b, key->b, 16))
			return true;
	return false;
}

static source_set lists(const struct conf *conf)
{
	source_set all = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_DNSBL)
			all |= SOURCE_BIT(i);
	return all;
}

/* Of a prefix only its key may be known, and the key was never seen: nobody could say anything of
 * it. */
static bool can_be_asked(const struct run *run, const struct recheck *c)
{
	struct addr cut = addr_key(&c->key, run->session->conf->ipv6_prefix);

	return c->addr_known || addr_is_v4(&c->key) || run->session->conf->ipv6_prefix == 128 ||
	       memcmp(cut.b, c->key.b, 16);
}

static int start(struct run *run, const struct recheck *c, struct task **ret)
{
	struct flight *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_set(run->err, IPREP_E_NOMEM, "out of memory");
	f->block = *c;
	r = lookup_new(run->session, &c->addr, BY_HAND, LOOKUP_FRESH | LOOKUP_LOW_PRIORITY,
		       &f->lookup, run->err);
	if (r) {
		free(f);
		return r;
	}
	f->lookup->task.owner = f;
	run->flying[run->nflying++] = f;
	*ret = &f->lookup->task;
	return 1;
}

static int next_block(struct run *run, struct task **ret)
{
	struct recheck due[WINDOW + 1];
	int n = store_rechecks_due(run->session->store, due, WINDOW + 1), r;

	for (int i = 0; i < n; i++) {
		if (is_flying(run, &due[i].key))
			continue;
		if (can_be_asked(run, &due[i]))
			return start(run, &due[i], ret);
		r = store_recheck_later(run->session->store, &due[i],
					clock_now_s(&run->session->clock) + AGAIN_S);
		if (r)
			return r;
		run->stats.done++;
		run->stats.undecided++;
	}
	return n < 0 ? n : 0;
}

static void tell(struct run *run, bool now)
{
	int64_t ms = clock_mono_ms();

	if (!run->progress || (!now && ms < run->progress_ms))
		return;
	run->progress_ms = ms + PROGRESS_MS;
	run->progress(run->user, run->stats.done, run->total);
}

static enum feed_state feed_next(void *user, struct task **ret, int *ret_wait_ms)
{
	struct run *run = user;
	int r;

	tell(run, false);
	*ret_wait_ms = LOOK_MS;
	if (clock_mono_ms() >= run->end_ms)
		return FEED_END;
	switch (run->stage) {
	case STAGE_POINT:
		run->stage = STAGE_POINT_OUT;
		*ret = &run->point;
		return FEED_TASK;
	case STAGE_POINT_OUT:
		return FEED_LATER;
	case STAGE_BLOCKS:
		break;
	}
	r = next_block(run, ret);
	if (r < 0)
		return fail(run, r);
	return r > 0 ? FEED_TASK : FEED_END;
}

static source_set point_settled(struct run *run)
{
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (run->said[i].status == FINDING_OK && run->said[i].listed)
			run->alive |= SOURCE_BIT(i);
	dnsbl_health_keep(run->session);
	run->stage = STAGE_BLOCKS;
	return 0;
}

/* Is it in "zen,blocklist.de"? An empty list: nobody knows who it was, so it may have been anybody.
 */
static bool named(const char *src, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = src; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
	return !*src;
}

static bool any_lists(const struct run *run, const struct lookup *l)
{
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (l->findings[i].status == FINDING_OK && l->findings[i].points > 0)
			return true;
	return false;
}

static bool any_answered(const struct run *run, const struct lookup *l)
{
	for (size_t i = 0; i < run->session->conf->nsources; i++)
		if (l->findings[i].status == FINDING_OK)
			return true;
	return false;
}

/* A list that is off now, and AbuseIPDB without its key, is not there to take back what it said. */
static bool accusers_are_there(const struct conf *conf, const char *src)
{
	for (const char *p = src; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ","), i = 0;

		while (i < conf->nsources &&
		       (strncmp(conf->sources[i].name, p, n) || conf->sources[i].name[n]))
			i++;
		if (i == conf->nsources)
			return false;
	}
	return true;
}

static bool acquits(const struct run *run, const struct flight *f, size_t i)
{
	const struct conf *conf = run->session->conf;
	const struct conf_source *s = &conf->sources[i];
	const struct finding *said = &f->lookup->findings[i];
	bool accused = named(f->block.src, s->name);

	if (s->most <= 0)
		return true;
	if (s->type == SOURCE_ABUSEIPDB && conf->check == CHECK_NEVER && !accused)
		return true;
	if (said->status != FINDING_OK || said->points > 0)
		return false;
	return s->type != SOURCE_DNSBL || !accused || run->alive & SOURCE_BIT(i);
}

/* A source that does not answer, or is not asked, or has lost all its entries, acquits nobody. */
static bool all_acquit(const struct run *run, const struct flight *f, bool only_free)
{
	const struct conf *conf = run->session->conf;

	for (size_t i = 0; i < conf->nsources; i++)
		if (!(only_free && conf->sources[i].costs) && !acquits(run, f, i))
			return false;
	return accusers_are_there(conf, f->block.src);
}

/* 1: released. Forgotten or made anew meanwhile: nothing is kept. */
static int keep(struct run *run, struct flight *f)
{
	const struct session *session = run->session;
	int64_t now = clock_now_s(&session->clock);
	bool listed = any_lists(run, f->lookup);
	bool release = f->lookup->verdict.kind == V_CLEAN && all_acquit(run, f, false);
	int r = store_begin(session->store, release ? STORE_DURABLE : STORE_FAST), alive = 0;

	if (!r)
		r = alive = store_recheck_alive(session->store, &f->block);
	if (r <= 0)
		return store_end(session->store, r);
	r = store_findings_put(session->store, session->conf, &f->lookup->key, f->lookup->findings);
	if (!r)
		r = release ? store_release(session->store, &f->block)
			    : store_recheck_later(session->store, &f->block,
						  now + (listed ? AGAIN_S : UNDECIDED_S));
	r = store_end(session->store, r);
	if (r)
		return r;
	run->stats.released += release;
	run->stats.listed += !release && listed;
	run->stats.undecided += !release && !listed;
	return 0;
}

static void land(struct run *run, struct flight *f)
{
	for (size_t i = 0; i < run->nflying; i++)
		if (run->flying[i] == f)
			run->flying[i] = run->flying[--run->nflying];
	lookup_free(f->lookup);
	free(f);
}

static source_set feed_settled(void *user, struct task *t)
{
	struct run *run = user;
	struct flight *f = t->owner;
	source_set more;
	int r;

	if (!f)
		return point_settled(run);
	if (run->session->conf->abuseipdb >= 0 && !f->lookup->paying && !all_acquit(run, f, true))
		f->lookup->may_ask &=
			~SOURCE_BIT(run->session->conf->abuseipdb); /* it could release nobody */
	more = lookup_settled(run->session, f->lookup);
	if (more)
		return more;
	run->stats.done++;
	if (f->lookup->task.asked)
		run->silent = any_answered(run, f->lookup) ? 0 : run->silent + 1;
	if (run->silent >= SILENCE_MAX) {
		run->stats.gave_up = true;
		run->end_ms = 0;
	}
	r = keep(run, f);
	land(run, f);
	if (r < 0)
		fail(run, r);
	return 0;
}

int recheck_run(const struct session *session,
		void (*progress)(void *user, int64_t done, int64_t total), void *user,
		struct recheck_stats *ret, struct err *e)
{
	struct engine_conf ec = { .conf = session->conf,
				  .clock = session->clock,
				  .log = session->log,
				  .secret = session->secret,
				  .health = session->health,
				  .ops = session->ops };
	struct run run = { .session = session,
			   .err = e,
			   .progress = progress,
			   .user = user,
			   .end_ms = clock_mono_ms() + RUN_S * 1000,
			   .point = { .kind = TASK_LOOKUP } };
	struct feed feed = { .user = &run,
			     .window_max = WINDOW,
			     .task_ms = session->conf->timeout_ms,
			     .next = feed_next,
			     .settled = feed_settled };
	struct engine *engine = NULL;
	int r;

	e->code = 0;
	run.point.findings = run.said;
	run.point.ask = lists(session->conf);
	if (!addr_parse("127.0.0.2", &run.point.addr))
		return err_set(e, IPREP_E_BUG, "127.0.0.2: not an IP address");
	r = store_rechecks_count(session->store, &run.total);
	if (!r)
		r = dnsbl_health_load(session);
	if (r)
		return err_set(e, r, "%s", store_err(session->store)->text);
	if (!run.total) {
		*ret = run.stats;
		return 0;
	}
	r = engine_new(&ec, &engine);
	if (r)
		return err_set(e, r, "out of memory");
	r = engine_run(engine, &feed, e);
	engine_free(engine);
	tell(&run, true);
	*ret = run.stats;
	return r ? r : e->code;
}

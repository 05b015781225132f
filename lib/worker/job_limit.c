/* SPDX-License-Identifier: MIT */
/*
 * job_limit.c - more new blocks than [worker] max_new_blocks: the lists are asked whether to go on
 *
 * The limit bounds the damage of a list that has gone bad. When it is reached, each list is probed
 * (dnsbl_probe.h), as before a listing counts. Then blocks that a list which passed has confirmed
 * go out, as many as the limit allows within its time, and the next probe decides on as many more.
 * Blocks that no such list has confirmed wait until the limit allows them. The fleet's list is not
 * enough: the key of a single host can add any number of addresses, and it passes each probe.
 */
#include "base/buf.h"
#include "reputation/verdict_log.h"
#include "worker/job.h"
#include "worker/quarantine.h"
#include <stdlib.h>
#include <string.h>

#define STEP_MS	   10000 /* so a list that goes bad between two probes is found */
#define REFUSED_MS 60000

struct limit_work {
	struct job job;
	struct task task;
	struct finding findings[SOURCES_MAX];
	struct limit_state *limit;
};

static struct limit_work *limit_work_of(struct job *job)
{
	return JOB_OF(job, struct limit_work, job);
}

static void limit_work_free(struct job *job)
{
	free(limit_work_of(job));
}

static source_set accusing_lists(const struct conf *conf)
{
	source_set lists = 0;

	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_DNSBL && conf->sources[i].most > 0)
			lists |= SOURCE_BIT(i);
	return lists;
}

bool limit_has_lists(const struct session *session)
{
	return accusing_lists(session->conf) != 0;
}

/* Of 127.0.0.2: no lookup has it. */
static int limit_take(struct job_queue *queue, struct job **ret, size_t max)
{
	const struct session *session = queue->session;
	struct limit_state *limit = queue->limit;
	struct limit_work *work;
	source_set lists = accusing_lists(session->conf);

	if (!limit || !limit->is_reached || !lists || clock_mono_ms() < limit->next_ms)
		return 0;
	if (!max)
		return 1;
	work = calloc(1, sizeof(*work));
	if (!work || !addr_parse("127.0.0.2", &work->task.addr)) {
		free(work);
		return err_set(session->err, IPREP_E_NOMEM, "out of memory");
	}
	work->limit = limit;
	work->job = (struct job){ .kind = &job_limit, .task = &work->task };
	work->task.kind = TASK_LOOKUP;
	work->task.owner = &work->job;
	work->task.findings = work->findings;
	work->task.key = work->task.addr;
	work->task.ask = lists;
	for (size_t i = 0; i < session->conf->nsources; i++)
		if (lists & SOURCE_BIT(i))
			dnsbl_health_forget(&session->health->rows[i]);
	limit->next_ms = INT64_MAX; /* it is in flight */
	*ret = &work->job;
	return 1;
}

/* ---- what came of it ---- */

static bool is_sound(const struct session *session, size_t row)
{
	const struct health *health = &session->health->rows[row];

	return (accusing_lists(session->conf) & SOURCE_BIT(row)) && !dnsbl_health_is_bad(health) &&
	       dnsbl_health_is_fresh(health, true, clock_now_s(&session->clock));
}

/* Not only by other hosts of the fleet. */
static bool is_confirmed_by_sound_list(const struct session *session, const struct block *block)
{
	const struct conf *conf = session->conf;

	for (size_t i = 0; i < conf->nsources; i++)
		if ((int)i != conf->fleet_list && is_sound(session, i) &&
		    block_names_source(block->src, conf->sources[i].name))
			return true;
	return false;
}

/* "zen, bl", of the lists that passed the probe, or of the others. */
static void list_names(const struct session *session, bool sound, char *dst, size_t room)
{
	source_set lists = accusing_lists(session->conf);

	dst[0] = '\0';
	for (size_t i = 0; i < session->conf->nsources; i++) {
		if (!(lists & SOURCE_BIT(i)) || is_sound(session, i) != sound)
			continue;
		if (*dst)
			text_put(dst, room, ", ");
		text_put(dst, room, session->conf->sources[i].name);
	}
}

static void log_step(const struct session *session, int lines)
{
	char passed[256], failed[256];

	list_names(session, true, passed, sizeof(passed));
	list_names(session, false, failed, sizeof(failed));
	log_line(
		session->log, LOG_WARNING,
		"[worker] max_new_blocks: more than %d new blocks within %lld s; passed their probe "
		"now: %s%s%s; %d further %s",
		session->conf->max_new_blocks, (long long)session->conf->max_blocks_s,
		*passed ? passed : "no list", *failed ? "; did not: " : "", failed, lines,
		lines == 1 ? "block was announced" : "blocks were announced");
}

static int limit_keep(const struct session *session, struct job *job, struct worker_stats *stats)
{
	struct limit_state *limit = limit_work_of(job)->limit;
	int lines, rc = quarantine_apply(session, false);

	limit->next_ms = clock_mono_ms() + STEP_MS;
	if (rc)
		return rc;
	lines = verdict_log_held(session, is_confirmed_by_sound_list,
				 (size_t)session->conf->max_new_blocks);
	if (lines < 0)
		return lines;
	stats->lines += (size_t)lines;
	limit->is_done = lines < session->conf->max_new_blocks;
	if (!lines)
		limit->next_ms += REFUSED_MS - STEP_MS;
	log_step(session, lines);
	return 0;
}

const struct job_kind job_limit = {
	.name = "limit",
	.take = limit_take,
	.keep = limit_keep,
	.free = limit_work_free,
};

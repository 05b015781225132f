/* SPDX-License-Identifier: MIT */
#include "base/buf.h"
#include "api/result.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct whole {
	struct iprep_result result;
	char address[ADDR_TEXT_MAX], tier[32], exempt[DETAIL_MAX], block_tier[32], jail[JAIL_MAX],
		seen[SEEN_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[];
};

static int finding_status(const struct finding *finding)
{
	switch ((enum finding_status)finding->status) {
	case FINDING_OK:
		return IPREP_S_OK;
	case FINDING_TIMEOUT:
		return IPREP_S_TIMEOUT;
	case FINDING_ERROR:
		return IPREP_S_ERROR;
	case FINDING_QUARANTINED:
		return IPREP_S_QUARANTINED;
	case FINDING_NONE:
	case FINDING_DENIED:
	case FINDING_SKIPPED:
		break;
	}
	return IPREP_S_SKIPPED;
}

static void put_result_answers(struct result_finding *o, const struct finding *f)
{
	for (int i = 0; i < f->na; i++) {
		struct in_addr in_addr = { .s_addr = htonl(f->a[i]) };

		inet_ntop(AF_INET, &in_addr, o->text[i], sizeof(o->text[i]));
		o->answers[o->finding.nanswers++] = o->text[i];
	}
}

void result_finding_fill(struct result_finding *o, const struct conf_source *source,
			 const struct finding *f)
{
	bool silent = f->status == FINDING_TIMEOUT || f->status == FINDING_ERROR ||
		      f->status == FINDING_DENIED;
	const char *detail = f->detail;

	if (f->status == FINDING_NONE)
		detail = source->costs ? "not asked: could not change the verdict" : "not asked";
	o->source[0] = o->detail[0] = '\0';
	text_put(o->source, sizeof(o->source), source->name);
	text_put(o->detail, sizeof(o->detail), detail);
	o->finding = (struct iprep_finding){
		.source = o->source,
		.status = finding_status(f),
		.detail = text_filled(o->detail, NULL),
		.listed = f->status == FINDING_OK ? f->listed : -1,
		.answers = o->answers,
		.points = f->status == FINDING_OK ? f->points : 0,
		.expires_at = f->expires_at,
		.answered_at = f->status == FINDING_OK ? f->answered_at : 0,
		.unanswered = silent && (source->least || source->most),
	};
	if (f->status == FINDING_OK)
		put_result_answers(o, f);
}

int result_evidence_read(struct store *store, const struct addr *key, struct result_evidence *ret)
{
	struct evidence kept[SOURCES_MAX];
	int count = store_evidence_get(store, key, kept, SOURCES_MAX);

	ret->count = 0;
	for (int i = 0; i < count; i++) {
		struct conf_source source = { .costs = false };

		text_put(source.name, sizeof(source.name), kept[i].source);
		result_finding_fill(&ret->ones[i], &source, &kept[i].finding);
		ret->list[ret->count++] = &ret->ones[i].finding;
	}
	if (count < 0)
		return count;
	return 0;
}

struct iprep_result *result_new(const struct session *session, const struct lookup *lookup)
{
	size_t count = lookup->verdict.kind == V_EXEMPT ? 0 : session->conf->nsources;
	struct whole *whole = calloc(1, sizeof(*whole) + count * sizeof(whole->ones[0]));

	if (!whole)
		return NULL;
	whole->result = (struct iprep_result){
		.address = addr_text(&lookup->task.addr, whole->address),
		.verdict = (int)lookup->verdict.kind,
		.low = lookup->verdict.low,
		.high = lookup->verdict.high,
		.nfindings = count,
		.findings = whole->list,
	};
	if (lookup->verdict.tier >= 0)
		text_put(whole->tier, sizeof(whole->tier),
			 session->conf->tiers[lookup->verdict.tier].name);
	if (*whole->tier)
		whole->result.tier = whole->tier;
	else
		whole->result.tier = NULL;
	text_put(whole->exempt, sizeof(whole->exempt), lookup->exempt);
	whole->result.exempt = lookup->verdict.kind == V_EXEMPT ? whole->exempt : NULL;
	if (lookup->blocked) {
		snprintf(whole->block_tier, sizeof(whole->block_tier), "%s", lookup->block.tier);
		snprintf(whole->jail, sizeof(whole->jail), "%s", lookup->block.jail);
		whole->result.block_tier = whole->block_tier;
		if (*whole->jail)
			whole->result.block_jail = whole->jail;
		else
			whole->result.block_jail = NULL;
		snprintf(whole->seen, sizeof(whole->seen), "%s", lookup->block.seen);
		whole->result.block_seen = text_filled(whole->seen, NULL);
		whole->result.blocked_until = lookup->block.until;
	}
	whole->result.login_at = lookup->login_at;
	for (size_t i = 0; i < count; i++) {
		result_finding_fill(&whole->ones[i], &session->conf->sources[i],
				    &lookup->findings[i]);
		whole->list[i] = &whole->ones[i].finding;
	}
	return &whole->result;
}

const char *iprep_verdict_name(int verdict)
{
	switch ((enum iprep_verdict)verdict) {
	case IPREP_CLEAN:
		return "clean";
	case IPREP_CONFIRMED:
		return "confirmed";
	case IPREP_EXEMPT:
		return "exempt";
	case IPREP_UNLISTED:
		return "unlisted";
	case IPREP_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *iprep_status_name(int status)
{
	switch ((enum iprep_status)status) {
	case IPREP_S_OK:
		return "ok";
	case IPREP_S_TIMEOUT:
		return "timeout";
	case IPREP_S_ERROR:
		return "error";
	case IPREP_S_QUARANTINED:
		return "quarantined";
	case IPREP_S_SKIPPED:
		return "skipped";
	}
	return "unknown";
}

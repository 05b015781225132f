/* SPDX-License-Identifier: MIT */
#include "api/result.h"
#include "base/json.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct whole {
	struct iprep_result r;
	char address[ADDR_TEXT_MAX], tier[32], exempt[DETAIL_MAX], block_tier[32], jail[JAIL_MAX];
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[];
};

static int status_of(const struct finding *f)
{
	switch ((enum finding_status)f->status) {
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

void result_finding_fill(struct result_finding *o, const struct conf_source *source,
			 const struct finding *f)
{
	bool silent = f->status == FINDING_TIMEOUT || f->status == FINDING_ERROR ||
		      f->status == FINDING_DENIED;
	const char *detail = f->detail;

	if (f->status == FINDING_NONE)
		detail = source->costs ? "not asked: could not change the verdict" : "not asked";
	snprintf(o->source, sizeof(o->source), "%s", source->name);
	snprintf(o->detail, sizeof(o->detail), "%s", detail);
	o->f = (struct iprep_finding){
		.source = o->source,
		.status = status_of(f),
		.detail = *o->detail ? o->detail : NULL,
		.listed = f->status == FINDING_OK ? f->listed : -1,
		.answers = o->answers,
		.points = f->status == FINDING_OK ? f->points : 0,
		.expires_at = f->expires_at,
		.answered_at = f->status == FINDING_OK ? f->answered_at : 0,
		.unanswered = silent && (source->least || source->most),
	};
	for (int i = 0; f->status == FINDING_OK && i < f->na; i++) {
		struct in_addr a = { .s_addr = htonl(f->a[i]) };

		inet_ntop(AF_INET, &a, o->text[i], sizeof(o->text[i]));
		o->answers[o->f.nanswers++] = o->text[i];
	}
}

struct iprep_result *result_new(const struct session *session, const struct lookup *l)
{
	size_t n = l->verdict.kind == V_EXEMPT ? 0 : session->conf->nsources;
	struct whole *w = calloc(1, sizeof(*w) + n * sizeof(w->ones[0]));

	if (!w)
		return NULL;
	w->r = (struct iprep_result){
		.address = addr_text(&l->task.addr, w->address),
		.verdict = (int)l->verdict.kind,
		.low = l->verdict.low,
		.high = l->verdict.high,
		.nfindings = n,
		.findings = w->list,
	};
	if (l->verdict.tier >= 0)
		snprintf(w->tier, sizeof(w->tier), "%s",
			 session->conf->tiers[l->verdict.tier].name);
	w->r.tier = *w->tier ? w->tier : NULL;
	snprintf(w->exempt, sizeof(w->exempt), "%s", l->exempt);
	w->r.exempt = l->verdict.kind == V_EXEMPT ? w->exempt : NULL;
	if (l->blocked) {
		snprintf(w->block_tier, sizeof(w->block_tier), "%s", l->block.tier);
		snprintf(w->jail, sizeof(w->jail), "%s", l->block.jail);
		w->r.block_tier = w->block_tier;
		w->r.block_jail = *w->jail ? w->jail : NULL;
		w->r.blocked_until = l->block.until;
	}
	w->r.login_at = l->login_at;
	for (size_t i = 0; i < n; i++) {
		result_finding_fill(&w->ones[i], &session->conf->sources[i], &l->findings[i]);
		w->list[i] = &w->ones[i].f;
	}
	return &w->r;
}

static void put_time(struct json *o, const char *name, int64_t at)
{
	if (at)
		json_put_int(o, name, at);
	else
		json_put_null(o, name);
}

void result_finding_json(struct json *array, const struct iprep_finding *f)
{
	static const char *const names[] = { "ok", "timeout", "error", "quarantined", "skipped" };
	struct json *o = json_push_object(array), *answers;

	json_put_text(o, "source", f->source);
	json_put_text(o, "status", names[f->status]);
	json_put_bool(o, "listed", f->listed);
	json_put_int(o, "points", f->points);
	answers = json_put_array(o, "answer");
	for (size_t i = 0; i < f->nanswers; i++)
		json_push_text(answers, f->answers[i]);
	json_put_text(o, "detail", f->detail);
	put_time(o, "answered_at", f->answered_at);
	put_time(o, "expires_at", f->expires_at);
}

int iprep_result_json(const struct iprep_result *r, char **ret_line)
{
	static const char *const verdicts[] = { "unknown", "clean", "confirmed", "exempt" };
	struct json *o = json_new_object(), *score, *list;
	char *line;

	json_put_text(o, "address", r->address);
	json_put_text(o, "verdict", verdicts[r->verdict]);
	score = json_put_object(o, "score");
	json_put_int(score, "low", r->low);
	json_put_int(score, "high", r->high);
	json_put_text(o, "tier", r->tier);
	if (r->exempt)
		json_put_text(o, "exempt", r->exempt);
	if (r->block_tier) {
		json_put_int(o, "blocked_until", r->blocked_until);
		json_put_text(o, "blocked_tier", r->block_tier);
	} else {
		json_put_null(o, "blocked_until");
	}
	if (r->login_at)
		json_put_int(o, "login_at", r->login_at);
	list = json_put_array(o, "findings");
	for (size_t i = 0; i < r->nfindings; i++)
		result_finding_json(list, r->findings[i]);
	line = json_line(o);
	json_free(o);
	if (!line)
		return IPREP_E_NOMEM;
	*ret_line = line;
	return IPREP_OK;
}

void iprep_text_free(char *text)
{
	free(text);
}

/* SPDX-License-Identifier: MIT */
/*
 * What the API, a proxy or an attacker between may send. Byte 0 chooses the HTTP status, byte 1 the
 * headers; the rest is the body.
 */
#include "source/abuseipdb_check.h"
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>

#define NOW 1795426190

static void check_finding(const struct ask *a, const struct finding *f)
{
	must(f->status == FINDING_NONE || f->status == FINDING_OK || f->status == FINDING_ERROR);
	must(memchr(f->detail, '\0', sizeof(f->detail)) && is_plain(f->detail));
	must(f->points >= 0 && f->points <= a->source->most);
	must(f->status == FINDING_OK || (!f->points && !f->listed));
	must(f->listed == (f->points > 0));
}

/* What a report, a bulk report or a retraction makes of the same answer. */
static void check_outcome(struct ask *a, const struct http_answer *h, enum task_kind kind)
{
	struct task *t = a->task;
	struct finding f = { 0 };
	struct quota_seen q;

	*t = (struct task){ .kind = kind, .addr = t->addr };
	abuseipdb_outcome(a, h, NOW, &f);
	check_finding(a, &f);
	must(t->outcome != OUT_NONE);
	must(memchr(t->why, '\0', sizeof(t->why)) && is_plain(t->why));
	must(t->outcome != OUT_DONE || h->code == 200);
	must(kind != TASK_BULK || t->outcome != OUT_PARKED);
	must(t->retry_after_s >= 0 && t->retry_after_s <= 86400);
	must(!t->nrefused || (kind == TASK_BULK && t->outcome == OUT_DONE && t->refused));
	for (size_t i = 0; i < t->nrefused; i++)
		must(is_plain(t->refused[i].why));
	free(t->refused);
	t->refused = NULL;
	abuseipdb_quota(h, kind, NOW, &q);
	must(!q.stopped_until || (q.stopped_until > NOW && q.stopped_until <= NOW + 2 * 86400));
	must(!q.stopped_until || h->code == 429 || kind == TASK_BULK);
	must(is_plain(q.error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codes[] = { 200, 401, 402, 403, 404, 422, 429, 500, 503, 302 };
	static struct conf *conf;
	struct task t = { .kind = TASK_REPORT };
	struct http_answer h = {
		.status = NET_OK, .limit = -1, .remaining = -1, .reset_at = -1, .retry_after_s = -1
	};
	struct finding f = { 0 };
	struct ask a;

	if (size < 2 || (!conf && (conf_new(&conf) || conf_enable_abuseipdb(conf))))
		return 0;
	a = (struct ask){ .conf = conf, .source = &conf->sources[conf->abuseipdb], .task = &t };
	must(addr_parse("45.1.1.1", &t.addr));
	h.code = codes[data[0] % 10];
	if (data[1] & 1)
		h.retry_after_s = (int64_t)data[1] << (data[1] & 31) << (data[1] & 15);
	if (data[1] & 2)
		h.reset_at = NOW + ((int64_t)data[1] << (data[1] & 31));
	h.body = (const char *)data + 2;
	h.body_len = size - 2;
	abuseipdb_check_answer(&a, &h, NOW, &f);
	check_finding(&a, &f);
	must(f.status != FINDING_NONE);
	for (enum task_kind kind = TASK_REPORT; kind <= TASK_RETRACT; kind++)
		check_outcome(&a, &h, kind);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the API, a proxy or an attacker between may send. Byte 0 chooses the HTTP status, byte 1 the
 * headers; the rest is the body.
 */
#include "abuseipdb_answer.h"
#include "fuzz.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int codes[] = { 200, 401, 402, 403, 404, 422, 429, 500, 503, 302 };
	static struct conf *conf;
	struct task t = { .kind = TASK_REPORT };
	struct http_answer h = { .status = NET_OK, .limit = -1, .remaining = -1, .reset_at = -1,
				 .retry_after_s = -1 };
	struct quota_seen q;
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
	f = (struct finding){ 0 };
	abuseipdb_report_answer(&a, &h, NOW, &t, &f);
	check_finding(&a, &f);
	must(t.outcome != OUT_NONE);
	must(memchr(t.why, '\0', sizeof(t.why)) && is_plain(t.why));
	must(t.outcome != OUT_DONE || h.code == 200);
	must(t.retry_after_s >= 0 && t.retry_after_s <= 86400);
	abuseipdb_quota(&h, NOW, &q);
	must(!q.stopped_until || (q.stopped_until > NOW && q.stopped_until <= NOW + 2 * 86400));
	must(!q.stopped_until || h.code == 429);
	must(is_plain(q.error));
	return 0;
}

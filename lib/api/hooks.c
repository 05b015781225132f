/* SPDX-License-Identifier: MIT */
/* hooks.c - what fail2ban runs under its global lock: disk only, milliseconds */
#include "api/iprep_private.h"
#include "reputation/verdict_log.h"
#include "base/buf.h"
#include "base/mask.h"
#include "conf/categories.h"
#include "conf/fleet.h"
#include "reputation/gate.h"
#include "reputation/guard.h"
#include "reputation/enqueue.h"
#include "source/source.h"
#include "store/hook_counts.h"
#include "worker/worker.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define USER_MAX      1024 /* bytes: longer is an attack on us, not on an account */
#define FUTURE_MAX_S  300  /* clocks that are set right jump by less */
#define READY_CHECK_S 1	   /* fail2ban asks under its lock, after a failure only */
#define USERS_MAX     64   /* as many as are counted */

/* An empty tag, or one that fail2ban did not know, is no name; nor is what no server would take. */
static size_t user_bytes(const char *user)
{
	size_t count = user ? strnlen(user, USER_MAX + 1) : 0;

	if (count > USER_MAX || (count && user[0] == '<' && user[count - 1] == '>'))
		return 0;
	return count;
}

/* fail2ban leaves "<name>" where a tag has no value. */
static const char *text_if_given(const char *text)
{
	if (text && *text && *text != '<')
		return text;
	return NULL;
}

static void note_call(struct iprep_ctx *ctx, enum hook_kind kind, enum hook_count count, int tier)
{
	hook_counts_note(ctx->conf->state, kind, count, tier, clock_now_s(&ctx->clock));
}

/* A line of before the restart was counted then. */
static enum hook_count line_count(int rc, bool restored, bool is_counted)
{
	if (rc || restored)
		return HOOK_COUNTS_NOTHING;
	return is_counted ? HOOK_LINE_COUNTED : HOOK_LINE_IGNORED;
}

int iprep_should_count(struct iprep_ctx *ctx, const char *address, const char *jail,
		       const char *user, bool restored, bool *ret_count, bool *ret_wake)
{
	char name[JAIL_MAX] = "";
	struct gate_line line = { .jail = name,
				  .user_len = user_bytes(user),
				  .names = user != NULL,
				  .restored = restored };
	struct session session;
	int rc = ctx_address(ctx, address, &line.addr);

	if (!rc)
		rc = ctx_note_key(ctx);
	if (!rc)
		rc = ctx_open_store(ctx, STORE_GATE);
	if (rc)
		return rc;
	if (text_if_given(jail))
		text_mask(name, sizeof(name), jail, strlen(jail));
	session = ctx_env(ctx);
	if (line.user_len)
		line.user = user;
	else
		line.user = NULL;
	rc = gate_ask(&session, &line, ret_count, ret_wake);
	note_call(ctx, HOOK_GATE, line_count(rc, restored, *ret_count), -1);
	return rc;
}

int iprep_is_blocked(struct iprep_ctx *ctx, const char *address, bool *ret_blocked)
{
	struct prefix prefix;
	struct session session;
	int tier = -1, rc;

	if (!prefix_parse(address, &prefix))
		return err_set(&ctx->err, IPREP_E_ADDR,
			       "%.100s: neither an IP address nor a prefix", address);
	rc = ctx_open_store(ctx, STORE_GATE);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	rc = gate_is_blocked(&session, &prefix, ret_blocked, &tier);
	note_call(ctx, HOOK_IS_BLOCKED, HOOK_COUNTS_NOTHING, tier);
	return rc;
}

int iprep_record_login(struct iprep_ctx *ctx, const char *address)
{
	struct session session = ctx_env(ctx);
	bool is_recorded = false;
	struct addr addr, key;
	int rc = ctx_address(ctx, address, &addr);

	if (rc)
		return rc;
	if (guard_check_in_hook(&session, &addr)) {
		note_call(ctx, HOOK_LOGIN, HOOK_COUNTS_NOTHING, -1);
		return 0;
	}
	rc = ctx_open_store(ctx, STORE_HOOK);
	if (rc)
		return rc;
	key = addr_key(&addr, ctx->conf->ipv6_prefix);
	rc = store_pardoned(ctx->store, &key);
	if (!rc) {
		rc = store_login_put(ctx->store, &key);
		is_recorded = !rc;
	}
	note_call(ctx, HOOK_LOGIN, is_recorded ? HOOK_LOGIN_RECORDED : HOOK_COUNTS_NOTHING, -1);
	if (rc < 0)
		return rc;
	return 0;
}

/* The result has at most this size, so a longer template is cut as well, but not within a name. */
static int comment_of(struct iprep_ctx *ctx, const char *template, struct event *ev)
{
	const char *wrong = template ? conf_template_wrong(template) : NULL;
	char *name;

	if (wrong)
		return err_set(&ctx->err, IPREP_E_ARG, "comment: %s", wrong);
	if (!template)
		return 0;
	snprintf(ev->comment, sizeof(ev->comment), "%.*s",
		 (int)utf8_cut(template, REPORT_COMMENT_MAX), template);
	name = strrchr(ev->comment, '%');
	if (template[strlen(ev->comment)] && name && !strchr(name, '}') &&
	    strchr(template + (name - ev->comment), '}'))
		*name = '\0';
	return 0;
}

/* Names that are none are passed over, so the arrays of ev may be shorter. */
static void users_of(const struct iprep_report *report, const char *users[USERS_MAX],
		     size_t lens[USERS_MAX], struct event *ev)
{
	for (size_t i = 0; i < report->nusers && ev->nusers < USERS_MAX; i++) {
		lens[ev->nusers] = user_bytes(report->users[i]);
		users[ev->nusers] = report->users[i];
		ev->nusers += lens[ev->nusers] > 0;
	}
	ev->users = users;
	ev->user_lens = lens;
}

static int event_of(struct iprep_ctx *ctx, const struct iprep_report *report, struct event *ev)
{
	int64_t now = clock_now_s(&ctx->clock);
	int rc = ctx_address(ctx, report->address, &ev->addr);

	if (!rc && text_if_given(report->categories))
		rc = categories_parse(report->categories, ev->categories, &ctx->err);
	if (rc)
		return rc;
	if (report->failures < 0)
		return err_set(&ctx->err, IPREP_E_ARG, "failures: %d is negative",
			       report->failures);
	if (report->seen_at < 0 || report->seen_at > now + FUTURE_MAX_S)
		return err_set(&ctx->err, IPREP_E_ARG, "time: %lld is %s",
			       (long long)report->seen_at,
			       report->seen_at < 0 ? "before 1970" : "in the future");
	ev->failures = report->failures;
	ev->by_hand = report->by_hand;
	if (report->seen_at)
		ev->seen_at = report->seen_at;
	else
		ev->seen_at = now;
	if (ev->seen_at > now)
		ev->seen_at = now;
	if (text_if_given(report->jail))
		text_mask(ev->jail, sizeof(ev->jail), report->jail, strlen(report->jail));
	return comment_of(ctx, report->comment, ev);
}

int iprep_validate_report(struct iprep_ctx *ctx, const struct iprep_report *report)
{
	struct event event = { 0 };

	return event_of(ctx, report, &event);
}

int iprep_record_report(struct iprep_ctx *ctx, const struct iprep_report *report, int *ret_recorded,
			bool *ret_wake)
{
	static const enum hook_count counts[] = { [IPREP_QUEUED] = HOOK_BAN_REPORTED,
						  [IPREP_LOOKUP_ONLY] = HOOK_BAN_LOOKUP,
						  [IPREP_SKIPPED] = HOOK_BAN_SKIPPED };
	const char *users[USERS_MAX];
	size_t lens[USERS_MAX];
	struct event ev = { 0 };
	int recorded = IPREP_SKIPPED, rc = event_of(ctx, report, &ev);
	struct session session;

	users_of(report, users, lens, &ev);
	if (!rc)
		rc = ctx_note_key(ctx);
	if (!rc)
		rc = ctx_open_store(ctx, STORE_RECORD);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	rc = enqueue_event(&session, &ev, &recorded, ret_wake);
	note_call(ctx, HOOK_ENQUEUE, rc ? HOOK_COUNTS_NOTHING : counts[recorded], -1);
	if (!rc && ret_recorded)
		*ret_recorded = recorded;
	return rc;
}

int iprep_worker_wanted(struct iprep_ctx *ctx, bool *ret_wanted)
{
	bool spawn = ctx->conf->start == WORKER_SPAWN;

	if (!spawn) {
		int rc = worker_wake_file(ctx->conf, &ctx->err);

		if (rc)
			return rc;
	}
	*ret_wanted = spawn && !worker_runs(ctx->conf);
	return IPREP_OK;
}

/* The runner looks for it in the same two directories. */
static bool has_program(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/usr/bin/%s", name);
	if (!access(path, X_OK))
		return true;
	snprintf(path, sizeof(path), "/usr/sbin/%s", name);
	return !access(path, X_OK);
}

static int check_fleet(struct iprep_ctx *ctx)
{
	enum fleet_key_form form = FLEET_KEY_BIND;
	int rc;

	if (!*ctx->conf->fleet_zone)
		return 0;
	rc = fleet_key_check(ctx->conf->fleet_key_file, &form, NULL, &ctx->err);
	if (rc > 0) /* missing, or not readable: the message says which */
		return err_set(&ctx->err, IPREP_E_CONFIG, "[fleet] key_file: %.400s",
			       ctx->err.text);
	if (rc)
		return rc;
	if (!has_program(form == FLEET_KEY_BIND ? "nsupdate" : "knsupdate"))
		return err_set(&ctx->err, IPREP_E_CONFIG,
			       "[fleet] key_file: %.300s has the form of %s, which is not "
			       "installed; install %s",
			       ctx->conf->fleet_key_file,
			       form == FLEET_KEY_BIND ? "nsupdate" : "knsupdate",
			       form == FLEET_KEY_BIND ? "bind9-dnsutils" : "knot-dnsutils");
	return 0;
}

int iprep_check_setup(struct iprep_ctx *ctx)
{
	struct session session;
	int rc = ctx_open_store(ctx, STORE_HOOK);

	if (!rc)
		rc = store_try(ctx->store);
	if (!rc) /* what enqueue met may lie anywhere */
		rc = store_check_noted(ctx->store, READY_CHECK_S);
	if (rc)
		return rc;
	session = ctx_env(ctx);
	rc = hook_counts_fold(ctx->store,
			      ctx->conf->state); /* so that hooks count from the first one on */
	if (!rc)
		rc = verdict_log_ready(&session);
	if (!rc)
		rc = ctx_read_key(ctx, KEY_TO_SHOW);
	if (rc)
		return rc;
	if (check_fleet(ctx)) /* no reason for fail2ban not to ban */
		log_line(&ctx->log, LOG_WARNING, "%s; nothing is published", ctx->err.text);
	return IPREP_OK;
}

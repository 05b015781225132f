/* SPDX-License-Identifier: MIT */
/*
 * context.c - the context: configuration, errors, and what is opened when
 *
 * A context opens what it needs when it is first needed: configuration, state, key, network.
 */
#include "base/buf.h"
#include "api/iprep_private.h"
#include "base/mask.h"
#include "reputation/feeds.h"
#include "base/siphash.h"
#include "base/statedir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int iprep_new(struct iprep_ctx **ret_ctx)
{
	struct iprep_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx) {
		ctx->runner_fd = -1;
		ctx->feeds = feeds_new();
	}
	if (!ctx || !ctx->feeds || conf_new(&ctx->conf)) {
		iprep_free(ctx);
		return IPREP_E_NOMEM;
	}
	*ret_ctx = ctx;
	return IPREP_OK;
}

struct iprep_ctx *iprep_free(struct iprep_ctx *ctx)
{
	if (!ctx)
		return NULL;
	store_close(ctx->store);
	feeds_free(ctx->feeds);
	conf_free(ctx->conf);
	key_file_wipe(ctx->secret);
	free(ctx);
	return NULL;
}

const char *iprep_strerror(int err)
{
	switch ((enum iprep_err)err) {
	case IPREP_OK:
		return "no error";
	case IPREP_E_NOMEM:
		return "out of memory";
	case IPREP_E_ARG:
		return "invalid argument";
	case IPREP_E_ADDR:
		return "not an IP address";
	case IPREP_E_CONFIG:
		return "error in the configuration";
	case IPREP_E_PERM:
		return "permission denied, or unsafe owner or mode";
	case IPREP_E_STORE:
		return "the state database is not usable";
	case IPREP_E_BUSY:
		return "locked by another process; try again later";
	case IPREP_E_NOSOURCE:
		return "no source that gives points is configured";
	case IPREP_E_CREATE:
		return "cannot create a file or directory";
	case IPREP_E_IO:
		return "read or write failed";
	case IPREP_E_OS:
		return "system error";
	case IPREP_E_BUG:
		return "internal error";
	}
	return "unknown error";
}

const char *iprep_errmsg(const struct iprep_ctx *ctx)
{
	if (!ctx)
		return iprep_strerror(IPREP_E_NOMEM);
	if (ctx->err.code)
		return ctx->err.text;
	return iprep_strerror(IPREP_OK);
}

const char *iprep_version(void)
{
	return IPREP_VERSION;
}

void iprep_set_log(struct iprep_ctx *ctx, int max_priority,
		   void (*fn)(void *user, int priority, const char *line), void *user)
{
	ctx->log = (struct log){ .fn = fn, .user = user, .max_priority = max_priority };
}

int iprep_load_config(struct iprep_ctx *ctx, const char *path)
{
	struct conf *conf;
	int rc = conf_load(path ? path : CONF_DEFAULT_PATH, !path, &conf, &ctx->err);

	if (rc)
		return rc;
	conf_free(ctx->conf);
	ctx->conf = conf;
	feeds_free(ctx->feeds);
	ctx->feeds = feeds_new(); /* NULL: the feeds are not used */
	return IPREP_OK;
}

int iprep_state_owner(struct iprep_ctx *ctx, uid_t *ret_uid, gid_t *ret_gid)
{
	return statedir_owner(ctx->conf->state, ret_uid, ret_gid, &ctx->err);
}

/* ---- what is opened when ---- */

struct session ctx_env(struct iprep_ctx *ctx)
{
	return (struct session){ .conf = ctx->conf,
				 .store = ctx->store,
				 .clock = ctx->clock,
				 .log = &ctx->log,
				 .err = &ctx->err,
				 .secret = text_filled(ctx->secret, NULL),
				 .auth_mark = ctx->auth_mark,
				 .health = &ctx->health,
				 .feeds = ctx->feeds,
				 .runner_fd = ctx->runner_fd };
}

void iprep_set_runner(struct iprep_ctx *ctx, int fd)
{
	ctx->runner_fd = fd;
}

int ctx_open_store(struct iprep_ctx *ctx, enum store_mode mode)
{
	if (ctx->store) {
		struct session session = ctx_env(ctx);

		store_begin_call(ctx->store);
		feeds_refresh(&session);
		return 0;
	}
	ctx->views = mode == STORE_VIEW;
	return store_open(ctx->conf->state, mode, ctx->clock, &ctx->log, &ctx->store, &ctx->err);
}

int ctx_note_key(struct iprep_ctx *ctx)
{
	if (!*ctx->conf->key_file)
		return 0;
	if (access(ctx->conf->key_file, R_OK)) {
		conf_disable_abuseipdb(ctx->conf);
		if (key_file_is_absent(errno))
			return 0;
		return err_set(&ctx->err, errno == ENOMEM ? IPREP_E_NOMEM : IPREP_E_IO, "%s: %s",
			       ctx->conf->key_file, strerror(errno));
	}
	if (conf_enable_abuseipdb(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	return 0;
}

static void note_left_out(struct iprep_ctx *ctx, enum key_use use, const char *what)
{
	if (use == KEY_TO_LOOK_UP)
		log_line(&ctx->log, LOG_NOTICE, "%s, looking up without %s", ctx->err.text, what);
}

/* Keys in zones: a list whose key cannot be read is left out. */
static int read_zone_keys(struct iprep_ctx *ctx, enum key_use use)
{
	char key[SECRET_MAX], what[32 + sizeof(ctx->conf->sources->name)];
	int rc = 0;

	for (size_t i = 0; i < ctx->conf->nsources && rc >= 0; i++) {
		struct conf_source *source = &ctx->conf->sources[i];

		if (!*source->key_file || source->asked_zone || source->no_key)
			continue;
		rc = key_file_read(source->key_file, key, &ctx->err);
		if (rc > 0) {
			source->no_key = true;
			snprintf(what, sizeof(what), "[dnsbl %s]", source->name);
			note_left_out(ctx, use, what);
		} else if (!rc) {
			rc = conf_zone_key(source, key, &ctx->err);
		}
	}
	key_file_wipe(key);
	if (rc < 0)
		return rc;
	return 0;
}

/* Changes when what decides about an answer of the API does. */
static uint64_t api_settings(const struct conf *conf)
{
	static const uint8_t key[16] = { 0 };
	char text[4 * CONF_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", conf->api_url, conf->key_file,
			   conf->ca_file, conf->proxy);

	return siphash24(key, text, (size_t)len);
}

static void note_auth_mark(struct iprep_ctx *ctx)
{
	struct stat st;

	ctx->auth_mark[0] = '\0';
	if (!stat(ctx->conf->key_file, &st))
		snprintf(ctx->auth_mark, sizeof(ctx->auth_mark), "%llu-%lld-%lld-%ld-%016llx",
			 (unsigned long long)st.st_ino, (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			 (unsigned long long)api_settings(ctx->conf));
}

int ctx_note_key_mark(struct iprep_ctx *ctx)
{
	if (!*ctx->conf->key_file)
		return 0;
	note_auth_mark(ctx);
	if (!*ctx->auth_mark) {
		conf_disable_abuseipdb(ctx->conf);
		return 0;
	}
	if (conf_enable_abuseipdb(ctx->conf))
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	return 0;
}

enum store_mode ctx_read_mode(const struct iprep_ctx *ctx)
{
	struct err unused = { 0 };
	uid_t uid;
	gid_t gid;

	if (!statedir_owner(ctx->conf->state, &uid, &gid, &unused) && uid != geteuid())
		return STORE_VIEW;
	return STORE_READ;
}

bool ctx_is_key_error(int rc)
{
	return rc == IPREP_E_PERM || rc == IPREP_E_CONFIG || rc == IPREP_E_IO;
}

/* What an earlier call has read may have been replaced or taken away. */
static void forget_key(struct iprep_ctx *ctx)
{
	key_file_wipe(ctx->secret);
	ctx->auth_mark[0] = '\0';
	ctx->key_error[0] = '\0';
	conf_disable_abuseipdb(ctx->conf);
}

int ctx_read_key(struct iprep_ctx *ctx, enum key_use use)
{
	int rc;

	forget_key(ctx);
	rc = read_zone_keys(ctx, use);
	if (rc || !*ctx->conf->key_file)
		return rc;
	rc = key_file_read(ctx->conf->key_file, ctx->secret, &ctx->err);
	if (rc > 1)
		snprintf(ctx->key_error, sizeof(ctx->key_error), "%.511s", ctx->err.text);
	if (rc > 0) {
		note_left_out(ctx, use, "AbuseIPDB");
		return 0;
	}
	if (rc)
		return rc;
	note_auth_mark(ctx);
	return ctx_note_key(ctx);
}

int ctx_address(struct iprep_ctx *ctx, const char *text, struct addr *ret)
{
	char masked[104];

	if (addr_parse(text, ret))
		return 0;
	return err_set(&ctx->err, IPREP_E_ADDR, "%s: not an IP address",
		       text_mask(masked, sizeof(masked), text, strlen(text)));
}

/* SPDX-License-Identifier: MIT */
/* iprep_private.h - the context, and what is opened when; shared by the files of api/ only */
#pragma once
#include "reputation/session.h"
#include "conf/key_file.h"

struct iprep_ctx {
	struct conf *conf;
	struct store *store;
	bool views; /* it is, or was to be, opened with STORE_VIEW */
	struct clock clock;
	struct log log;
	struct err err;
	struct dnsbl_health_table health;
	struct feeds *feeds;
	uint64_t stamp;	      /* conf_stamp() when it was read; 0: by iprep_refresh() it was not */
	int64_t settle_at_ms; /* when it is read once more; 0: not */
	struct err stale;     /* why the files are not what conf has; code 0: they are */
	char forgotten[ADDR_TEXT_MAX]; /* what iprep_forget() gave back */
	char secret[SECRET_MAX], auth_mark[128];
	int runner_fd;		    /* -1: none */
	char fleet_why[DETAIL_MAX]; /* what iprep_fleet_remove_host() gave back */
	char key_error[512];	    /* why the key of AbuseIPDB cannot be read; "": no file */
};

struct session ctx_env(struct iprep_ctx *ctx);
/* Once; later calls keep what is open. Errors: as store_open(). */
int ctx_open_store(struct iprep_ctx *ctx, enum store_mode mode);
/* For hooks, which only need to know whether there is a key: it is not read. Errors: _NOMEM. */
int ctx_note_key(struct iprep_ctx *ctx);
/* For who only reads: STORE_READ for the owner of the state, STORE_VIEW for others. */
enum store_mode ctx_read_mode(const struct iprep_ctx *ctx);
/* auth_mark alone, without reading the key. */
int ctx_note_key_mark(struct iprep_ctx *ctx);
enum key_use { KEY_TO_LOOK_UP, KEY_TO_SHOW };
/* Read all keys, that of AbuseIPDB again. What has no key is left out; a notice is logged only to
 * look something up, because who shows the state shows this as well. */
int ctx_read_key(struct iprep_ctx *ctx, enum key_use use);
/* What it returns if a key file is unsafe, invalid or cannot be read; the rest is no fault of one.
 */
bool ctx_is_key_error(int rc);
/* Errors: _ADDR. */
int ctx_address(struct iprep_ctx *ctx, const char *text, struct addr *ret);

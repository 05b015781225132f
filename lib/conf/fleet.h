/* SPDX-License-Identifier: MIT */
/* fleet.h - [fleet]: what its keys need of each other, and the file with its key */
#pragma once
#include "conf/conf.h"

/* The whole configuration was read; [fleet] zone is in line `line` of file. Errors: _CONFIG: it
 * lacks a key. */
int fleet_finish(struct conf *conf, const char *file, int line, struct err *error);

enum fleet_key_form {
	FLEET_KEY_BIND, /* key "name" { algorithm hmac-sha256; secret "..."; }; of tsig-keygen */
	FLEET_KEY_LINE, /* [algorithm:]name:secret, of keymgr -t */
};
/*
 * Can this process read the file, and does it look like a TSIG key? Owner and mode are judged as by
 * key_file_read(), with its errors and its 1 and 2 for a file that is missing or may not be read.
 * *ret_name may be NULL: name of the key, for messages. The message never contains the secret.
 */
#define FLEET_KEY_NAME_MAX 256
int fleet_key_check(const char *path, enum fleet_key_form *ret_form,
		    char ret_name[FLEET_KEY_NAME_MAX], struct err *error);

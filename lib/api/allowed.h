/* SPDX-License-Identifier: MIT */
/* allowed.h - an entry of [allow] as the public one */
#pragma once
#include "conf/conf.h"
#include "iprep.h"

#define ALLOWED_WHY_MAX	 256 /* bytes shown of a comment */
#define ALLOWED_FILE_MAX 4096

struct allowed_view {
	struct iprep_allowed allowed; /* its texts are those below, or of the configuration */
	char net[ADDR_TEXT_MAX], why[ALLOWED_WHY_MAX];
	char file[ALLOWED_FILE_MAX]; /* a pattern of names may match any name */
};
/* Without what a name resolved to. */
void allowed_view_fill(struct allowed_view *view, const struct conf_allow *entry, int64_t now);

/* SPDX-License-Identifier: MIT */
/* categories.h - AbuseIPDB's categories by number and name (docs.abuseipdb.com, read 2026-11) */
#pragma once
#include "conf/conf.h"

/*
 * "ssh,brute-force" or "22, 18" -> "22,18", each once; at most 30 may be given, all of them known.
 * Errors: _ARG names the value.
 */
int categories_parse(const char *text, char dst[CONF_TEXT_MAX], struct err *error);

/* SPDX-License-Identifier: MIT */
/* mail.h - rep-check --blocks --unmailed: a block as a paragraph with labels, for iprep-notify */
#pragma once
#include <iprep.h>

#define BLOCK_LINK_MAX 160

/* The page of AbuseIPDB about an address or prefix; the command that undoes a block. Return dst. */
const char *block_page(const char *address, char dst[BLOCK_LINK_MAX]);
const char *block_undo(const char *address, char dst[BLOCK_LINK_MAX]);
/* All times are absolute: a mail is read later. Its first line is the address. */
void check_put_block_mail(const struct iprep_block *block);

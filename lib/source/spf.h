/* SPDX-License-Identifier: MIT */
/*
 * spf.h - the text of one SPF record, term by term (RFC 7208, 4.5 to 6)
 *
 * Only what names networks is read: ip4:, ip6:, include: and redirect=, and all, which ends the
 * record. a, mx, ptr, exists and macros depend on the mail and are skipped; terms that do not pass
 * ("-", "~", "?") name nothing that may send. Foreign text: a record that is wrong, or would allow
 * more than any provider has, is refused as a whole.
 */
#pragma once
#include "base/addr.h"

#define SPF_NAME_MAX 254 /* of a domain, terminated (RFC 1035, 3.1) */
#define SPF_V4_MIN   10	 /* no network is wider; providers have /14 */
#define SPF_V6_MIN   20

enum spf_kind {
	SPF_END,
	SPF_NET,      /* term->net */
	SPF_INCLUDE,  /* term->name: the networks of that domain as well */
	SPF_REDIRECT, /* term->name: the same; the last term, if the record has no "all" */
	SPF_SKIPPED,  /* something that is not followed here */
	SPF_REFUSED,  /* the whole record; term->why is the end of a sentence, printable */
};
struct spf_term {
	struct prefix net;
	char name[SPF_NAME_MAX]; /* lower case, without a dot at its end */
	char why[DETAIL_MAX];
};
struct spf_reader { /* made by spf_read() */
	const char *at, *end;
	bool has_redirect;
	char redirect[SPF_NAME_MAX]; /* empty: none that is followed */
};

/* "v=spf1", alone or with terms. */
bool spf_is_record(const char *text, size_t len);
/* Begins with the first term; text must be spf_is_record() and outlive the reader. */
void spf_read(struct spf_reader *reader, const char *text, size_t len);
/* Not after SPF_END or SPF_REFUSED. */
enum spf_kind spf_next(struct spf_reader *reader, struct spf_term *ret);

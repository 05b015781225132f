/* SPDX-License-Identifier: MIT */
/* result.h - a finished lookup as the public, append-only struct iprep_result */
#pragma once
#include "reputation/lookup.h"

/* One allocation, released with free(). NULL: no memory. */
struct iprep_result *result_new(const struct session *session, const struct lookup *lookup);

/* One finding as the public one, which points into it: neither is copied. */
struct result_finding {
	struct iprep_finding finding;
	const char *answers[ANSWERS_MAX];
	char text[ANSWERS_MAX][16], source[48], detail[DETAIL_MAX]; /* "127.255.255.254" */
};
void result_finding_fill(struct result_finding *o, const struct conf_source *source,
			 const struct finding *f);

/* What a block was made from, as public findings. */
struct result_evidence {
	size_t count;
	const struct iprep_finding *list[SOURCES_MAX];
	struct result_finding ones[SOURCES_MAX];
};
/* Of the block of the key. Errors: _STORE, _BUSY. */
int result_evidence_read(struct store *store, const struct addr *key, struct result_evidence *ret);

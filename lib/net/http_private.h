/* SPDX-License-Identifier: MIT */
/* http_private.h - one HTTP request: http.c, http_headers.c, http_setup.c (in the module) */
#pragma once
#include "base/buf.h"
#include "net/net_private.h"
#include <curl/curl.h>

struct call {
	struct request request; /* first */
	struct net *net;
	CURL *easy;
	struct curl_slist *headers;
	curl_mime *form;
	struct buf body;
	bool in_multi;
	bool is_refused;	     /* an option, by libcurl */
	size_t answer_max, received; /* bytes of its body, decoded */
	bool (*take)(void *user, const char *bytes, size_t len);
	bool too_big;	   /* the answer is larger than answer_max */
	bool is_not_taken; /* take() */
	bool is_plain;	   /* http://, so to loopback only */
	char error[CURL_ERROR_SIZE];
	struct http_answer answer;
	void (*cb)(void *user, const struct http_answer *reply);
	void *user;
};

/* Prepares call->easy and call->headers. Returns NULL, or why this request cannot be made. */
const char *http_set_up(struct call *call, const struct http_request *req, int64_t left_ms);
/* What the headers of the answer say. */
void http_read_headers(const struct call *call, struct http_answer *answer);
/* The terminated text shows the value of a header of the request, the API key for example. */
bool http_shows_secret(const struct call *call, const char *text);
/* Copies text of curl for a message, masked. If http_shows_secret(), it becomes "...".
 * Always terminated. */
void http_mask(const struct call *call, char *dst, size_t room, const char *text, size_t len);

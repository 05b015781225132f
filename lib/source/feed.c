/* SPDX-License-Identifier: MIT */
/*
 * feed.c - downloads a feed (RFC 9110: conditional requests, 13)
 *
 * Pieces go to the reader as they come, so that a feed is never in memory as text. A redirect is
 * not followed: a list that moved may be another one.
 */
#include "source/feed.h"
#include "base/buf.h"
#include "source/abuseipdb_check.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>

struct call {
	char key[600], etag[VALIDATOR_MAX + 32], modified[VALIDATOR_MAX + 32];
	const char *headers[5];
	char last_byte;
};

bool feed_needs_key(const struct conf *conf, const struct conf_source *source)
{
	size_t len = strlen(conf->api_url);

	return source->format == FEED_ABUSEIPDB && !strncmp(source->url, conf->api_url, len) &&
	       source->url[len] == '/';
}

void feed_download_done(struct feed_download *download)
{
	download->reader = feed_reader_free(download->reader);
	download->entries = feed_entries_free(download->entries);
}

static void on_entry(void *user, const struct prefix *net, int number)
{
	struct feed_download *download = user;

	if (!feed_entries_add(download->entries, net, number))
		download->is_full = true;
}

static bool begin_download(const struct conf_source *source, struct feed_download *download)
{
	download->entries = feed_entries_new();
	download->reader = feed_reader_new(source->format, on_entry, download);
	return download->entries && download->reader;
}

static void end_fetch(struct ask *ask, enum outcome outcome)
{
	if (ask->priv)
		explicit_bzero(ask->priv, sizeof(struct call));
	free(ask->priv);
	ask->priv = NULL;
	ask->answer.status = FINDING_NONE;
	ask->task->outcome = outcome;
	ask->done(ask);
}

static void fail_fetch(struct ask *ask, const char *why)
{
	snprintf(ask->task->why, sizeof(ask->task->why), "%.150s", why);
	end_fetch(ask, OUT_LATER);
}

/* ---- from a file ---- */

/* Changes with every write of the file, as a server's ETag does. */
static void file_validator(const struct stat *st, char dst[VALIDATOR_MAX])
{
	snprintf(dst, VALIDATOR_MAX, "%llu-%lld-%lld.%09ld", (unsigned long long)st->st_ino,
		 (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static const char *file_problem(int fd, struct stat *st)
{
	if (fd < 0 || fstat(fd, st))
		return strerror(errno);
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_size > FEED_BYTES_MAX)
		return "more than 64 MB";
	return NULL;
}

/* Returns why not, or NULL. A file that grows while it is read ends at the limit. */
static const char *read_pieces(struct feed_download *download, int fd)
{
	char piece[65536];
	size_t total = 0;
	ssize_t count;

	while ((count = read(fd, piece, sizeof(piece))) > 0 && total <= FEED_BYTES_MAX) {
		feed_reader_bytes(download->reader, piece, (size_t)count);
		total += (size_t)count;
	}
	if (count < 0)
		return strerror(errno);
	if (total > FEED_BYTES_MAX)
		return "more than 64 MB";
	return NULL;
}

size_t feed_file_size(const struct conf_source *source)
{
	struct stat st;

	if (stat(source->file, &st) || st.st_size < 0)
		return 0;
	return (size_t)st.st_size;
}

static const char *read_opened(struct feed_download *download, int fd)
{
	char validator[VALIDATOR_MAX];
	struct stat st = { 0 };
	const char *why = file_problem(fd, &st);

	if (why)
		return why;
	file_validator(&st, validator);
	download->unchanged = !strcmp(validator, download->modified);
	memcpy(download->modified, validator, sizeof(validator));
	download->etag[0] = '\0';
	if (download->unchanged)
		return NULL;
	why = read_pieces(download, fd);
	if (!why && !fstat(fd, &st))
		file_validator(&st, validator);
	if (!why && strcmp(validator, download->modified) != 0)
		why = "changed while it was read";
	return why;
}

bool feed_file_read(const struct conf_source *source, struct feed_download *download,
		    char ret_why[DETAIL_MAX])
{
	const char *why = "out of memory";
	int fd = -1;

	if (begin_download(source, download)) {
		fd = open(source->file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		why = read_opened(download, fd);
	}
	if (fd >= 0)
		close(fd);
	if (why) {
		snprintf(ret_why, DETAIL_MAX, "%.110s: %.40s", source->file, why);
		return false;
	}
	if (!download->unchanged)
		feed_reader_end(download->reader, &download->counts);
	return true;
}

/* ---- from a server ---- */

static bool on_piece(void *user, const char *bytes, size_t len)
{
	struct ask *ask = user;
	struct call *call = ask->priv;

	if (!len)
		return true;
	feed_reader_bytes(ask->task->download->reader, bytes, len);
	call->last_byte = bytes[len - 1];
	return true;
}

/* libcurl does not notice that the end of a compressed body is missing, and half an address may be
 * another address. */
static bool lacks_its_end(const struct ask *ask, const struct http_answer *answer)
{
	const struct call *call = ask->priv;

	return answer->is_encoded && call->last_byte != '\n';
}

static void describe_code(const struct http_answer *answer, char dst[DETAIL_MAX])
{
	if (answer->code >= 300 && answer->code < 400)
		snprintf(dst, DETAIL_MAX, "HTTP %d: redirected; set url to the feed's new address",
			 answer->code);
	else if (answer->code == 401 || answer->code == 403)
		snprintf(dst, DETAIL_MAX, "HTTP %d: the server refuses access", answer->code);
	else if (answer->code == 404 || answer->code == 410)
		snprintf(dst, DETAIL_MAX, "HTTP %d: there is no feed at this address",
			 answer->code);
	else if (answer->code == 429)
		snprintf(dst, DETAIL_MAX, "HTTP 429: too many downloads");
	else
		snprintf(dst, DETAIL_MAX, "HTTP %d", answer->code);
}

/* A validator that was cut would not be the server's. */
static void keep_validator(char dst[VALIDATOR_MAX], const char *text)
{
	dst[0] = '\0';
	if (text && strlen(text) < VALIDATOR_MAX)
		text_put(dst, VALIDATOR_MAX, text);
}

static void got_feed(void *user, const struct http_answer *answer)
{
	struct ask *ask = user;
	struct task *task = ask->task;
	struct feed_download *download = task->download;
	char why[DETAIL_MAX];

	if (download->has_key)
		abuseipdb_quota(answer, TASK_FETCH, clock_now_s(&ask->clock), &task->quota);
	if (answer->status != NET_OK) {
		task->not_accepted = !answer->sent;
		fail_fetch(ask, text_filled(answer->why, net_status_text(answer->status)));
		return;
	}
	if (answer->code == 304 && (*download->etag || *download->modified)) {
		download->unchanged = true;
		end_fetch(ask, OUT_DONE);
		return;
	}
	if (answer->code != 200) {
		if (answer->retry_after_s > 0)
			task->retry_after_s = answer->retry_after_s;
		describe_code(answer, why);
		fail_fetch(ask, why);
		return;
	}
	if (lacks_its_end(ask, answer)) {
		fail_fetch(ask, "the compressed list is cut off");
		return;
	}
	keep_validator(download->etag, answer->etag);
	keep_validator(download->modified, answer->last_modified);
	feed_reader_end(download->reader, &download->counts);
	end_fetch(ask, OUT_DONE);
}

static void send_request(struct ask *ask, struct call *call)
{
	struct feed_download *download = ask->task->download;
	struct http_request req = { .method = "GET",
				    .url = ask->source->url,
				    .headers = call->headers,
				    .answer_max = FEED_BYTES_MAX,
				    .gzip = ask->source->format != FEED_ABUSEIPDB,
				    .take = on_piece };
	int64_t deadline_ms = MIN(ask->deadline_ms, ask->asked_ms + FEED_TIME_MS);
	size_t count = 0;

	if (ask->source->format == FEED_ABUSEIPDB)
		call->headers[count++] = "Accept: text/plain";
	if (*download->etag) {
		snprintf(call->etag, sizeof(call->etag), "If-None-Match: %s", download->etag);
		call->headers[count++] = call->etag;
	}
	if (*download->modified) {
		snprintf(call->modified, sizeof(call->modified), "If-Modified-Since: %s",
			 download->modified);
		call->headers[count++] = call->modified;
	}
	if (download->has_key) {
		snprintf(call->key, sizeof(call->key), "Key: %s", text_or(ask->secret, ""));
		call->headers[count++] = call->key;
	}
	call->headers[count] = NULL;
	ask->ops->http(ask->net, &req, deadline_ms, got_feed, ask);
}

static void feed_send(struct ask *ask)
{
	struct call *call = calloc(1, sizeof(*call));

	ask->priv = call;
	if (call && begin_download(ask->source, ask->task->download))
		send_request(ask, call);
	else
		fail_fetch(ask, "out of memory");
}

const struct source_kind source_feed = { .type = SOURCE_FEED, .send = feed_send };

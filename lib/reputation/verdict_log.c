/* SPDX-License-Identifier: MIT */
#include "reputation/verdict_log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    64
#define REOPENS_MAX 5

/* The filter's character class for jails: fail2ban allows more, such a name is left out. */
static bool plain(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_.-")];
}

size_t verdict_log_line(const struct conf *conf, const struct block *b, int64_t at, int pid,
			char dst[768])
{
	char when[40], key[ADDR_TEXT_MAX];
	time_t t = (time_t)at;
	struct tm tm;
	int n;

	gmtime_r(&t, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S+0000", &tm);
	addr_key_text(&b->key, conf->ipv6_prefix, key);
	n = snprintf(dst, 768, "%s iprep[%d]: verdict=confirmed ip=%s score=%d tier=%s%s%s%s%s\n",
		     when, pid, key, b->score < 0 ? 0 : b->score, b->tier,
		     plain(b->jail) ? " jail=" : "", plain(b->jail) ? b->jail : "",
		     *b->src ? " src=" : "", b->src);
	return (size_t)n;
}

static int log_fail(const struct session *session, struct err *e, int code, const char *doing)
{
	return err_set(e, errno == EACCES || errno == EPERM ? IPREP_E_PERM : code, "%s: %s: %s",
		       session->conf->verdict_log, doing, strerror(errno));
}

/* Made readable for the group, whatever the umask: fail2ban need not be root. */
static int log_make(const char *path, int flags)
{
	int fd = open(path, flags | O_CREAT | O_EXCL, 0640);

	if (fd < 0 && errno == EEXIST) /* somebody was faster */
		return open(path, flags);
	if (fd >= 0)
		(void)!fchmod(fd, 0640);
	return fd;
}

static int log_open(const struct session *session, struct err *e)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	int fd = open(session->conf->verdict_log, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		fd = log_make(session->conf->verdict_log, flags);
	if (fd < 0)
		return log_fail(session, e, errno == ENOENT ? IPREP_E_CREATE : IPREP_E_IO,
				"cannot be opened");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(e, IPREP_E_PERM, "%s: not a regular file",
			       session->conf->verdict_log);
	}
	return fd;
}

/* Rotation between open and write: the path is another file now, nobody reads ours to its end. */
static bool rotated(const struct session *session, int fd)
{
	struct stat mine, now;

	return fstat(fd, &mine) || stat(session->conf->verdict_log, &now) ||
	       mine.st_ino != now.st_ino || mine.st_dev != now.st_dev;
}

static bool ends_in_newline(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last;

	return size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n';
}

/* The open file, or an error. The line is not yet on disk. */
static int write_once(const struct session *session, const char *line, size_t n, struct err *e)
{
	int fd = log_open(session, e), r = 0;

	if (fd < 0)
		return fd;
	if (!ends_in_newline(fd) && write(fd, "\n", 1) != 1)
		r = log_fail(session, e, IPREP_E_IO, "cannot be written");
	if (!r) {
		ssize_t w = write(fd, line, n);

		if (w >= 0 && (size_t)w < n)
			errno = ENOSPC;
		if (w != (ssize_t)n)
			r = log_fail(session, e, IPREP_E_IO, "cannot be written");
	}
	if (!r)
		return fd;
	close(fd);
	return r;
}

static int write_line(const struct session *session, const char *line, size_t n, struct err *e)
{
	int fd = write_once(session, line, n, e);

	for (int i = 1; i < REOPENS_MAX && fd >= 0 && rotated(session, fd); i++) {
		close(fd);
		fd = write_once(session, line, n, e);
	}
	return fd;
}

static int store_said(const struct session *session, int r, struct err *e)
{
	return err_set(e, r, "%s", store_err(session->store)->text);
}

/*
 * The open file; 0 if the block was forgotten or released since the batch was read. Whoever forgets
 * it has done so before the line, or waits until it is written: no line comes after a pardon.
 * Syncing it is left to the caller: the lock keeps hooks waiting.
 */
static int write_if_blocked(const struct session *session, const struct block *b, int64_t now,
			    struct err *e)
{
	struct block still;
	char line[768];
	int r = store_begin(session->store, STORE_FAST);

	if (r)
		return store_said(session, r, e);
	r = store_block_get(session->store, &b->key, &still);
	if (r < 0)
		store_said(session, r, e);
	else if (r > 0)
		r = write_line(session, line,
			       verdict_log_line(session->conf, b, now, (int)getpid(), line), e);
	store_end(session->store, IPREP_E_BUSY); /* nothing was changed */
	return r;
}

static int announce_one(const struct session *session, const struct block *b, struct err *e)
{
	int64_t now = clock_now_s(&session->clock), until = b->until;
	int tier = conf_tier_row(session->conf, b->tier);
	int r, fd = write_if_blocked(session, b, now, e);

	if (fd <= 0)
		return fd;
	r = fdatasync(fd) ? log_fail(session, e, IPREP_E_IO, "cannot be written") : 0;
	close(fd);
	if (r)
		return r;
	/* where the ban still stands fail2ban moves its end with each line: so does the block */
	if (tier >= 0 && now + session->conf->tiers[tier].bantime_s > until)
		until = now + session->conf->tiers[tier].bantime_s;
	r = store_begin(session->store, STORE_DURABLE);
	if (!r)
		r = store_end(session->store,
			      store_block_announced(session->store, &b->key, now, until));
	return r < 0 ? store_said(session, r, e) : 0;
}

/* How many addresses may be announced for the first time now. */
static int room_for_new(const struct session *session)
{
	int max = session->conf->max_new_blocks;
	int used = store_blocks_first_since(
		session->store, clock_now_s(&session->clock) - session->conf->max_blocks_s + 1,
		max);

	return used < 0 ? used : max - used;
}

static int announce_some(const struct session *session, bool first, size_t max, struct err *e)
{
	struct block due[BATCH];
	int n = store_blocks_due(session->store, first, due, max < BATCH ? max : BATCH), r = 0,
	    done = 0;

	if (n < 0)
		return err_set(e, n, "%s", store_err(session->store)->text);
	while (done < n && !r) {
		r = announce_one(session, &due[done], e);
		done += !r;
	}
	return r ? r : done;
}

int verdict_log_due(const struct session *session, bool *ret_held, struct err *e)
{
	int total = 0, n, room;

	while ((n = announce_some(session, false, BATCH, e)) > 0)
		total += n;
	if (n < 0)
		return n;
	while ((room = room_for_new(session)) > 0) {
		n = announce_some(session, true, (size_t)room, e);
		if (n <= 0)
			return n < 0 ? n : total;
		total += n;
	}
	if (room < 0)
		return err_set(e, room, "%s", store_err(session->store)->text);
	*ret_held |= store_blocks_due(session->store, true, &(struct block){ 0 }, 1) > 0;
	return total;
}

int verdict_log_ready(const struct session *session, struct err *e)
{
	int fd = log_open(session, e);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

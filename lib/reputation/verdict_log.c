/* SPDX-License-Identifier: MIT */
#include "reputation/verdict_log.h"
#include "base/time.h"
#include "reputation/publish.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/param.h>

#define BATCH	    64
#define REOPENS_MAX 5

/* The filter's character class for jails: fail2ban allows more, such a name is left out. */
static bool is_plain_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_.-")];
}

size_t verdict_log_line(const struct conf *conf, const struct block *block, int64_t at, int pid,
			char dst[768])
{
	char when[TIME_TEXT_MAX], key[ADDR_TEXT_MAX];
	int count;

	time_text(at, TIME_LOG, when);
	addr_key_text(&block->key, conf->ipv6_prefix, key);
	count = snprintf(dst, 768,
			 "%s iprep[%d]: verdict=confirmed ip=%s score=%d tier=%s%s%s%s%s\n", when,
			 pid, key, block->score < 0 ? 0 : block->score, block->tier,
			 is_plain_name(block->jail) ? " jail=" : "",
			 is_plain_name(block->jail) ? block->jail : "", *block->src ? " src=" : "",
			 block->src);
	return (size_t)count;
}

static int log_fail(const struct session *session, int code, const char *doing)
{
	return err_set(session->err, errno == EACCES || errno == EPERM ? IPREP_E_PERM : code,
		       "%s: %s: %s", session->conf->verdict_log, doing, strerror(errno));
}

/* Made readable for the group, whatever the umask: fail2ban need not be root. */
static int log_make(const char *path, int flags)
{
	int fd = open(path, flags | O_CREAT | O_EXCL, 0640);

	if (fd < 0 && errno == EEXIST) /* another process was faster */
		return open(path, flags);
	if (fd >= 0)
		(void)!fchmod(fd, 0640);
	return fd;
}

static int log_open(const struct session *session)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	int fd = open(session->conf->verdict_log, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		fd = log_make(session->conf->verdict_log, flags);
	if (fd < 0)
		return log_fail(session, errno == ENOENT ? IPREP_E_CREATE : IPREP_E_IO,
				"cannot be opened");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(session->err, IPREP_E_PERM, "%s: not a regular file",
			       session->conf->verdict_log);
	}
	return fd;
}

/* Rotation between open and write: the path is another file now, and fail2ban reads that one. */
static bool was_rotated(const struct session *session, int fd)
{
	struct stat mine, now;

	return fstat(fd, &mine) || stat(session->conf->verdict_log, &now) ||
	       mine.st_ino != now.st_ino || mine.st_dev != now.st_dev;
}

static bool ends_in_newline(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last;

	/* one that cannot be read gets an empty line: two lines must not become one */
	return !size || (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

/* The open file, or an error. The line is not yet on disk. */
static int write_once(const struct session *session, const char *line, size_t len)
{
	int fd = log_open(session), rc;
	ssize_t written;

	if (fd < 0)
		return fd;
	if (!ends_in_newline(fd) && write(fd, "\n", 1) != 1)
		goto fail;
	written = write(fd, line, len);
	if (written == (ssize_t)len)
		return fd;
	if (written >= 0)
		errno = ENOSPC;
fail:
	rc = log_fail(session, IPREP_E_IO, "cannot be written");
	close(fd);
	return rc;
}

static int write_line(const struct session *session, const char *line, size_t len)
{
	int fd = write_once(session, line, len);

	for (int i = 1; i < REOPENS_MAX && fd >= 0 && was_rotated(session, fd); i++) {
		close(fd);
		fd = write_once(session, line, len);
	}
	return fd;
}

/*
 * The open file; 0 if the block was forgotten or released since the batch was read. A process
 * that forgets it has done so before, or waits until the line is written: none follows a pardon.
 * Syncing it is left to the caller: the lock keeps hooks waiting.
 */
static int write_if_blocked(const struct session *session, const struct block *block, int64_t now)
{
	struct block still;
	char line[768];
	int rc = store_begin(session->store, STORE_FAST);

	if (rc)
		return rc;
	rc = store_block_get(session->store, &block->key, &still);
	if (rc > 0)
		rc = write_line(session, line,
				verdict_log_line(session->conf, block, now, (int)getpid(), line));
	store_end(session->store, IPREP_E_BUSY); /* nothing was changed */
	return rc;
}

static int announce_one(const struct session *session, const struct block *block)
{
	int64_t now = clock_now_s(&session->clock), until = block->until;
	int tier = conf_tier_row(session->conf, block->tier);
	int rc, fd = write_if_blocked(session, block, now);

	if (fd <= 0)
		return fd;
	if (fdatasync(fd))
		rc = log_fail(session, IPREP_E_IO, "cannot be written");
	else
		rc = 0;
	close(fd);
	if (rc)
		return rc;
	/*
	 * The ban begins with the line, and the block with it. A line that is written again extends
	 * a current ban, but the block only if a lookup has confirmed it again: job_lookup.c.
	 */
	if (block->since > block->announced_at && tier >= 0 &&
	    now + session->conf->tiers[tier].bantime_s > until)
		until = now + session->conf->tiers[tier].bantime_s;
	rc = store_begin(session->store, STORE_DURABLE);
	if (rc)
		return rc;
	rc = store_block_announced(session->store, block, now, until);
	if (!rc)
		rc = publish_announced(session, block, until);
	rc = store_end(session->store, rc);
	if (rc < 0)
		return rc;
	return 0;
}

/* How many addresses may be announced for the first time now. */
static int room_for_new(const struct session *session)
{
	int max = session->conf->max_new_blocks;
	int used = store_blocks_first_since(
		session->store, clock_now_s(&session->clock) - session->conf->max_blocks_s + 1,
		max);

	if (used < 0)
		return used;
	return max - used;
}

static int announce_some(const struct session *session, bool first, size_t max)
{
	struct block due[BATCH];
	int count = store_blocks_due(session->store, first, due, MIN(max, BATCH));

	for (int i = 0; i < count; i++) {
		int rc = announce_one(session, &due[i]);

		if (rc)
			return rc;
	}
	return count;
}

int verdict_log_due(const struct session *session, bool *ret_held_back)
{
	int total = 0, count, room;

	while ((count = announce_some(session, false, BATCH)) > 0)
		total += count;
	if (count < 0)
		return count;
	while ((room = room_for_new(session)) > 0) {
		count = announce_some(session, true, (size_t)room);
		if (count <= 0) {
			if (count < 0)
				return count;
			return total;
		}
		total += count;
	}
	if (room < 0)
		return room;
	*ret_held_back |= store_blocks_due(session->store, true, &(struct block){ 0 }, 1) > 0;
	return total;
}

int verdict_log_held(const struct session *session,
		     bool (*may_go)(const struct session *session, const struct block *block),
		     size_t max)
{
	struct block page[BATCH];
	struct addr after = { 0 };
	size_t written = 0;
	int count;

	do {
		count = store_blocks_of_source(session->store, NULL, &after, page, BATCH);
		for (int i = 0; i < count && written < max; i++) {
			int rc;

			after = page[i].key;
			if (!may_go(session, &page[i]))
				continue;
			rc = announce_one(session, &page[i]);
			if (rc)
				return rc;
			written++;
		}
	} while (count == BATCH && written < max);
	if (count < 0)
		return count;
	return (int)written;
}

int verdict_log_ready(const struct session *session)
{
	int fd = log_open(session);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * table_write.c - makes the compiled file; see table.h
 *
 * Both the old file and the change are sorted, so that one pass merges them, and the file is
 * written from its beginning to its end. Its header and lists, which have the numbers of entries,
 * are written last; until then they are zeros, which no reader takes for a file.
 */
#include "feed/table_private.h"
#include "base/statedir.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_END	  ".new"
#define BUFFERED  2048	/* entries */
#define FORGOTTEN 65536 /* entries of the old file after which its pages are given back */
#define NO_LIST	  UINT16_MAX

struct writer {
	const struct feed_table *old; /* may be NULL */
	const struct feed_change *change;
	int64_t now;
	int fd, failed; /* errno */
	struct table_header header;
	struct table_list *lists;
	uint16_t changed;	       /* its row in lists; NO_LIST: none */
	int old_changed;	       /* its row in the old file; -1: none */
	int64_t old_good_at;	       /* of that row */
	uint16_t rows[FEED_LISTS_MAX]; /* of each old list; NO_LIST: it goes */
	size_t nbuffered;
	struct table_entry buffer[BUFFERED];
};

/* ---- which lists ---- */

static bool stays_wanted(const struct feed_table *old, size_t row, const struct feed_list *wanted,
			 size_t nwanted)
{
	struct feed_list list;

	feed_table_list(old, row, &list);
	for (size_t i = 0; i < nwanted; i++)
		if (wanted[i].kind == list.kind && !strcmp(wanted[i].name, list.name) &&
		    (!wanted[i].identity || wanted[i].identity == list.identity))
			return true;
	return false;
}

/* Its entries are counted when they are written. */
static uint16_t add_kept(struct writer *writer, const struct feed_list *list)
{
	struct table_list *added = &writer->lists[writer->header.nlists];

	*added = (struct table_list){ .identity = list->identity,
				      .good_at = list->good_at,
				      .made_at = list->made_at,
				      .fresh = list->fresh,
				      .kind = list->kind };
	snprintf(added->name, sizeof(added->name), "%s", list->name);
	return (uint16_t)writer->header.nlists++;
}

static uint16_t add_changed(struct writer *writer)
{
	struct feed_list list = writer->change->list;

	list.fresh = 0;
	return add_kept(writer, &list);
}

static void choose_lists(struct writer *writer, const struct feed_list *wanted, size_t nwanted)
{
	const struct feed_change *change = writer->change;
	const struct feed_table *old = writer->old;
	struct feed_list list;
	int same_name = -1;

	writer->old_changed = -1;
	writer->changed = NO_LIST;
	if (change) {
		same_name = feed_table_row(old, change->list.kind, change->list.name, 0);
		writer->old_changed = feed_table_row(old, change->list.kind, change->list.name,
						     change->list.identity);
	}
	if (change && (change->entries || writer->old_changed >= 0))
		writer->changed = add_changed(writer);
	for (size_t row = 0; row < feed_table_lists(old); row++) {
		writer->rows[row] = NO_LIST;
		if ((int)row == writer->old_changed) {
			feed_table_list(old, row, &list);
			writer->old_good_at = list.good_at;
			writer->rows[row] = writer->changed;
			if (!change->entries && !change->list.made_at)
				writer->lists[writer->changed].made_at = list.made_at;
		} else if ((int)row != same_name && stays_wanted(old, row, wanted, nwanted)) {
			feed_table_list(old, row, &list);
			writer->rows[row] = add_kept(writer, &list);
		}
	}
}

/* ---- bytes ---- */

static void write_bytes(struct writer *writer, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len && !writer->failed) {
		ssize_t count = write(writer->fd, at, len);

		if (count > 0) {
			at += count;
			len -= (size_t)count;
		} else if (count == 0) {
			writer->failed = EIO;
		} else if (errno != EINTR) {
			writer->failed = errno;
		}
	}
}

static void flush_entries(struct writer *writer)
{
	write_bytes(writer, writer->buffer, writer->nbuffered * sizeof(writer->buffer[0]));
	writer->nbuffered = 0;
}

static void write_entry(struct writer *writer, const struct table_entry *entry)
{
	writer->lists[entry->list].entries++;
	writer->header.nentries++;
	writer->header.begin[entry->bits + 1]++;
	if (writer->nbuffered == BUFFERED)
		flush_entries(writer);
	writer->buffer[writer->nbuffered++] = *entry;
}

static void write_head(struct writer *writer)
{
	write_bytes(writer, &writer->header, sizeof(writer->header));
	write_bytes(writer, writer->lists, writer->header.nlists * sizeof(*writer->lists));
}

/* ---- entries ---- */

/* Before the i-th entry of the change are all that are before this key; they are written. */
static size_t write_before(struct writer *writer, size_t i, const struct table_entry *until)
{
	const struct feed_entries *entries = writer->change ? writer->change->entries : NULL;

	while (entries && i < entries->count) {
		const struct feed_entry *row = &entries->rows[i];
		struct table_entry entry = { .bits = row->bits,
					     .number = row->number,
					     .list = writer->changed,
					     .seen_at = (uint32_t)writer->change->list.good_at };

		if (until && memcmp(row, until, TABLE_KEY) >= 0)
			break;
		memcpy(entry.addr, row->addr, sizeof(entry.addr));
		writer->lists[entry.list].fresh++;
		write_entry(writer, &entry);
		i++;
	}
	return i;
}

static bool is_in_change(const struct writer *writer, size_t i, const struct table_entry *entry)
{
	const struct feed_entries *entries = writer->change->entries;

	return entries && i < entries->count && !memcmp(&entries->rows[i], entry, TABLE_KEY);
}

/* What becomes of an old entry of the changed list. False: it goes. */
static bool keep_entry(const struct writer *writer, struct table_entry *entry)
{
	const struct feed_change *change = writer->change;
	struct table_list *list = &writer->lists[writer->changed];
	uint32_t good_at = (uint32_t)change->list.good_at;

	if (!change->entries && entry->seen_at == (uint32_t)writer->old_good_at) {
		entry->seen_at = good_at;
		list->fresh++;
		return true;
	}
	if (entry->seen_at >= good_at) /* the clock was set back; this download lacks it */
		entry->seen_at = good_at - 1;
	return writer->now - entry->seen_at < change->keep_s && list->entries < FEED_ENTRIES_MAX;
}

/* Pages of a mapped file count as memory of the process until they are given back. */
static void forget_pages(const struct feed_table *old, size_t i)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = (size_t)((const char *)&old->entries[i] - (const char *)old->header);

	if (i % FORGOTTEN == 0)
		madvise((void *)(uintptr_t)old->header, len / page * page, MADV_DONTNEED);
}

static void merge_entries(struct writer *writer)
{
	const struct feed_table *old = writer->old;
	const struct table_entry *last = NULL;
	size_t next = 0;

	for (size_t i = 0; old && i < old->nentries && !writer->failed; i++) {
		struct table_entry entry = old->entries[i];
		uint16_t row = entry.list < old->nlists ? writer->rows[entry.list] : NO_LIST;

		forget_pages(old, i);
		/* damage is not copied */
		if (entry.bits > 128 || (last && memcmp(last, &entry, TABLE_KEY) > 0))
			continue;
		last = &old->entries[i];
		if (row == NO_LIST)
			continue;
		next = write_before(writer, next, &entry);
		if (row == writer->changed &&
		    (is_in_change(writer, next, &entry) || !keep_entry(writer, &entry)))
			continue;
		entry.list = row;
		write_entry(writer, &entry);
	}
	write_before(writer, next, NULL);
	flush_entries(writer);
}

/* ---- the file ---- */

static int write_failed(const char *path, int number, struct err *error)
{
	return err_set(error, IPREP_E_IO, "%s: cannot be written: %s", path, strerror(number));
}

static int write_table(struct writer *writer, const char *path, struct err *error)
{
	write_head(writer);
	merge_entries(writer);
	memcpy(writer->header.magic, TABLE_MAGIC, sizeof(writer->header.magic));
	writer->header.order = TABLE_ORDER;
	writer->header.size = sizeof(writer->header) +
			      writer->header.nlists * sizeof(struct table_list) +
			      writer->header.nentries * sizeof(struct table_entry);
	for (size_t i = 0; i < TABLE_LENGTHS; i++)
		writer->header.begin[i + 1] += writer->header.begin[i];
	if (!writer->failed && lseek(writer->fd, 0, SEEK_SET))
		writer->failed = errno;
	write_head(writer);
	if (!writer->failed && fsync(writer->fd))
		writer->failed = errno;
	if (writer->failed)
		return write_failed(path, writer->failed, error);
	return 0;
}

/* After a crash the directory has the old file or the new one: both are whole. */
static void sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[FEED_PATH_MAX];
	int fd;

	snprintf(dir, sizeof(dir), "%.*s.", slash ? (int)(slash - path + 1) : 0, path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int replace_file(struct writer *writer, const char *path, struct err *error)
{
	char fresh[FEED_PATH_MAX + sizeof(NEW_END)];
	int rc;

	snprintf(fresh, sizeof(fresh), "%s" NEW_END, path);
	unlink(fresh);
	writer->fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
			  0600);
	if (writer->fd < 0)
		return err_set(error, IPREP_E_CREATE, "%s: cannot be created: %s", fresh,
			       strerror(errno));
	statefile_share(writer->fd, path);
	rc = write_table(writer, fresh, error);
	if (close(writer->fd) && !rc)
		rc = write_failed(fresh, errno, error);
	if (!rc && rename(fresh, path))
		rc = err_set(error, IPREP_E_IO, "%s: cannot be renamed: %s", path, strerror(errno));
	if (rc)
		unlink(fresh);
	else
		sync_directory(path);
	return rc;
}

int feed_table_write(const char *path, const struct feed_table *old, const struct feed_list *wanted,
		     size_t nwanted, const struct feed_change *change, int64_t now,
		     struct err *error)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int rc;

	if (writer) /* one more than there may be */
		writer->lists = calloc(feed_table_lists(old) + 1, sizeof(*writer->lists));
	if (!writer || !writer->lists) {
		free(writer);
		return err_set(error, IPREP_E_NOMEM, "%s: out of memory", path);
	}
	writer->old = old;
	writer->change = change;
	writer->now = now;
	choose_lists(writer, wanted, nwanted);
	if (writer->header.nlists > FEED_LISTS_MAX)
		rc = err_set(error, IPREP_E_CREATE,
			     "%s: over %d feeds, host names and SPF domains; remove some", path,
			     FEED_LISTS_MAX);
	else
		rc = replace_file(writer, path, error);
	free(writer->lists);
	free(writer);
	return rc;
}

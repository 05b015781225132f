/* SPDX-License-Identifier: MIT */
/*
 * A compiled file with any bytes: refused, or each answer is one that the header promises, and the
 * file can be made again. With bit 0 of byte 0 the first fields and the sizes are made right.
 */
#include "feed/table_private.h"
#include "fuzz.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HITS 8
#define NOW  1795426190

static char dir[32], path[sizeof(dir) + 16];

static void remove_files(void)
{
	unlink(path);
	rmdir(dir);
}

/* In memory, where that can be written: each input is a file. */
static void make_place(void)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };

	for (size_t i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), "%s/iprep-fuzz.XXXXXX", places[i]);
		if (mkdtemp(dir))
			break;
		must(i == 0);
	}
	snprintf(path, sizeof(path), "%s/feeds", dir);
	atexit(remove_files);
}

static void make_right(uint8_t *file, size_t size)
{
	struct table_header header;
	size_t rest = size - sizeof(header);

	memcpy(&header, file, sizeof(header));
	memcpy(header.magic, TABLE_MAGIC, sizeof(header.magic));
	header.order = TABLE_ORDER;
	header.size = size;
	header.nlists %= (uint32_t)(rest / sizeof(struct table_list)) + 1;
	header.nentries = (rest - header.nlists * sizeof(struct table_list)) /
			  sizeof(struct table_entry);
	header.begin[0] = 0;
	header.begin[TABLE_LENGTHS] = (uint32_t)header.nentries;
	memcpy(file, &header, sizeof(header));
}

static void write_input(const uint8_t *data, size_t size)
{
	uint8_t *file = malloc(size ? size : 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(file && fd >= 0);
	memcpy(file, data + 1, size - 1);
	if (data[0] & 1 && size - 1 >= sizeof(struct table_header))
		make_right(file, size - 1);
	must(write(fd, file, size - 1) == (ssize_t)size - 1);
	close(fd);
	free(file);
}

static void check_lists(const struct feed_table *table)
{
	struct feed_list list;

	must(feed_table_lists(table) <= FEED_LISTS_MAX);
	for (size_t i = 0; i < feed_table_lists(table); i++) {
		feed_table_list(table, i, &list);
		must(memchr(list.name, '\0', sizeof(list.name)) && *list.name);
		must(is_plain(list.name) && list.kind <= FEED_SPF);
		must(feed_table_row(table, list.kind, list.name, 0) >= 0);
	}
}

static size_t check_find(const struct feed_table *table, const char *text)
{
	struct feed_hit hits[HITS];
	struct addr addr;
	size_t count;

	must(addr_parse(text, &addr));
	count = feed_table_find(table, &addr, hits, HITS);
	must(count <= HITS);
	for (size_t i = 0; i < count; i++) {
		struct prefix net = { addr_cut(&addr, hits[i].bits), hits[i].bits };

		must(hits[i].list < feed_table_lists(table));
		must(hits[i].bits >= (addr_is_v4(&addr) ? 96 : 0) && hits[i].bits <= 128);
		must(feed_table_meets(table, hits[i].list, &net));
	}
	return count;
}

static void check_made_again(const struct feed_table *old)
{
	struct feed_list wanted[HITS];
	struct feed_entries *entries = feed_entries_new();
	struct prefix net = { .bits = 128 };
	struct feed_change change = { .list = { .name = "fuzz", .good_at = NOW }, .keep_s = 86400 };
	struct feed_table *table = NULL;
	size_t count = feed_table_lists(old);
	struct err error = { 0 };

	if (count > HITS)
		count = HITS;
	for (size_t i = 0; i < count; i++)
		feed_table_list(old, i, &wanted[i]);
	must(entries && addr_parse("45.1.1.1", &net.addr));
	must(feed_entries_add(entries, &net, 3));
	change.entries = entries;
	must(!feed_table_write(path, old, wanted, count, &change, NOW, &error));
	must(!feed_table_open(path, &table, &error) && table);
	check_lists(table);
	must(check_find(table, "45.1.1.1") > 0);
	for (size_t i = 1; i < table->nentries; i++)
		must(memcmp(&table->entries[i - 1], &table->entries[i], TABLE_KEY) <= 0);
	feed_table_close(table);
	feed_entries_free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed_table *table = NULL;
	struct err error = { 0 };
	int rc;

	if (!*path)
		make_place();
	if (size < 1)
		return 0;
	write_input(data, size);
	rc = feed_table_open(path, &table, &error);
	must(!rc == !!table);
	if (rc) {
		must(rc == IPREP_E_STORE && is_plain(error.text));
		return 0;
	}
	check_lists(table);
	check_find(table, "45.1.1.1");
	check_find(table, "2a02::1");
	check_find(table, "0.0.0.0");
	check_find(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	check_made_again(table);
	feed_table_close(table);
	return 0;
}

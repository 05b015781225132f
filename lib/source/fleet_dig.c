/* SPDX-License-Identifier: MIT */
/*
 * fleet_dig.c - records of the zone as dig(1) and kdig(1) print them, a line each (RFC 1035, 5.1)
 *
 * The records come from other hosts, perhaps from a thief of a key: what does not look exactly like
 * a record of ours is counted and left alone.
 */
#include "base/buf.h"
#include "base/mask.h"
#include "source/fleet.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct dig_record {
	const char *name, *type, *data;
	size_t name_len, type_len, data_len;
};

/* The next word of the line; returns its length, 0 at the end. */
static size_t next_field(const char **at, const char *end, const char **ret)
{
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
	*ret = *at;
	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	return (size_t)(*at - *ret);
}

/* "bl.example.net.  300  IN  SOA  ns... host... 17 600 300 86400 30" */
static bool read_record(const char *line, const char *end, struct dig_record *ret)
{
	const char *word;

	if (line == end || *line == ';')
		return false;
	ret->name_len = next_field(&line, end, &ret->name);
	if (!next_field(&line, end, &word) || next_field(&line, end, &word) != 2 ||
	    memcmp(word, "IN", 2) != 0)
		return false;
	ret->type_len = next_field(&line, end, &ret->type);
	next_field(&line, end, &ret->data);
	ret->data_len = (size_t)(end - ret->data);
	while (ret->data_len && strchr(" \t\r", ret->data[ret->data_len - 1]))
		ret->data_len--;
	return ret->data_len > 0;
}

static bool is_type(const struct dig_record *record, const char *type)
{
	return record->type_len == strlen(type) && !memcmp(record->type, type, record->type_len);
}

static const char *end_of_line(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	if (newline)
		return newline;
	return end;
}

/* ---- SOA ---- */

static bool read_soa(const struct dig_record *record, struct fleet_soa *ret)
{
	const char *at = record->data, *end = at + record->data_len, *word, *serial;
	size_t len = record->name_len, serial_len;

	if (!is_type(record, "SOA") || !next_field(&at, end, &word) || !next_field(&at, end, &word))
		return false;
	serial_len = next_field(&at, end, &serial);
	if (!serial_len || serial_len > 10)
		return false;
	if (len > 1 && record->name[len - 1] == '.')
		len--;
	text_mask(ret->zone, sizeof(ret->zone), record->name, len);
	for (char *letter = ret->zone; *letter; letter++)
		*letter = (char)tolower((unsigned char)*letter);
	ret->serial = strtoll(serial, NULL, 10);
	return true;
}

void fleet_soa_read(const struct run_answer *answer, struct fleet_soa *ret, char why[DETAIL_MAX])
{
	const char *at = answer->output, *end = at + answer->len;
	struct dig_record record;

	*ret = (struct fleet_soa){ .serial = -1 };
	*why = '\0';
	while (answer->status == NET_OK && at < end) {
		const char *line_end = end_of_line(at, end);

		if (read_record(at, line_end, &record) && read_soa(&record, ret))
			return;
		at = line_end + 1;
	}
	/* dig ends with 0 whatever the server says */
	if (fleet_answer_judge(answer, why) == FLEET_DONE)
		fleet_answer_words(answer, why);
	if (!strncmp(why, "the client ended with", 21))
		snprintf(why, DETAIL_MAX, "no SOA record in the answer");
}

/* ---- who has a host number ---- */

/* "i=0123456789abcdef", quoted */
static bool read_identity(const struct dig_record *record, char ret[FLEET_IDENTITY_MAX])
{
	size_t len = record->data_len;

	if (!is_type(record, "TXT") || len < 5 || len >= FLEET_IDENTITY_MAX + 4 ||
	    memcmp(record->data, "\"i=", 3) != 0 || record->data[len - 1] != '"')
		return false;
	for (size_t i = 3; i < len - 1; i++)
		if (!isxdigit((unsigned char)record->data[i]))
			return false;
	snprintf(ret, FLEET_IDENTITY_MAX, "%.*s", (int)(len - 4), record->data + 3);
	return true;
}

size_t fleet_identities_read(const struct run_answer *answer, const char *own)
{
	const char *at = answer->output, *end = at + answer->len;
	char identity[FLEET_IDENTITY_MAX];
	struct dig_record record;
	size_t others = 0;

	while (answer->status == NET_OK && at < end) {
		const char *line_end = end_of_line(at, end);

		if (read_record(at, line_end, &record) && read_identity(&record, identity))
			others += strcmp(identity, own) != 0;
		at = line_end + 1;
	}
	return others;
}

/* ---- all records of a host ---- */

/* Below the zone, and of letters that mean the same to nsupdate and knsupdate. */
static bool is_name_below(const struct dig_record *record, const char *zone)
{
	size_t zone_len = strlen(zone), len = record->name_len;
	const char *end;

	if (len < zone_len + 3 || record->name[len - 1] != '.')
		return false;
	end = record->name + len - 1 - zone_len;
	if (end[-1] != '.' || strncasecmp(end, zone, zone_len) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)record->name[i]) && !strchr("-_.*", record->name[i]))
			return false;
	return true;
}

/* "127.0.7.2" */
static bool is_address_of(const struct dig_record *record, int host)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr in_addr;

	if (!is_type(record, "A") || record->data_len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)record->data_len, record->data);
	return inet_pton(AF_INET, text, &in_addr) == 1 &&
	       ntohl(in_addr.s_addr) >> 8 == (127U << 16 | (unsigned)host);
}

/* "h=7 u=1795426190", quoted */
static bool is_text_of(const struct dig_record *record, int host)
{
	char begin[32];
	size_t len = record->data_len, begin_len;

	begin_len = (size_t)snprintf(begin, sizeof(begin), "\"h=%d u=", host);
	if (!is_type(record, "TXT") || len < begin_len + 2 || len > begin_len + 20 ||
	    memcmp(record->data, begin, begin_len) != 0 || record->data[len - 1] != '"')
		return false;
	for (size_t i = begin_len; i < len - 1; i++)
		if (!isdigit((unsigned char)record->data[i]))
			return false;
	return true;
}

static bool is_identity_of(const struct dig_record *record, const struct fleet_removal *removal)
{
	char name[32], identity[FLEET_IDENTITY_MAX];
	size_t len = (size_t)snprintf(name, sizeof(name), "%d._host.", removal->host);

	return record->name_len == len + strlen(removal->zone) + 1 &&
	       !strncasecmp(record->name, name, len) && read_identity(record, identity) &&
	       strcmp(identity, removal->keep_identity) != 0;
}

static void removal_take_line(struct fleet_removal *removal, const char *line, const char *end)
{
	struct dig_record record;
	struct fleet_soa soa;

	if (memchr(line, '\0', (size_t)(end - line)))
		return;
	if (!read_record(line, end, &record)) {
		if (line < end && removal->said.len + (size_t)(end - line) < removal->said.max) {
			buf_add(&removal->said, line, (size_t)(end - line));
			buf_puts(&removal->said, "\n");
		}
		return;
	}
	if (read_soa(&record, &soa)) {
		removal->nsoa += !strcmp(soa.zone, removal->zone);
		return;
	}
	if (!is_address_of(&record, removal->host) && !is_text_of(&record, removal->host) &&
	    !is_identity_of(&record, removal))
		return;
	if (!is_name_below(&record, removal->zone)) {
		removal->unreadable++;
		return;
	}
	removal->records++;
	if (removal->only_counts)
		return;
	buf_printf(&removal->updates, "update delete %.*s IN %.*s %.*s\n", (int)record.name_len,
		   record.name, (int)record.type_len, record.type, (int)record.data_len,
		   record.data);
}

bool fleet_removal_take(void *user, const char *bytes, size_t len)
{
	struct fleet_removal *removal = user;

	while (len) {
		const char *newline = memchr(bytes, '\n', len);
		size_t part = newline ? (size_t)(newline - bytes) : len;

		if (removal->line_len + part > sizeof(removal->line))
			removal->is_cut = true; /* no record of ours is that long */
		else
			memcpy(removal->line + removal->line_len, bytes, part);
		removal->line_len = removal->is_cut ? 0 : removal->line_len + part;
		if (newline) {
			if (!removal->is_cut)
				removal_take_line(removal, removal->line,
						  removal->line + removal->line_len);
			removal->line_len = 0;
			removal->is_cut = false;
			part++;
		}
		bytes += part;
		len -= part;
		if (removal->updates.len > removal->updates.max - 2 * FLEET_LINE_MAX)
			removal->is_full = true;
		if (removal->is_full || removal->updates.failed)
			return false;
	}
	return true;
}

size_t fleet_removal_next(const struct fleet_removal *removal, size_t at, size_t max_records,
			  size_t *ret_records)
{
	size_t end = at, bytes = 0;

	*ret_records = 0;
	while (end < removal->updates.len && *ret_records < max_records) {
		const char *line = removal->updates.text + end;
		size_t len = (size_t)(strchr(line, '\n') + 1 - line);

		bytes += len; /* on the wire a record is shorter than its line */
		if (bytes > FLEET_MESSAGE_MAX)
			break;
		end += len;
		(*ret_records)++;
	}
	return end - at;
}

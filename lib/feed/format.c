/* SPDX-License-Identifier: MIT */
/* format.c - see format.h; what the publishers write: the pages of iprep-lists(7) */
#include "feed/format.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/parse.h"
#include "base/time.h"
#include "feed/json_cut.h"
#include <stdlib.h>
#include <string.h>

#define BLANKS	  " \t\r"
#define LISTS_MAX 1000000 /* number of an ipsum line: more is no number of lists */

static const char byte_order_mark[] = "\xef\xbb\xbf";
#define MARK_LEN 3

struct feed_reader {
	enum feed_format format;
	void (*entry)(void *user, const struct prefix *net, int number);
	void *user;
	struct feed_counts counts;
	enum { AT_BEGIN, IN_LINES, IN_DOCUMENT, AT_END } state;
	size_t mark_len;    /* bytes of the byte order mark seen */
	size_t line_number; /* of the line that is read, from 1 */
	size_t line_len;    /* may be over line_max; then the rest is not in line */
	size_t line_max;
	char line[FEED_OBJECT_MAX + 1];
	size_t object_line; /* where the object of cut begins */
	struct json_cut cut;
};

struct feed_reader *feed_reader_new(enum feed_format format,
				    void (*entry)(void *user, const struct prefix *net, int number),
				    void *user)
{
	struct feed_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->format = format;
	reader->entry = entry;
	reader->user = user;
	reader->line_number = 1;
	reader->line_max = format == FEED_DROP_JSON ? FEED_OBJECT_MAX : FEED_LINE_MAX;
	return reader;
}

struct feed_reader *feed_reader_free(struct feed_reader *reader)
{
	free(reader);
	return NULL;
}

static bool take_entry(struct feed_reader *reader, const char *text, int64_t number)
{
	struct prefix net;

	if (number < 1 || !prefix_parse_cut(text, &net))
		return false;
	reader->counts.entries++;
	reader->entry(reader->user, &net, number < FEED_NUMBER_MAX ? (int)number : FEED_NUMBER_MAX);
	return true;
}

/* A page of an error may repeat what was sent to its server. */
static void take_bad(struct feed_reader *reader, size_t line_number, const char *text, size_t len)
{
	char masked[FEED_LINE_MAX];
	struct feed_counts *counts = &reader->counts;

	if (counts->bad++)
		return;
	counts->bad_line = line_number;
	text_redact(text_mask(masked, sizeof(masked), text, len));
	text_mask(counts->bad_text, sizeof(counts->bad_text), masked, strlen(masked));
}

/* ---- text ---- */

/* Copies the first field and returns what follows it and its blanks; NULL: no address. */
static const char *first_field(const char *line, char field[ADDR_TEXT_MAX])
{
	bool is_quoted = *line == '"';
	size_t len;

	if (is_quoted)
		line++;
	len = strcspn(line, is_quoted ? "\"" : BLANKS ",;#");
	if (len >= ADDR_TEXT_MAX || (is_quoted && !line[len]))
		return NULL;
	memcpy(field, line, len);
	field[len] = '\0';
	line += len + is_quoted;
	return line + strspn(line, BLANKS);
}

static bool is_comment(const char *text)
{
	return *text == '#' || *text == ';';
}

static bool read_plain(struct feed_reader *reader, const char *line)
{
	char field[ADDR_TEXT_MAX];
	const char *rest = first_field(line, field);

	if (!rest || (*rest && *rest != ',' && !is_comment(rest)))
		return false;
	return take_entry(reader, field, 1);
}

static bool read_ipsum(struct feed_reader *reader, const char *line)
{
	char field[ADDR_TEXT_MAX];
	const char *rest = first_field(line, field);
	int64_t number;

	if (!rest || !int_parse_prefix(&rest, LISTS_MAX, &number))
		return false;
	rest += strspn(rest, BLANKS);
	if (*rest && !is_comment(rest))
		return false;
	return take_entry(reader, field, number);
}

/* ---- JSON ---- */

/* The last line has no network: {"type":"metadata","timestamp":1795426190,...} */
static bool take_drop(struct feed_reader *reader, const struct json *object)
{
	const char *cidr = json_text(json_member(object, "cidr"));
	const char *type = json_text(json_member(object, "type"));
	int64_t at;

	if (cidr)
		return take_entry(reader, cidr, 1);
	if (!type || strcmp(type, "metadata") != 0)
		return false;
	if (json_int(json_member(object, "timestamp"), 0, INT64_MAX, &at))
		reader->counts.generated_at = at;
	return true;
}

static bool read_drop(struct feed_reader *reader, const char *line)
{
	struct json *object = json_parse(line, strlen(line));
	bool is_good = object && take_drop(reader, object);

	json_free(object);
	return is_good;
}

static bool take_reported(struct feed_reader *reader, const struct json *object)
{
	const struct json *score = json_member(object, "abuseConfidenceScore");
	const char *addr = json_text(json_member(object, "ipAddress"));
	bool is_whitelisted;
	int64_t number = 1;

	if (!addr || (!json_is_absent(score) && !json_int(score, 0, 100, &number)))
		return false;
	/* the list has none of these; if it had, they would be no evidence */
	if (json_bool(json_member(object, "isWhitelisted"), &is_whitelisted) && is_whitelisted)
		return true;
	return take_entry(reader, addr, number);
}

static bool take_object(struct feed_reader *reader, const struct json *object)
{
	const char *made_at;
	int64_t at;

	if (json_cut_is_item(&reader->cut, "data"))
		return take_reported(reader, object);
	if (!json_cut_is_member(&reader->cut, "meta"))
		return false;
	made_at = json_text(json_member(object, "generatedAt"));
	if (made_at && time_parse(made_at, &at) && at > 0)
		reader->counts.generated_at = at;
	return true;
}

static void end_object(struct feed_reader *reader)
{
	const struct json_cut *cut = &reader->cut;
	struct json *object = NULL;
	size_t len = cut->object_len;

	if (len > sizeof(cut->object))
		len = sizeof(cut->object);
	else
		object = json_parse(cut->object, len);
	if (!object || !take_object(reader, object))
		take_bad(reader, reader->object_line, cut->object, len);
	json_free(object);
}

/* ---- bytes ---- */

static bool read_line(struct feed_reader *reader, const char *line)
{
	switch (reader->format) {
	case FEED_PLAIN:
	case FEED_ABUSEIPDB:
		/* what follows a document of AbuseIPDB is no part of it */
		return reader->state == IN_LINES && read_plain(reader, line);
	case FEED_IPSUM:
		return read_ipsum(reader, line);
	case FEED_DROP_JSON:
		return read_drop(reader, line);
	}
	return false;
}

static void end_line(struct feed_reader *reader)
{
	bool is_long = reader->line_len > reader->line_max;
	size_t len = is_long ? reader->line_max : reader->line_len, skip;
	char *line = reader->line;

	while (len && strchr(BLANKS, line[len - 1]) && line[len - 1])
		len--;
	line[len] = '\0';
	skip = strspn(line, BLANKS);
	line += skip;
	len -= skip;
	if (len && !is_comment(line) &&
	    (is_long || strlen(line) != len || !read_line(reader, line)))
		take_bad(reader, reader->line_number, line, len);
	reader->line_len = 0;
	reader->line_number++;
}

static void line_byte(struct feed_reader *reader, char byte)
{
	if (byte == '\n') {
		end_line(reader);
		return;
	}
	if (reader->line_len < reader->line_max)
		reader->line[reader->line_len] = byte;
	reader->line_len++;
}

static void document_byte(struct feed_reader *reader, char byte)
{
	struct json_cut *cut = &reader->cut;
	bool was_inside = cut->inner_depth;

	if (!json_cut_is_open(cut) && byte != '{') {
		line_byte(reader, byte);
		return;
	}
	if (json_cut_byte(cut, byte))
		end_object(reader);
	if (!was_inside && cut->inner_depth)
		reader->object_line = reader->line_number;
	if (byte == '\n')
		reader->line_number++;
}

static bool is_mark_byte(struct feed_reader *reader, char byte)
{
	if (reader->mark_len < MARK_LEN && reader->counts.bytes == reader->mark_len &&
	    byte == byte_order_mark[reader->mark_len]) {
		reader->mark_len++;
		return true;
	}
	return false;
}

static void first_byte(struct feed_reader *reader, char byte)
{
	if (is_mark_byte(reader, byte))
		return;
	if (byte == '\n')
		reader->line_number++;
	if (byte == '\n' || (byte && strchr(BLANKS, byte)))
		return;
	reader->counts.is_html = byte == '<';
	if (reader->format == FEED_ABUSEIPDB && byte == '{') {
		reader->state = IN_DOCUMENT;
		document_byte(reader, byte);
		return;
	}
	reader->state = IN_LINES;
	/* a part of the mark is none */
	for (size_t i = 0; reader->mark_len < MARK_LEN && i < reader->mark_len; i++)
		line_byte(reader, byte_order_mark[i]);
	line_byte(reader, byte);
}

void feed_reader_bytes(struct feed_reader *reader, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && reader->state != AT_END; i++) {
		if (reader->state == IN_LINES)
			line_byte(reader, bytes[i]);
		else if (reader->state == IN_DOCUMENT)
			document_byte(reader, bytes[i]);
		else
			first_byte(reader, bytes[i]);
		reader->counts.bytes++;
	}
}

void feed_reader_end(struct feed_reader *reader, struct feed_counts *ret)
{
	if (reader->line_len)
		end_line(reader);
	reader->counts.is_cut = json_cut_is_open(&reader->cut);
	reader->state = AT_END;
	*ret = reader->counts;
}

/* SPDX-License-Identifier: MIT */
/* fleet_message.c - records of the fleet as lines for nsupdate(1) and knsupdate(1) */
#include "source/fleet.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RECORD_BYTES 10 /* type, class, TTL, length of a record: RFC 1035, 4.1.3 */
#define A_BYTES	     4
#define TEXT_MAX     40 /* "h=65279 u=9223372036854775807" and its length */

/* The whole name on the wire: a length before each label, and the root. */
static size_t record_pair_bytes(const struct conf *conf, const char *reversed)
{
	size_t name = strlen(reversed) + 1 + strlen(conf->fleet_zone) + 2;

	return 2 * (name + RECORD_BYTES) + A_BYTES + TEXT_MAX;
}

static void put_pair(struct buf *text, const struct conf *conf, const struct fleet_record *record,
		     const char *reversed)
{
	const char *verb = record->is_added ? "add" : "delete";
	char ttl[24] = "";

	if (record->is_added)
		snprintf(ttl, sizeof(ttl), " %" PRId64, conf->fleet_ttl_s);
	if (record->is_added || !record->keep_a)
		buf_printf(text, "update %s %s.%s.%s IN A 127.%d.%d.%d\n", verb, reversed,
			   conf->fleet_zone, ttl, conf->fleet_host >> 8, conf->fleet_host & 0xff,
			   record->octet);
	if (record->is_added || !record->keep_text)
		buf_printf(text, "update %s %s.%s.%s IN TXT \"h=%d u=%" PRId64 "\"\n", verb,
			   reversed, conf->fleet_zone, ttl, conf->fleet_host, record->until);
}

size_t fleet_message_put(struct buf *text, const struct conf *conf,
			 const struct fleet_record *records, size_t count)
{
	size_t bytes = 0, done;

	for (done = 0; done < count; done++) {
		char reversed[ADDR_REVERSE_MAX];

		addr_reverse(&records[done].addr, reversed);
		bytes += record_pair_bytes(conf, reversed);
		if (bytes > FLEET_MESSAGE_MAX)
			break;
		put_pair(text, conf, &records[done], reversed);
	}
	if (text->failed)
		return 0;
	return done;
}

void fleet_identity_put(struct buf *text, const struct conf *conf, const char *identity)
{
	buf_printf(text, "update add %d._host.%s. %" PRId64 " IN TXT \"i=%s\"\n", conf->fleet_host,
		   conf->fleet_zone, conf->fleet_ttl_s, identity);
}

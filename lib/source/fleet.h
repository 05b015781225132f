/* SPDX-License-Identifier: MIT */
/*
 * fleet.h - the zone of a fleet: updates as text for nsupdate(1) and knsupdate(1), and what comes
 * back
 *
 * RFC 2136: adding a record that is there changes nothing, and a deletion that names the record
 * takes just that one. So hosts share a name, and each update can be repeated.
 */
#pragma once
#include "base/addr.h"
#include "base/buf.h"
#include "conf/fleet.h"
#include "net/net.h"

/* ---- the message ---- */

struct fleet_record { /* what one host says of one address */
	struct addr addr;
	int octet;		/* the last of the A record */
	int64_t until;		/* in the TXT record */
	bool is_added;		/* false: deleted */
	bool keep_a, keep_text; /* deleted, but this record stays */
};
/*
 * A DNS message has at most 65535 bytes (RFC 1035, 4.2.2). The clients compress only names within
 * the first 16 KB, so records are counted as if none was.
 */
#define FLEET_MESSAGE_MAX 60000
#define FLEET_TEXT_MAX	  (1 << 20) /* of the same as text: four times as long at most */

/*
 * Appends the lines "update delete ..." and "update add ..." of the first records to text, as many
 * as one message holds. Returns how many records; 0: out of memory. The same address deleted and
 * added: the deletion has to come first.
 */
size_t fleet_message_put(struct buf *text, const struct conf *conf,
			 const struct fleet_record *records, size_t count);
/* The line that publishes which host has this number: N._host.ZONE TXT "i=IDENTITY". */
void fleet_identity_put(struct buf *text, const struct conf *conf, const char *identity);

/* ---- what a client answered ---- */

enum fleet_outcome {
	FLEET_DONE,
	FLEET_REFUSED, /* this message: one of its records, or all */
	FLEET_FAILED,  /* any message would have: no answer, wrong key, not installed */
};
/*
 * What the client's exit status and output mean; *why becomes one sentence without foreign text: a
 * client can print parts of the key. why is DETAIL_MAX long; "" for FLEET_DONE.
 */
enum fleet_outcome fleet_answer_judge(const struct run_answer *answer, char why[DETAIL_MAX]);

struct fleet_soa {
	char zone[256]; /* masked, lower case, without a dot at its end; empty: the answer has none
			 */
	int64_t serial; /* -1: none */
};
/* The SOA record in the output of dig(1) or kdig(1), which of its sections ever. */
void fleet_soa_read(const struct run_answer *answer, struct fleet_soa *ret, char why[DETAIL_MAX]);

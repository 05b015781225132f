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

/* The same, whatever the exit status was: dig(1) ends with 0 if the server refuses. */
enum fleet_outcome fleet_answer_words(const struct run_answer *answer, char why[DETAIL_MAX]);

/* ---- what is in the zone: the output of dig(1) or kdig(1) ---- */

struct fleet_soa {
	char zone[256]; /* masked, lower case, without a dot at its end; empty: the answer has none
			 */
	int64_t serial; /* -1: none */
};
/* The SOA record, which of its sections ever. */
void fleet_soa_read(const struct run_answer *answer, struct fleet_soa *ret, char why[DETAIL_MAX]);

#define FLEET_IDENTITY_MAX 20
/* Identities that hosts have published for one number: how many are not our own. */
size_t fleet_identities_read(const struct run_answer *answer, const char *own);

/*
 * All records of one host in a transfer of the zone, as lines "update delete ...". buf_init() of
 * updates with FLEET_REMOVAL_MAX and of said with FLEET_SAID_MAX comes before, buf_free() after.
 */
#define FLEET_LINE_MAX	  1024
#define FLEET_REMOVAL_MAX (8 << 20) /* 100,000 records */
#define FLEET_SAID_MAX	  2048
struct fleet_removal {
	const char *zone;
	int host;
	const char *keep_identity; /* of a host that lives; "": none */
	bool only_counts;	   /* updates stays empty */
	struct buf updates;
	struct buf said;    /* the lines that are no records */
	int64_t records;    /* lines in updates */
	int64_t unreadable; /* of the host, but under a name that cannot be written */
	int nsoa;	    /* 2: the zone is whole: RFC 5936, 2.2 */
	bool is_full;	    /* updates is: there are more records */
	bool is_cut;	    /* the line is too long */
	size_t line_len;
	char line[FLEET_LINE_MAX];
};
/* Takes the output of a transfer, piece by piece, as struct run_request has it. */
bool fleet_removal_take(void *user, const char *bytes, size_t len);
/* Bytes of updates, from at on, that are the next message of up to max_records; 0: none is left. */
size_t fleet_removal_next(const struct fleet_removal *removal, size_t at, size_t max_records,
			  size_t *ret_records);

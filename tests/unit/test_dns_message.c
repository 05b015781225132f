/* SPDX-License-Identifier: MIT */
/*
 * test_dns_message.c - DNS replies made byte by byte, good, odd and hostile
 *
 * Each case starts with the header and our question; what follows is written out. Offsets: the
 * name asked is at 12 (\xc0\x0c), its zone bl.test at 22 (\xc0\x16), the first record at 35 (0x23).
 */
#include "net/dns_message.h"
#include "net/cares_record.h"
#include "unit.h"

#define NAME "2.0.0.127.bl.test"
#define WIRE    \
	"\1"    \
	"2\1"   \
	"0\1"   \
	"0\3"   \
	"127\2" \
	"bl\4"  \
	"test\0"
#define OTHER   \
	"\1"    \
	"3\1"   \
	"0\1"   \
	"0\3"   \
	"127\2" \
	"bl\4"  \
	"test\0"

#define OK	 0x8180 /* QR RD RA */
#define A	 "\0\1\0\1"
#define TXT	 "\0\20\0\1"
#define CNAME	 "\0\5\0\1"
#define SOA	 "\0\6\0\1"
#define NS	 "\0\2\0\1"
#define ME	 "\xc0\x0c"
#define ZONE	 "\xc0\x16"
#define TTL(low) "\0\0" low

/* A record of 127.0.0.N, 16 bytes; TTL 300. */
#define LISTED(n) ME A TTL("\1\x2c") "\0\4\x7f\0\0" n
/* Negative TTL: the less of its own and its last number. */
#define ZONE_SOA(ttl, min)                    \
	ZONE SOA TTL(ttl) "\0\x1a" ZONE "\1"  \
			  "h" ZONE "\0\0\0\1" \
			  "\0\0\0\2"          \
			  "\0\0\0\3"          \
			  "\0\0\0\4" min

/* As ZONE_SOA, of a zone named y: the name asked is not in it. */
#define FOREIGN_SOA                                           \
	"\1y\0" SOA TTL("\1\x2c") "\0\x1a" ZONE "\1"          \
				  "h" ZONE "\0\0\0\1\0\0\0\2" \
				  "\0\0\0\3\0\0\0\4\0\0\0\x78"

#define RECORDS(text) .rest = (text), .rest_len = sizeof(text) - 1

static int ncompared;

struct row {
	const char *what;
	int flags, qd, an, ns, ar;
	const char *question; /* NULL: ours; else without the type */
	int qtype;	      /* 0: as asked */
	const char *rest;
	size_t rest_len;
	int ask; /* 0: NET_A */
	enum net_status status;
	size_t na;
	uint32_t first, ttl;
	bool has_ttl;
	const char *txt, *why;
};

static const struct row rows[] = {
	{ .what = "one A record",
	  .flags = OK,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "three A records, the least TTL",
	  .flags = OK,
	  .an = 3,
	  RECORDS(LISTED("\4") ME A TTL("\0\x3c") "\0\4\x7f\0\0\3" LISTED("\2")),
	  .na = 3,
	  .first = 0x7f000004,
	  .ttl = 60,
	  .has_ttl = true },
	{ .what = "a TTL with its sign bit is zero",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME A "\x80\0\0\1"
		       "\0\4\x7f\0\0\2"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 0,
	  .has_ttl = true },
	{ .what = "a CNAME chain, its TTL counts",
	  .flags = OK,
	  .an = 3,
	  RECORDS(ME CNAME TTL("\0\x1e") "\0\4"
					 "\1x" ZONE "\xc0\x2f" CNAME TTL(
						 "\1\0") "\0\4"
							 "\1y" ZONE "\xc0\x3f" A TTL(
								 "\1\x2c") "\0\4\x7f\0\0\x0a"),
	  .na = 1,
	  .first = 0x7f00000a,
	  .ttl = 30,
	  .has_ttl = true },
	{ .what = "a chain in reverse order",
	  .flags = OK,
	  .an = 2,
	  RECORDS("\1x" ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\x0b" ME CNAME TTL(
		  "\1\x2c") "\0\2\xc0\x23"),
	  .na = 1,
	  .first = 0x7f00000b,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "a CNAME to itself",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\2" ME),
	  .status = NET_BROKEN,
	  .why = "loop" },
	{ .what = "two CNAMEs in a circle",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE "\xc0\x2f" CNAME TTL("\1\x2c") "\0\2" ME),
	  .status = NET_BROKEN,
	  .why = "loop" },
	{ .what = "a CNAME with bytes after its name",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\3" ZONE "\0"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "a CNAME to a name without A",
	  .flags = OK,
	  .an = 1,
	  .ns = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .status = NET_NODATA,
	  .ttl = 120,
	  .has_ttl = true },
	{ .what = "NXDOMAIN at the end of a CNAME",
	  .flags = OK | 3,
	  .an = 1,
	  .ns = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE ZONE_SOA("\0\x3c", "\0\0\0\x78")),
	  .status = NET_NXDOMAIN,
	  .ttl = 60,
	  .has_ttl = true },
	{ .what = "another name in the question",
	  .flags = OK,
	  .an = 1,
	  .question = OTHER,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "our question" },
	{ .what = "another type in the question",
	  .flags = OK,
	  .an = 1,
	  .qtype = 28,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "our question" },
	{ .what = "upper case in the question",
	  .flags = OK,
	  .an = 1,
	  .question = "\1"
		      "2\1"
		      "0\1"
		      "0\3"
		      "127\2"
		      "BL\4"
		      "TeSt\0",
	  RECORDS(LISTED("\2")),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "no question at all",
	  .flags = OK,
	  .qd = -1,
	  .status = NET_BROKEN,
	  .why = "malformed" },
	{ .what = "a question, not an answer",
	  .flags = 0x0100,
	  .status = NET_BROKEN,
	  .why = "our question" },
	{ .what = "another opcode",
	  .flags = OK | 0x2800,
	  .status = NET_BROKEN,
	  .why = "our question" },
	{ .what = "TC",
	  .flags = OK | 0x0200,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "truncated" },
	{ .what = "bytes after the last record",
	  .flags = OK,
	  .an = 1,
	  RECORDS(LISTED("\2") "x"),
	  .status = NET_BROKEN,
	  .why = "malformed" },
	{ .what = "the A record of another name",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "another name" },
	{ .what = "only records of another type",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME TXT TTL("\1\x2c") "\0\2"
				       "\1x"),
	  .status = NET_BROKEN,
	  .why = "another name or type" },
	{ .what = "an A record of class CH",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME "\0\1\0\3" TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "another name" },
	{ .what = "an A record of three bytes",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME A TTL("\1\x2c") "\0\3\x7f\0\0"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "a compression loop in the answer",
	  .flags = OK,
	  .an = 1,
	  RECORDS("\xc0\x23" A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "malformed" },
	{ .what = "a compression loop in the CNAME",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\2\xc0\x2f"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "a pointer behind the message",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\2\xff\xff"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "NXDOMAIN with SOA, its minimum",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .status = NET_NXDOMAIN,
	  .ttl = 120,
	  .has_ttl = true },
	{ .what = "NXDOMAIN with SOA, its TTL",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\0\x3c", "\0\0\0\x78")),
	  .status = NET_NXDOMAIN,
	  .ttl = 60,
	  .has_ttl = true },
	{ .what = "NXDOMAIN without SOA", .flags = OK | 3, .status = NET_NXDOMAIN },
	{ .what = "NXDOMAIN with an A record",
	  .flags = OK | 3,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "NXDOMAIN with" },
	{ .what = "a SOA cut short",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE SOA TTL("\1\x2c") "\0\x14" ZONE ZONE "0123456789abcdef"),
	  .status = NET_BROKEN,
	  .why = "SOA" },
	{ .what = "NODATA with SOA",
	  .flags = OK,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .status = NET_NODATA,
	  .ttl = 120,
	  .has_ttl = true },
	{ .what = "NODATA without SOA", .flags = OK, .status = NET_BROKEN, .why = "nor a SOA" },
	{ .what = "NODATA without SOA, from the authority",
	  .flags = OK | 0x0400,
	  .status = NET_BROKEN,
	  .why = "nor a SOA" },
	{ .what = "a referral",
	  .flags = 0x8100,
	  .ns = 1,
	  RECORDS(ZONE NS TTL("\1\x2c") "\0\2" ZONE),
	  .status = NET_BROKEN,
	  .why = "referral" },
	{ .what = "NS from the authority itself",
	  .flags = OK | 0x0400,
	  .ns = 1,
	  RECORDS(ZONE NS TTL("\1\x2c") "\0\2" ZONE),
	  .status = NET_BROKEN,
	  .why = "nor a SOA" },
	{ .what = "TXT of two strings",
	  .flags = OK,
	  .an = 1,
	  .ask = NET_TXT,
	  RECORDS(ME TXT TTL("\1\x2c") "\0\x0e"
				       "\6listed\6, see "),
	  .txt = "listed, see ",
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "two TXT records, the first",
	  .flags = OK,
	  .an = 2,
	  .ask = NET_TXT,
	  RECORDS(ME TXT TTL("\1\x2c") "\0\4"
				       "\3one" ME TXT TTL("\0\x3c") "\0\4"
								    "\3two"),
	  .txt = "one",
	  .ttl = 60,
	  .has_ttl = true },
	{ .what = "an empty first TXT",
	  .flags = OK,
	  .an = 2,
	  .ask = NET_TXT,
	  RECORDS(ME TXT TTL("\1\x2c") "\0\1"
				       "\0" ME TXT TTL("\1\x2c") "\0\4"
								 "\3two"),
	  .txt = "",
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "a TXT string longer than its record",
	  .flags = OK,
	  .an = 1,
	  .ask = NET_TXT,
	  RECORDS(ME TXT TTL("\1\x2c") "\0\4"
				       "\4two"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "SERVFAIL", .flags = OK | 2, .status = NET_SERVFAIL },
	{ .what = "REFUSED", .flags = OK | 5, .status = NET_REFUSED },
	{ .what = "FORMERR", .flags = OK | 1, .status = NET_BROKEN, .why = "FORMERR" },
	{ .what = "NOTIMP", .flags = OK | 4, .status = NET_BROKEN, .why = "NOTIMP" },
	{ .what = "NOTAUTH", .flags = OK | 9, .status = NET_BROKEN, .why = "code 9" },
	{ .what = "a CNAME to a name without A, and no SOA",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "two CNAMEs that end nowhere, and no SOA",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE "\xc0\x2f" CNAME TTL("\1\x2c") "\0\4"
										   "\1y" ZONE),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "a CNAME to nothing, from the authority",
	  .flags = OK | 0x0400,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "NXDOMAIN at the end of a CNAME, and no SOA",
	  .flags = OK | 3,
	  .an = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "a CNAME and a referral",
	  .flags = 0x8100,
	  .an = 1,
	  .ns = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE ZONE NS TTL("\1\x2c") "\0\2" ZONE),
	  .status = NET_BROKEN,
	  .why = "referral" },
	{ .what = "a CNAME and NS from the authority",
	  .flags = OK | 0x0400,
	  .an = 1,
	  .ns = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE ZONE NS TTL("\1\x2c") "\0\2" ZONE),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "a CNAME, and the SOA of a zone that its target is not in",
	  .flags = OK,
	  .an = 1,
	  .ns = 1,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE FOREIGN_SOA),
	  .status = NET_BROKEN,
	  .why = "another zone" },
	{ .what = "NXDOMAIN, and the SOA of another zone",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(FOREIGN_SOA),
	  .status = NET_BROKEN,
	  .why = "another zone" },
	{ .what = "NODATA, and the SOA of another zone",
	  .flags = OK,
	  .ns = 1,
	  RECORDS(FOREIGN_SOA),
	  .status = NET_BROKEN,
	  .why = "another zone" },
	{ .what = "NXDOMAIN, and the SOA of the root",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS("\0" SOA TTL("\0\x3c") "\0\x1a" ZONE "\1h" ZONE
					 "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x78"),
	  .status = NET_NXDOMAIN,
	  .ttl = 60,
	  .has_ttl = true },
	{ .what = "NXDOMAIN, and a SOA of class CH",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE "\0\6\0\3" TTL("\0\x3c") "\0\x1a" ZONE "\1h" ZONE
						"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x78"),
	  .status = NET_NXDOMAIN },
	{ .what = "NODATA, and a SOA of class CH",
	  .flags = OK,
	  .ns = 1,
	  RECORDS(ZONE "\0\6\0\3" TTL("\0\x3c") "\0\x1a" ZONE "\1h" ZONE
						"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x78"),
	  .status = NET_BROKEN,
	  .why = "nor a SOA" },
	{ .what = "the SOA in the answer section",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .status = NET_BROKEN,
	  .why = "another name" },
	{ .what = "NXDOMAIN with two SOAs, the least",
	  .flags = OK | 3,
	  .ns = 2,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78") ZONE_SOA("\0\x1e", "\0\0\0\x78")),
	  .status = NET_NXDOMAIN,
	  .ttl = 30,
	  .has_ttl = true },
	{ .what = "a negative TTL with its sign bit is zero",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\xff\xff\xff\xff")),
	  .status = NET_NXDOMAIN,
	  .ttl = 0,
	  .has_ttl = true },
	{ .what = "the largest negative TTL",
	  .flags = OK | 3,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\xff\xff", "\x7f\xff\xff\xff")),
	  .status = NET_NXDOMAIN,
	  .ttl = 65535,
	  .has_ttl = true },
	{ .what = "the largest TTL",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME A "\x7f\xff\xff\xff"
		       "\0\4\x7f\0\0\2"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = INT32_MAX,
	  .has_ttl = true },
	{ .what = "a TTL of zero",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME A "\0\0\0\0"
		       "\0\4\x7f\0\0\2"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 0,
	  .has_ttl = true },
	{ .what = "a CNAME next to an A record of the same name",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "next to other" },
	{ .what = "an A record next to a CNAME of the same name",
	  .flags = OK,
	  .an = 2,
	  RECORDS(LISTED("\2") ME CNAME TTL("\1\x2c") "\0\4"
						      "\1x" ZONE),
	  .status = NET_BROKEN,
	  .why = "next to other" },
	{ .what = "two CNAMEs of one name",
	  .flags = OK,
	  .an = 3,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE ME CNAME TTL(
						 "\1\x2c") "\0\4"
							   "\1y" ZONE "\1x" ZONE A TTL(
								   "\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "two CNAMEs" },
	{ .what = "a CNAME, and the A record of a third name",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE "\1y" ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "CNAME to nothing" },
	{ .what = "a CNAME to a name listed, of class CH",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME "\0\5\0\3" TTL("\1\x2c") "\0\4"
					      "\1x" ZONE
					      "\1x" ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "another name" },
	{ .what = "a CNAME to another spelling of its target",
	  .flags = OK,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE "\1X" ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "an A record, and one of another name",
	  .flags = OK,
	  .an = 2,
	  RECORDS(LISTED("\2") ZONE A TTL("\0\1") "\0\4\x0a\0\0\1"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "an A record, and one of another class",
	  .flags = OK,
	  .an = 2,
	  RECORDS(LISTED("\2") ME "\0\1\0\3" TTL("\0\1") "\0\4\x0a\0\0\1"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "an A record, and a TXT of the same name",
	  .flags = OK,
	  .an = 2,
	  RECORDS(LISTED("\2") ME TXT TTL("\0\1") "\0\2\1x"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "an A record with NS and glue",
	  .flags = OK,
	  .an = 1,
	  .ns = 1,
	  .ar = 1,
	  RECORDS(LISTED("\2")
			  ZONE NS TTL("\1\x2c") "\0\2" ZONE ZONE A TTL("\1\x2c") "\0\4\x0a\0\0\1"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "NXDOMAIN, and an A record of ours among the additional",
	  .flags = OK | 3,
	  .ns = 1,
	  .ar = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78") LISTED("\2")),
	  .status = NET_NXDOMAIN,
	  .ttl = 120,
	  .has_ttl = true },
	{ .what = "an A record of ours among the additional only",
	  .flags = OK,
	  .ar = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "nor a SOA" },
	{ .what = "an A record of ours in the authority section only",
	  .flags = OK,
	  .ns = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "nor a SOA" },
	{ .what = "an empty OPT record",
	  .flags = OK,
	  .an = 1,
	  .ar = 1,
	  RECORDS(LISTED("\2") "\0"
			       "\0\x29\x04\xd0"
			       "\0\0\0\0"
			       "\0\0"),
	  .na = 1,
	  .first = 0x7f000002,
	  .ttl = 300,
	  .has_ttl = true },
	{ .what = "BADVERS, which is NOERROR and an OPT record",
	  .flags = OK,
	  .ar = 1,
	  RECORDS("\0"
		  "\0\x29\x04\xd0"
		  "\1\0\0\0"
		  "\0\0"),
	  .why = "code 16",
	  .status = NET_BROKEN },
	{ .what = "NXDOMAIN and an OPT record that makes it another code",
	  .flags = OK | 3,
	  .ar = 1,
	  RECORDS("\0"
		  "\0\x29\x04\xd0"
		  "\1\0\0\0"
		  "\0\0"),
	  .why = "code 19",
	  .status = NET_BROKEN },
	{ .what = "a malformed additional section",
	  .flags = OK | 3,
	  .ar = 1,
	  RECORDS("\xc0\x23" A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "malformed" },
	{ .what = "an A record of IPv6 size",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME A TTL("\1\x2c") "\0\x10"
				     "0123456789abcdef"),
	  .status = NET_BROKEN,
	  .why = "answer section" },
	{ .what = "an AAAA record",
	  .flags = OK,
	  .an = 1,
	  RECORDS(ME "\0\x1c\0\1" TTL("\1\x2c") "\0\x10"
						"0123456789abcdef"),
	  .status = NET_BROKEN,
	  .why = "another name or type" },
	{ .what = "NXDOMAIN with records of another name",
	  .flags = OK | 3,
	  .an = 1,
	  RECORDS(ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "another name" },
	{ .what = "NXDOMAIN with an A record at the end of a CNAME",
	  .flags = OK | 3,
	  .an = 2,
	  RECORDS(ME CNAME TTL("\1\x2c") "\0\4"
					 "\1x" ZONE "\1x" ZONE A TTL("\1\x2c") "\0\4\x7f\0\0\2"),
	  .status = NET_BROKEN,
	  .why = "NXDOMAIN with" },
	{ .what = "SERVFAIL with an A record",
	  .flags = OK | 2,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_SERVFAIL },
	{ .what = "REFUSED with an A record",
	  .flags = OK | 5,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .status = NET_REFUSED },
	{ .what = "TC without records",
	  .flags = OK | 0x0200,
	  .status = NET_BROKEN,
	  .why = "truncated" },
	{ .what = "TC and NXDOMAIN",
	  .flags = OK | 0x0203,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .status = NET_BROKEN,
	  .why = "truncated" },
	{ .what = "TC and SERVFAIL", .flags = OK | 0x0202, .status = NET_SERVFAIL },
	{ .what = "response code 6", .flags = OK | 6, .status = NET_BROKEN, .why = "code 6" },
	{ .what = "response code 7", .flags = OK | 7, .status = NET_BROKEN, .why = "code 7" },
	{ .what = "response code 8", .flags = OK | 8, .status = NET_BROKEN, .why = "code 8" },
	{ .what = "response code 10", .flags = OK | 10, .status = NET_BROKEN, .why = "code 10" },
	{ .what = "response code 11", .flags = OK | 11, .status = NET_BROKEN, .why = "code 11" },
	{ .what = "response code 15", .flags = OK | 15, .status = NET_BROKEN, .why = "code 15" },
	{ .what = "TXT asked, none there",
	  .flags = OK,
	  .ns = 1,
	  RECORDS(ZONE_SOA("\2\x58", "\0\0\0\x78")),
	  .ask = NET_TXT,
	  .status = NET_NODATA,
	  .ttl = 120,
	  .has_ttl = true },
	{ .what = "TXT asked, A answered",
	  .flags = OK,
	  .an = 1,
	  RECORDS(LISTED("\2")),
	  .ask = NET_TXT,
	  .status = NET_BROKEN,
	  .why = "another name or type" },
	{ .what = "counts larger than the message",
	  .flags = OK,
	  .an = 65535,
	  RECORDS(LISTED("\2")),
	  .status = NET_BROKEN,
	  .why = "malformed" },
};

struct message {
	unsigned char b[8192];
	size_t len;
};

static void put(struct message *m, const char *bytes, size_t len)
{
	assert_true(m->len + len <= sizeof(m->b));
	if (len)
		memcpy(m->b + m->len, bytes, len);
	m->len += len;
}

static void put16(struct message *m, int n)
{
	char b[2] = { (char)(n >> 8), (char)n };

	put(m, b, 2);
}

static void start(struct message *m, int flags, int qd, int an, int ns, int ar)
{
	m->len = 0;
	put16(m, 0x1234);
	put16(m, flags);
	put16(m, qd);
	put16(m, an);
	put16(m, ns);
	put16(m, ar);
}

static void build(struct message *m, const struct row *r)
{
	int type = r->ask ? r->ask : NET_A;

	start(m, r->flags, r->qd < 0 ? 0 : 1, r->an, r->ns, r->ar);
	put(m, r->question ? r->question : WIRE, sizeof(WIRE) - 1);
	put16(m, r->qtype ? r->qtype : type);
	put16(m, 1);
	put(m, r->rest, r->rest_len);
}

static bool is_answer(const struct dns_answer *a)
{
	return a->status == NET_OK || a->status == NET_NXDOMAIN || a->status == NET_NODATA;
}

/* A modern c-ares parses replies itself. What it makes of them must be an answer in the same cases,
 * and then the same one; what is no answer need not be called the same. */
static void compare(unsigned char *msg, size_t len, int type, const struct dns_answer *a)
{
#if IS_MODERN
	struct dns_answer b;
	ares_dns_record_t *reply;

	len = dns_message_tidy(msg, len);
	if (!len && is_answer(a))
		fail_msg("status %d, dropped", (int)a->status);
	if (ares_dns_parse(msg, len, 0, &reply) != ARES_SUCCESS)
		return; /* no answer */
	memset(&b, 0x5a, sizeof(b));
	net_ares_read(reply, NAME, type, &b);
	ares_dns_record_destroy(reply);
	ncompared++;
	if (is_answer(a) != is_answer(&b))
		fail_msg("status %d %s, by c-ares %d %s", (int)a->status, a->why, (int)b.status,
			 b.why);
	if (!is_answer(a))
		return;
	assert_int_equal(a->status, b.status);
	assert_int_equal(a->na, b.na);
	assert_memory_equal(a->a, b.a, sizeof(a->a));
	assert_int_equal(a->has_ttl, b.has_ttl);
	assert_int_equal(a->ttl_s, b.ttl_s);
	assert_int_equal(a->txt_len, b.txt_len);
	assert_memory_equal(a->txt, b.txt, sizeof(a->txt));
	assert_string_equal(a->why, b.why);
#else
	(void)msg;
	(void)len;
	(void)type;
	ncompared += is_answer(a);
#endif
}

/* The copy has the message's exact size, so that a sanitizer sees one byte too many. */
static void parse(const unsigned char *msg, size_t len, int type, struct dns_answer *a)
{
	unsigned char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, msg, len);
	memset(a, 0xa5, sizeof(*a));
	dns_message_parse(copy, len, NAME, type, a);
	compare(copy, len, type, a);
	free(copy);
}

TEST(every_row_is_read_as_the_table_says)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct message m;
		struct dns_answer a;

		build(&m, r);
		parse(m.b, m.len, r->ask ? r->ask : NET_A, &a);
		if (a.status != r->status || a.na != r->na || a.has_ttl != r->has_ttl ||
		    a.ttl_s != r->ttl || (r->na && a.a[0] != r->first) ||
		    (r->why && !strstr(a.why, r->why)) || (!r->why && *a.why))
			fail_msg("%s: status %d, %zu answers, TTL %u, %s", r->what, (int)a.status,
				 a.na, a.ttl_s, a.why);
		if (r->txt && (a.txt_len != strlen(r->txt) || memcmp(a.txt, r->txt, a.txt_len)))
			fail_msg("%s: \"%.*s\"", r->what, (int)a.txt_len, a.txt);
	}
	assert_true(COUNT(rows) > 90);
	assert_true(ncompared > 10); /* with what c-ares makes of them */
}

TEST(a_message_cut_anywhere_is_broken)
{
	struct dns_answer a;
	struct message m;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].status == NET_BROKEN)
			continue;
		build(&m, &rows[i]);
		for (size_t len = 0; len < m.len; len++) {
			parse(m.b, len, rows[i].ask ? rows[i].ask : NET_A, &a);
			if (a.status != NET_BROKEN || !*a.why || a.na)
				fail_msg("%s, cut at %zu", rows[i].what, len);
		}
	}
}

/* Whatever a byte becomes, the answer keeps its own promises. */
TEST(a_message_with_any_byte_changed_is_survived)
{
	struct dns_answer a;
	struct message m;

	for (size_t i = 0; i < COUNT(rows); i++) {
		build(&m, &rows[i]);
		for (size_t at = 0; at < m.len; at++) {
			unsigned char was = m.b[at];

			for (int v = 0; v < 256; v += 3) {
				m.b[at] = (unsigned char)v;
				parse(m.b, m.len, rows[i].ask ? rows[i].ask : NET_A, &a);
				assert_true(a.na <= ANSWERS_MAX && a.txt_len <= sizeof(a.txt));
				assert_true((a.status == NET_BROKEN) == (*a.why != '\0'));
				assert_true(a.status == NET_OK || !a.na);
				assert_non_null(memchr(a.why, '\0', sizeof(a.why)));
			}
			m.b[at] = was;
		}
	}
}

TEST(seventy_answers_are_cut_to_what_is_kept)
{
	struct dns_answer a;
	struct message m;

	start(&m, OK, 1, 70, 0, 0);
	put(&m, WIRE A, sizeof(WIRE A) - 1);
	for (int i = 0; i < 70; i++) {
		char last = (char)(i + 2);

		put(&m, ME A TTL("\1\x2c") "\0\4\x7f\0\0", 15);
		put(&m, &last, 1);
	}
	parse(m.b, m.len, NET_A, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.na, ANSWERS_MAX);
	assert_true(a.is_cut);
	for (size_t i = 0; i < a.na; i++)
		assert_int_equal(a.a[i], 0x7f000002 + i);
}

/* An error code behind many listings must be seen. */
TEST(an_address_that_comes_again_takes_no_room)
{
	struct dns_answer a;
	struct message m;

	start(&m, OK, 1, 70, 0, 0);
	put(&m, WIRE A, sizeof(WIRE A) - 1);
	for (int i = 0; i < 70; i++) {
		char last = (char)(i < 69 ? 2 + i % 15 : 99);

		put(&m, ME A TTL("\1\x2c") "\0\4\x7f\0\0", 15);
		put(&m, &last, 1);
	}
	parse(m.b, m.len, NET_A, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.na, ANSWERS_MAX);
	assert_false(a.is_cut);
	assert_int_equal(a.a[15], 0x7f000063);
}

TEST(a_chain_of_eight_is_followed_and_one_of_nine_is_not)
{
	struct dns_answer a;
	struct message m;

	for (int n = 8; n <= 9; n++) {
		start(&m, OK, 1, n + 1, 0, 0);
		put(&m, WIRE A, sizeof(WIRE A) - 1);
		for (int i = 0; i < n; i++) {
			char from[4] = { 1, (char)('a' + i), '\xc0', '\x16' };
			char to[4] = { 1, (char)('a' + i + 1), '\xc0', '\x16' };

			put(&m, i ? from : ME, i ? 4 : 2);
			put(&m, CNAME TTL("\1\x2c") "\0\4", 10);
			put(&m, to, 4);
		}
		put(&m, (char[4]){ 1, (char)('a' + n), '\xc0', '\x16' }, 4);
		put(&m, A TTL("\1\x2c") "\0\4\x7f\0\0\2", 14);
		parse(m.b, m.len, NET_A, &a);
		assert_int_equal(a.status, n == 8 ? NET_OK : NET_BROKEN);
	}
}

TEST(a_long_text_is_cut)
{
	char string[201] = { (char)200 };
	struct dns_answer a;
	struct message m;

	memset(string + 1, 'x', 200);
	start(&m, OK, 1, 1, 0, 0);
	put(&m, WIRE TXT ME TXT TTL("\1\x2c"), sizeof(WIRE) - 1 + 4 + 2 + 8);
	put16(&m, 402);
	put(&m, string, sizeof(string));
	put(&m, string, sizeof(string));
	parse(m.b, m.len, NET_TXT, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.txt_len, sizeof(a.txt));
}

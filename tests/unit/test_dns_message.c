/* SPDX-License-Identifier: MIT */
/* test_dns_message.c - DNS replies made byte by byte, good, odd and hostile */
#include "net/dns_message.h"
#include "net/cares_record.h"
#include <arpa/inet.h>
#include "unit.h"

#define NAME  "2.0.0.127.bl.test"
#define WIRE  "\1\x32\1\x30\1\x30\003127\2bl\4test\0"
#define OTHER "\1\x33\1\x30\1\x30\003127\2bl\4test\0"
#define UPPER "\1\x32\1\x30\1\x30\003127\2BL\4TeSt\0"
enum { OK = 0x8180 /* QR RD RA */ };

/* ---- a message, from the words of data/unit/dns_message.tsv ---- */

struct message {
	unsigned char b[8192];
	size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
	assert_true(m->len + len <= sizeof(m->b));
	memcpy(m->b + m->len, bytes, len);
	m->len += len;
}

static void put16(struct message *m, int n)
{
	put(m, (unsigned char[2]){ (unsigned char)(n >> 8), (unsigned char)n }, 2);
}

static void put_hex(struct message *m, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		unsigned byte = 0;

		assert_int_equal(sscanf(word + i, "%2x", &byte), 1);
		put(m, (unsigned char[1]){ (unsigned char)byte }, 1);
	}
}

static void put_text(struct message *m, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(m, text[i] == '_' ? " " : text + i, 1);
}

static void put_word(struct message *m, const char *word, size_t len)
{
	static const struct {
		const char *word, *hex;
	} words[] = {
		{ "me", "c00c" },
		{ "zone", "c016" },
		{ "A", "00010001" },
		{ "TXT", "00100001" },
		{ "CNAME", "00050001" },
		{ "SOA", "00060001" },
		{ "AAAA", "001c0001" },
		{ "NS", "00020001" },
		{ "soa", "c0160168c01600000001000000020000000300000004" },
	};
	uint32_t number;

	for (size_t i = 0; i < COUNT(words); i++)
		if (strlen(words[i].word) == len && !memcmp(words[i].word, word, len)) {
			put_hex(m, words[i].hex, strlen(words[i].hex));
			return;
		}
	if (*word == ':') {
		number = htonl((uint32_t)strtoul(word + 1, NULL, 10));
		put(m, &number, 4);
	} else if (*word == '=') {
		put(m, (unsigned char[1]){ (unsigned char)(len - 1) }, 1);
		put_text(m, word + 1, len - 1);
	} else if (*word == '\'') {
		put_text(m, word + 1, len - 1);
	} else if (memchr(word, '.', len)) {
		char text[16] = "";

		assert_true(len < sizeof(text));
		memcpy(text, word, len);
		assert_int_equal(inet_pton(AF_INET, text, &number), 1);
		put(m, &number, 4);
	} else {
		put_hex(m, word, len);
	}
}

static void put_words(struct message *m, const char *words)
{
	for (size_t len; *words; words += len + strspn(words + len, " ")) {
		len = strcspn(words, " ");
		put_word(m, words, len);
	}
}

static void start(struct message *m, int flags, int qd, int an, int ns, int ar)
{
	const int header[] = { 0x1234, flags, qd, an, ns, ar };

	m->len = 0;
	for (size_t i = 0; i < COUNT(header); i++)
		put16(m, header[i]);
}

static void put_question(struct message *m, const char *wire, int type)
{
	put(m, wire, sizeof(WIRE) - 1);
	put16(m, type);
	put16(m, 1);
}

static const int types[] = { NET_A, NET_TXT, NET_AAAA };
static const char types_words[] = "A TXT AAAA";

enum { OURS, ANOTHER_NAME, IN_UPPER_CASE, OF_ANOTHER_TYPE, NONE };

static int build(struct message *m, const struct row *row)
{
	static const char *const wires[] = { WIRE, OTHER, UPPER, WIRE, WIRE };
	int question = row_choice(row, "question", "ours other upper AAAA none");
	int type = types[row_choice(row, "asked", types_words)];

	start(m, (int)row_number(row, "flags"), question != NONE, (int)row_number(row, "an"),
	      (int)row_number(row, "ns"), (int)row_number(row, "ar"));
	put_question(m, wires[question], question == OF_ANOTHER_TYPE ? NET_AAAA : type);
	put_words(m, row_text(row, "records"));
	return type;
}

/* ---- what is made of it ---- */

static int ncompared;

static bool is_answer(const struct dns_answer *a)
{
	return a->status == NET_OK || a->status == NET_NXDOMAIN || a->status == NET_NODATA;
}

static inline void assert_same_texts(const struct dns_txt *a, const struct dns_txt *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_int_equal(a->len, b->len);
		assert_memory_equal(a->bytes, b->bytes, a->len);
		assert_int_equal(a->is_cut, b->is_cut);
	}
	assert_true(!a && !b);
}

static inline void assert_same(const struct dns_answer *a, const struct dns_answer *b)
{
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->na, b->na);
	assert_memory_equal(a->a, b->a, sizeof(a->a));
	assert_int_equal(a->na6, b->na6);
	assert_memory_equal(a->a6, b->a6, sizeof(a->a6));
	assert_int_equal(a->is_cut, b->is_cut);
	assert_int_equal(a->has_ttl, b->has_ttl);
	assert_int_equal(a->ttl_s, b->ttl_s);
	assert_int_equal(a->txt_len, b->txt_len);
	assert_memory_equal(a->txt, b->txt, sizeof(a->txt));
	assert_same_texts(a->txts, b->txts);
	assert_string_equal(a->why, b->why);
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
	if (is_answer(a))
		assert_same(a, &b);
	dns_answer_done(&b);
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

static void a_message_cut_anywhere_is_broken(const struct message *m, int type)
{
	struct dns_answer a;

	for (size_t len = 0; len < m->len; len++) {
		parse(m->b, len, type, &a);
		if (a.status != NET_BROKEN || !*a.why || a.na)
			fail_msg("cut at %zu", len);
		dns_answer_done(&a);
	}
}

/* Whatever a byte becomes, the answer keeps its own promises. */
static void any_byte_may_change(struct message *m, int type)
{
	struct dns_answer a;

	for (size_t at = 0; at < m->len; at++) {
		unsigned char was = m->b[at];

		for (int v = 0; v < 256; v += 3) {
			m->b[at] = (unsigned char)v;
			parse(m->b, m->len, type, &a);
			assert_true(a.na <= A_MAX && a.na6 <= ANSWERS_MAX &&
				    a.txt_len <= sizeof(a.txt));
			assert_true((a.status == NET_BROKEN) == (*a.why != '\0'));
			assert_true(a.status == NET_OK || (!a.na && !a.na6));
			assert_non_null(memchr(a.why, '\0', sizeof(a.why)));
			assert_true(a.status == NET_OK || !a.txts);
			dns_answer_done(&a);
		}
		m->b[at] = was;
	}
}

ROWS(a_reply_is_read_as_its_row_says)
{
	const char *text = row_text(row, "text"), *why = row_text(row, "why");
	struct message m;
	struct dns_answer a;
	int type = build(&m, row), compared = ncompared;

	parse(m.b, m.len, type, &a);
	assert_int_equal(a.status,
			 row_choice(row, "status",
				    "ok nxdomain nodata timeout refused servfail broken"));
	assert_true(!is_answer(&a) || ncompared > compared);
	assert_int_equal(a.na, row_number(row, "na"));
	if (a.na)
		assert_int_equal(a.a[0], row_address(row, "first"));
	assert_int_equal(a.has_ttl, row_has(row, "ttl"));
	assert_int_equal(a.ttl_s, a.has_ttl ? row_number(row, "ttl") : 0);
	if (why)
		assert_has(a.why, why);
	else
		assert_string_equal(a.why, "");
	if (text) {
		assert_int_equal(a.txt_len, strlen(text));
		assert_memory_equal(a.txt, text, a.txt_len);
	}
	dns_answer_done(&a);
	if (a.status != NET_BROKEN)
		a_message_cut_anywhere_is_broken(&m, type);
	any_byte_may_change(&m, type);
}

/* Each text or address in a line of its own. */
static void list_records(const struct dns_answer *a, char *text, size_t room)
{
	char host[64];

	*text = '\0';
	for (const struct dns_txt *txt = a->txts; txt; txt = txt->next)
		snprintf(text + strlen(text), room - strlen(text), "%.*s%s\n", (int)txt->len,
			 txt->bytes, txt->is_cut ? "..." : "");
	for (size_t i = 0; i < a->na6; i++)
		snprintf(text + strlen(text), room - strlen(text), "%s\n",
			 inet_ntop(AF_INET6, a->a6[i], host, sizeof(host)));
}

ROWS(all_records_are_kept)
{
	int type = types[row_choice(row, "asked", types_words)], count = (int)row_number(row, "an");
	struct dns_answer a;
	char text[1000];
	struct message m;

	start(&m, OK, 1, count, 0, 0);
	put_question(&m, WIRE, type);
	put_words(&m, row_text(row, "records"));
	parse(m.b, m.len, type, &a);
	list_records(&a, text, sizeof(text));
	assert_string_equal(text, row_text(row, "kept"));
	assert_int_equal(a.status, *text ? NET_OK : NET_BROKEN);
	assert_false(a.is_cut);
	assert_int_equal(a.na, 0);
	dns_answer_done(&a);
	a_message_cut_anywhere_is_broken(&m, type);
	any_byte_may_change(&m, type);
}

/* The message has a listing for each number up to n; what is the last octet of the i-th. */
static void list(struct message *m, int n, int (*octet)(int i))
{
	char words[80];

	start(m, OK, 1, n, 0, 0);
	put_question(m, WIRE, NET_A);
	for (int i = 0; i < n; i++) {
		snprintf(words, sizeof(words), "me A :300 0004 127.0.0.%d", octet(i));
		put_words(m, words);
	}
}

static int each_another(int i)
{
	return i + 2;
}

static int the_last_another(int i)
{
	return i < A_MAX + 6 ? 2 + i % (A_MAX - 1) : 199;
}

TEST(more_answers_than_are_kept_are_cut)
{
	struct dns_answer a;
	struct message m;

	list(&m, A_MAX, each_another);
	parse(m.b, m.len, NET_A, &a);
	assert_int_equal(a.na, A_MAX);
	assert_false(a.is_cut);
	list(&m, A_MAX + 1, each_another);
	parse(m.b, m.len, NET_A, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.na, A_MAX);
	assert_true(a.is_cut);
	for (size_t i = 0; i < a.na; i++)
		assert_int_equal(a.a[i], 0x7f000002 + i);
}

/* An error code behind many listings must be seen. */
TEST(an_address_that_comes_again_takes_no_room)
{
	struct dns_answer a;
	struct message m;

	list(&m, A_MAX + 7, the_last_another);
	parse(m.b, m.len, NET_A, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.na, A_MAX);
	assert_false(a.is_cut);
	assert_int_equal(a.a[A_MAX - 1], 0x7f0000c7);
}

TEST(a_chain_of_eight_is_followed_and_one_of_nine_is_not)
{
	char words[80];
	struct dns_answer a;
	struct message m;

	for (int n = 8; n <= 9; n++) {
		start(&m, OK, 1, n + 1, 0, 0);
		put_question(&m, WIRE, NET_A);
		put_words(&m, "me CNAME :300 0004 =b zone");
		for (int i = 1; i < n; i++) {
			snprintf(words, sizeof(words), "=%c zone CNAME :300 0004 =%c zone", 'a' + i,
				 'b' + i);
			put_words(&m, words);
		}
		snprintf(words, sizeof(words), "=%c zone A :300 0004 127.0.0.2", 'a' + n);
		put_words(&m, words);
		parse(m.b, m.len, NET_A, &a);
		assert_int_equal(a.status, n == 8 ? NET_OK : NET_BROKEN);
	}
}

TEST(a_long_text_is_cut)
{
	char string[202] = "=";
	struct dns_answer a;
	struct message m;

	memset(string + 1, 'x', 200);
	start(&m, OK, 1, 1, 0, 0);
	put_question(&m, WIRE, NET_TXT);
	put_words(&m, "me TXT :300 0192");
	put_words(&m, string);
	put_words(&m, string);
	parse(m.b, m.len, NET_TXT, &a);
	assert_int_equal(a.status, NET_OK);
	assert_int_equal(a.txt_len, sizeof(a.txt));
	assert_int_equal(a.txts->len, 400);
	assert_false(a.txts->is_cut);
	dns_answer_done(&a);
}

/* A string of 255 bytes after the other: 4,096 bytes are kept, and one more is not. */
TEST(a_text_is_kept_up_to_its_limit)
{
	static const int lengths[] = { 4096, 4097 };
	unsigned char string[256];
	struct dns_answer a;
	struct message m;

	memset(string, 'x', sizeof(string));
	for (size_t i = 0; i < 2; i++) {
		start(&m, OK, 1, 1, 0, 0);
		put_question(&m, WIRE, NET_TXT);
		put_words(&m, "me TXT :300");
		put16(&m, 16 * 256 + 1 + lengths[i] - 16 * 255);
		for (int left = lengths[i], n; left; left -= n) {
			n = left < 255 ? left : 255;
			string[0] = (unsigned char)n;
			put(&m, string, (size_t)n + 1);
		}
		parse(m.b, m.len, NET_TXT, &a);
		assert_int_equal(a.status, NET_OK);
		assert_int_equal(a.txts->len, 4096);
		assert_int_equal(a.txts->is_cut, i);
		dns_answer_done(&a);
	}
}

TEST(records_of_a_name_are_kept_up_to_their_limit)
{
	static const int asked[] = { NET_TXT, NET_AAAA }, most[] = { TXTS_MAX, ANSWERS_MAX };
	struct dns_answer a;
	struct message m;
	char words[80];

	for (size_t at = 0; at < 4; at++) {
		int type = asked[at / 2], count = most[at / 2] + (int)at % 2;
		size_t kept = 0;

		start(&m, OK, 1, count, 0, 0);
		put_question(&m, WIRE, type);
		for (int i = 0; i < count; i++) {
			snprintf(words, sizeof(words),
				 type == NET_TXT ? "me TXT :300 0003 =%02d"
						 : "me AAAA :300 0010 'fifteen_octets_%c",
				 type == NET_TXT ? i : 'a' + i);
			put_words(&m, words);
		}
		parse(m.b, m.len, type, &a);
		assert_int_equal(a.status, NET_OK);
		for (const struct dns_txt *txt = a.txts; txt; txt = txt->next)
			kept++;
		assert_int_equal(kept + a.na6, most[at / 2]);
		assert_int_equal(a.is_cut, at % 2);
		dns_answer_done(&a);
	}
}

TEST(there_are_many_replies)
{
	assert_true(unit_count_rows("a_reply_is_read_as_its_row_says") > 90);
}

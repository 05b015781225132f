/* SPDX-License-Identifier: MIT */
/* test_conf.c - iprep.conf: what is taken, and what is refused with its file and line */
#include "conf/conf.h"
#include "unit.h"
#include <sys/stat.h>
#include <unistd.h>

#define SOMEBODY 65534
#define TIER	 "[tier known]\nthreshold=3\nbantime=1d\n"
#define X10	 "xxxxxxxxxx"
#define X100	 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static char dir[64], path[96], local[96];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/iprep_conf.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/iprep.conf", dir);
	snprintf(local, sizeof(local), "%s/iprep.local", dir);
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(path);
	unlink(local);
	return 0;
}

static int remove_dir(void **state)
{
	remove_files(state);
	return rmdir(dir);
}

FIXTURE(make_dir, remove_dir);

static void put(const char *file, const void *bytes, size_t n)
{
	FILE *fp;

	unlink(file);
	fp = fopen(file, "w");
	assert_non_null(fp);
	assert_int_equal(fwrite(bytes, 1, n, fp), n);
	assert_int_equal(fclose(fp), 0);
	assert_int_equal(chmod(file, 0644), 0);
}

static void puts_to(const char *file, const char *text)
{
	put(file, text, strlen(text));
}

static struct conf *load(void)
{
	struct conf *c = NULL;
	struct err e;

	if (conf_load(path, false, &c, &e))
		fail_msg("%s", e.text);
	return c;
}

/* The message is the file's path and what follows; ret is left alone. */
static void refused(const char *file, int code, const char *rest)
{
	struct conf *c = NULL;
	char want[500];
	struct err e = { .text = "" };
	int r = conf_load(path, false, &c, &e);

	snprintf(want, sizeof(want), "%s%s", file, rest);
	if (r != code || c || strncmp(e.text, want, strlen(want)))
		fail_msg("%d, expected \"%s\", got \"%s\"", r, want, e.text);
}

struct mistake {
	const char *text, *rest;
};

TEST(a_mistake_is_said_with_file_and_line)
{
	static const struct mistake rows[] = {
		/* keys and sections */
		{ "[general]\n\n# c\ntimeout = 5\n", ":4: [general] unknown key \"timeout\"" },
		{ "[general]\nTimeout_ms = 500\n", ":2: [general] unknown key \"Timeout_ms\"" },
		{ "[tier known]\nzone = a.b\n", ":2: [tier known] unknown key \"zone\"" },
		{ "[dnsbl a]\nthreshold = 1\n", ":2: [dnsbl a] unknown key \"threshold\"" },
		{ "[tier a]\nscore = 1\n",
		  ":2: [tier a] unknown key \"score\"; renamed: threshold" },
		{ "[worker]\nmax_blocks = 5/1h\n",
		  ":2: [worker] unknown key \"max_blocks\"; renamed: max_new_blocks" },
		{ "[good]\nwindow = 1d\n", ":1: unknown section (renamed: [login]): \"good\"" },
		{ "[good]\n", ":1: unknown section (renamed: [login]): \"good\"" },
		{ "[general]\n= 5\n", ":2: [general] unknown key \"\"" },
		{ "[genral]\ntimeout_ms = 500\n", ":1: unknown section: \"genral\"" },
		{ "timeout_ms = 500\n", ":1: unknown section: \"\"" },
		{ "[ general ]\ntimeout_ms = 500\n", ":1: unknown section: \" general \"" },
		{ "[tier]\nthreshold = 500\n", ":1: unknown section: \"tier\"" },
		{ "[dnsbl]\nzone = a.b\n", ":1: unknown section: \"dnsbl\"" },
		{ "[tier ]\nthreshold = 500\n", ":1: bad name" },
		{ "[tier Known]\nthreshold = 5\n", ":1: bad name" },
		{ "[tier 9]\nthreshold = 5\n", ":1: bad name" },
		{ "[tier a.b]\nthreshold = 5\n", ":1: bad name" },
		{ "[tier a b]\nthreshold = 5\n", ":1: bad name" },
		{ "[dnsbl -a]\nzone = a.b\n", ":1: bad name" },
		{ "[dnsbl a/b]\nzone = a.b\n", ":1: bad name" },
		{ "[dnsbl abuseipdb]\nzone = a.b\n", ":1: bad name" },
		{ "[general]\n[genral]\n", ":2: unknown section: \"genral\"" },
		{ "[genral]\n", ":1: unknown section" },
		{ "[]\n", ":1: unknown section" },
		{ "[dns]\n[tier known]\n", ":2: [tier known] lacks \"threshold\"" },
		{ "[dnsbl a]\n", ":1: [dnsbl a] lacks \"zone\"" },
		/* twice */
		{ "[general]\ntimeout_ms = 500\ntimeout_ms = 500\n",
		  ":3: [general] timeout_ms: given twice in this file" },
		{ "[general]\ntimeout_ms = 500\n[dns]\n[general]\ntimeout_ms = 500\n",
		  ":5: [general] timeout_ms: given twice" },
		{ TIER "[tier known]\nthreshold = 4\n", ":5: [tier known] threshold: given twice" },
		/* lines */
		{ "[general]\ntimeout_ms = 500 ; half\n",
		  ":2: a comment must be on a line of its own: \"timeout_ms = 500 ; half\"" },
		{ "[general]\ntimeout_ms = 500\t;half\n",
		  ":2: a comment must be on a line of its own" },
		{ "[general] ; c\n", ":1: a comment must be on a line of its own" },
		{ "[general]\ntimeout_ms\n", ":2: expected key = value: \"timeout_ms\"" },
		{ "[general]\ntimeout_ms: 500\n", ":2: expected key = value" },
		{ "[general\ntimeout_ms = 500\n", ":1: bad section header: \"[general\"" },
		{ "[general] x\n", ":1: bad section header" },
		{ "[general][dns]\n", ":1: bad section header" },
		{ "[general] timeout_ms = 5 ]\n", ":1: bad section header" },
		{ "[dnsbl xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		  "x]\n",
		  ":1: bad section header" },
		/* continued values */
		{ "[dns]\ncache_min = 60\n  cache_max = 1h\n",
		  ":3: indented, so it would continue the value above; remove the indentation: "
		  "\"cache_max = 1h\"" },
		{ "[dns]\ncache_min = 60\n  [general]\n", ":3: indented, so it would continue" },
		{ "[dns]\ncache_min = 60\n\t[tier x]\n", ":3: indented, so it would continue" },
		{ "[general]\ntimeout_ms = 500\n  5\n",
		  ":2: [general] timeout_ms: \"500 5\": expected a whole number" },
		{ "[dns]\ncache_min =\n# c\n  soon\n\n[general]\n",
		  ":2: [dns] cache_min: \"soon\": expected a duration" },
		{ "[dns]\ncache_min = 60\n\n  5\n", ":4: expected key = value: \"5\"" },
		{ "[dns]\n  5\n", ":2: expected key = value: \"5\"" },
		{ "  5\n", ":1: expected key = value: \"5\"" },
		{ "[dns]\n  cache_min = 60\n  5\n", ":3: expected key = value: \"5\"" },
		{ "[allow]\naddresses =\n  192.0.2.1 ; office\n",
		  ":3: a comment must be on a line of its own" },
		{ "[report]\ncomment = " X100 X100 "\n " X10 X10 X10 X10 X10 "xxxxx\n",
		  ":2: [report] comment: \"xxx" },
		/* needed */
		{ "[tier known]\nthreshold = 3\n", ":1: [tier known] lacks \"bantime\"" },
		{ "[tier known]\nbantime = 1d\n", ":1: [tier known] lacks \"threshold\"" },
		{ "[dnsbl a]\nzone = a.b\n", ":1: [dnsbl a] lacks \"points\"" },
		{ "[dnsbl a]\npoints = *3\n", ":1: [dnsbl a] lacks \"zone\"" },
		{ "[dnsbl a]\nenabled = no\n", ":1: [dnsbl a] lacks \"zone\"" },
		/* together */
		{ TIER "[tier b]\nthreshold=3\nbantime=2d\n",
		  ":4: [tier b] has the same threshold as [tier known]" },
		{ "[dns]\ncache_min = 2h\n", ": [dns] cache_min is over cache_max" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		puts_to(path, rows[i].text);
		refused(path, IPREP_E_CONFIG, rows[i].rest);
	}
}

/* section, key and value; what is wrong with it, NULL: nothing */
TEST(values_are_held_to_their_type_and_bounds)
{
	static const struct {
		const char *section, *key, *value, *what;
	} rows[] = {
		{ "general", "timeout_ms", "100", NULL },
		{ "general", "timeout_ms", "60000", NULL },
		{ "general", "timeout_ms", "99", "expected a whole number from 100 to 60000" },
		{ "general", "timeout_ms", "60001", "expected a whole number" },
		{ "general", "timeout_ms", "", "expected a whole number" },
		{ "general", "timeout_ms", "5s", "expected a whole number" },
		{ "general", "timeout_ms", "5000 # c", "expected a whole number" },
		{ "general", "timeout_ms", "99999999999999999999", "expected a whole number" },
		{ "general", "ipv6_prefix", "32", NULL },
		{ "general", "ipv6_prefix", "128", NULL },
		{ "general", "ipv6_prefix", "31", "whole number from 32 to 128" },
		{ "general", "ipv6_prefix", "129", "whole number from 32 to 128" },
		{ "general", "state", "", "expected an absolute path" },
		{ "general", "state", "iprep.db", "expected an absolute path" },
		{ "general", "state", "/var/lib/", "expected a file, not a directory" },
		{ "abuseipdb", "ca_file", "", NULL },
		{ "abuseipdb", "key_file", "", NULL },
		{ "abuseipdb", "ca_file", "ca.pem", "expected an absolute path" },
		{ "dns", "cache_min", "1", NULL },
		{ "dns", "cache_min", "0", "from 1 to 86400 seconds" },
		{ "dns", "cache_max", "7d", NULL },
		{ "dns", "cache_max", "8d", "expected a duration" },
		{ "report", "interval", "15m", NULL },
		{ "report", "interval", "899", "from 900 to " },
		{ "worker", "linger", "0", NULL },
		{ "worker", "linger", "301", "from 0 to 300 seconds" },
		{ "dns", "resolvers", "127.0.0.1:5353, [::1]:53 192.0.2.1 [::1] 2a02::1", NULL },
		{ "dns", "resolvers", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 ::7 ::8",
		  NULL },
		{ "dns", "resolvers", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 ::7 ::8 ::9",
		  "more than 8 resolvers" },
		{ "dns", "resolvers", "localhost", "expected addresses such as" },
		{ "dns", "resolvers", "127.0.0.1:0", "expected addresses such as" },
		{ "dns", "resolvers", "127.0.0.1:65536", "expected addresses such as" },
		{ "dns", "resolvers", "[::1]53", "expected addresses such as" },
		{ "dns", "resolvers", "fe80::1%eth0", "expected addresses such as" },
		{ "abuseipdb", "url", "https://api.example.org/v2", NULL },
		{ "abuseipdb", "url", "http://127.0.0.1:8080/v2", NULL },
		{ "abuseipdb", "url", "http://[::1]/v2", NULL },
		{ "abuseipdb", "url", "http://localhost:8080", NULL },
		{ "abuseipdb", "url", "http://127.0.0.1", NULL },
		{ "abuseipdb", "url", "http://api.example.org", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://127.example.org/v2", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://127.0.0.1.example.org", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://localhost.example.org", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://localhosts:80/v2", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://[::1].example.org", "http:// only to loopback" },
		{ "abuseipdb", "url", "http://127.0.0.1@example.org", "expected https://" },
		{ "abuseipdb", "url", "ftp://127.0.0.1", "expected https://" },
		{ "abuseipdb", "url", "", "expected https://" },
		{ "abuseipdb", "url", "https://", "not a plain URL" },
		{ "abuseipdb", "url", "https://a/", "not a plain URL without a slash at its end" },
		{ "abuseipdb", "url", "https://a?b=c", "not a plain URL" },
		{ "abuseipdb", "url", "https://u@a", "not a plain URL" },
		{ "abuseipdb", "proxy", "", NULL },
		{ "abuseipdb", "proxy", "http://proxy.example.org:3128", NULL },
		{ "abuseipdb", "proxy", "proxy.example.org:3128", NULL },
		{ "abuseipdb", "proxy", "socks5h://[::1]:1080", NULL },
		{ "abuseipdb", "proxy", "http://127.0.0.1:3128 # ours",
		  "expected a proxy such as" },
		{ "abuseipdb", "proxy", "http://user:pass@proxy", "expected a proxy such as" },
		{ "abuseipdb", "proxy", "http://", "expected a proxy such as" },
		{ "abuseipdb", "points", "100*10", NULL },
		{ "abuseipdb", "points", "127.0.0.2*3",
		  "expected * and points at \"127>.<0.0.2*3\"" },
		{ "abuseipdb", "points", "256*3", "a number is over 255 at \"25>6<*3\"" },
		{ "abuseipdb", "check", "never", NULL },
		{ "abuseipdb", "check", "Always", "undecided, always or never" },
		{ "report", "categories", "ssh,brute-force", NULL },
		{ "report", "categories", "", "such as 18,22" },
		{ "report", "categories", "18 22", NULL },
		{ "report", "categories", "brut-force", "such as 18,22" },
		{ "report", "comment", "%{jail}%{failures}%{users}%{window} 100%", NULL },
		{ "report", "comment", "from %{ip}", "knows only %{jail}" },
		{ "report", "comment", "%{jail", "knows only" },
		{ "report", "comment", "caf\xc3\xa9 %{jail}", NULL },
		{ "report", "comment", "caf\xe9", "not UTF-8" },
		{ "report", "skip_jails", "", NULL },
		{ "report", "skip_jails", X10 X10 X10 X10 X10 X10 "xxxx",
		  "a name has more than 63 bytes" },
		{ "allow", "addresses", "192.0.2.0/24, 2a02::/16\t45.1.1.1", NULL },
		{ "allow", "addresses", "192.0.2.1/24", "expected addresses or prefixes" },
		{ "allow", "addresses", "example.org", "expected addresses or prefixes" },
		{ "worker", "start", "none", NULL },
		{ "worker", "start", "systemd", "expected spawn or none" },
		{ "worker", "max_new_blocks", "1/1", NULL },
		{ "worker", "max_new_blocks", "2000", "rate such as 2000/1h" },
		{ "worker", "max_new_blocks", "0/1h", "rate such as" },
		{ "worker", "max_new_blocks", "5/0", "rate such as" },
		{ "worker", "max_new_blocks", "1000001/1h", "rate such as" },
		{ "worker", "max_new_blocks", "/1h", "rate such as" },
		{ "retention", "findings", "1h", NULL },
		{ "retention", "findings", "59m", "expected a duration" },
		{ "retention", "reports", "366d", NULL },
		{ "retention", "reports", "367d", "expected a duration" },
		{ "tier a", "threshold", "0", "from 1 to 1000" },
		{ "tier a", "threshold", "1001", "from 1 to 1000" },
		{ "tier a", "bantime", "59", "from 60 to " },
		{ "tier a", "bantime", "3654d", "to 315619200 seconds" },
		{ "tier a", "bantime", "-1", "expected a duration" },
		{ "dnsbl a", "zone", "", "1 to 189 characters" },
		{ "dnsbl a", "zone", "a..b", "empty or overlong label" },
		{ "dnsbl a", "zone", ".a", "empty or overlong label" },
		{ "dnsbl a", "zone", "a b", "only letters, digits" },
		{ "dnsbl a", "zone", "%{key:k}.a", "absolute/path" },
		{ "dnsbl a", "zone", "%{user}.a", "absolute/path" },
		{ "dnsbl a", "zone", "%{key:/k.a", "absolute/path" },
		{ "dnsbl a", "zone", "a%{key:/k}.b", "label of its own" },
		{ "dnsbl a", "zone", "%{key:/k}", "label of its own" },
		{ "dnsbl a", "zone", "%{key:/k}.%{key:/l}", "not a zone name" },
		{ "dnsbl a", "zone", X10 X10 X10 X10 X10 X10 "xxxx.b", "empty or overlong label" },
		{ "dnsbl a", "points", "127.0.0.[4..1]*3",
		  "a range runs downwards at \"127.0.0.[4..>1<]*3\"" },
		{ "dnsbl a", "points", "", "no entry" },
		{ "dnsbl a", "enabled", "true", "expected yes or no" },
	};
	char text[400], rest[400];

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(text, sizeof(text), "[%s]\n%s = %s\n", rows[i].section, rows[i].key,
			 rows[i].value);
		puts_to(path, text);
		if (rows[i].what) {
			struct conf *c = NULL;
			struct err e;

			snprintf(rest, sizeof(rest), "%s:2: [%s] %s: \"", path, rows[i].section,
				 rows[i].key);
			if (conf_load(path, false, &c, &e) != IPREP_E_CONFIG ||
			    strncmp(e.text, rest, strlen(rest)) || !strstr(e.text, rows[i].what))
				fail_msg("%s = %s: %s", rows[i].key, rows[i].value,
					 c ? "taken" : e.text);
		} else {
			conf_free(load());
		}
	}
}

TEST(a_nul_byte_is_refused_wherever_it_stands)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *rest;
	} rows[] = {
		{ "[general]\ntimeout_ms = 500\0"
		  "0\n",
		  29, ":2: NUL byte in line" },
		{ "[general]\n\0timeout_ms = 500\n", 28, ":2: NUL byte in line" },
		{ "[general]\ntimeout_ms = 500\0", 27, ":2: NUL byte in line" },
		{ "# a\0b\n", 6, ":1: NUL byte in line" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		put(path, rows[i].bytes, rows[i].n);
		refused(path, IPREP_E_CONFIG, rows[i].rest);
	}
}

TEST(foreign_bytes_in_messages_are_masked)
{
	static const struct mistake rows[] = {
		{ "[general]\nti\033[31me = 5\n", ":2: [general] unknown key \"ti?[31me\"" },
		{ "[tier \033[0m]\nthreshold = 5\n", ":1: bad name" },
		{ "[g\033]\na = 5\n", ":1: unknown section: \"g?\"" },
		{ "[general]\ntimeout_ms = \033[2J\n",
		  ":2: [general] timeout_ms: \"?[2J\": expected" },
		{ "[dnsbl a]\npoints = 127.0.0.\033*3\n",
		  ":2: [dnsbl a] points: \"127.0.0.?*3\": a number is missing at \"127.0.0.>?<*3\"" },
		{ "[dnsbl a\033]\nfoo = 1\n",
		  ":1: bad name (lower-case letters, digits, '-', '_'): \"a?\"" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		puts_to(path, rows[i].text);
		refused(path, IPREP_E_CONFIG, rows[i].rest);
	}
}

TEST(blanks_line_ends_and_comments_do_not_matter)
{
	static const char *const rows[] = {
		"[general]\ntimeout_ms=700\n",
		"[general]\r\ntimeout_ms = 700\r\n",
		"  [general]\n\ttimeout_ms\t=\t700  \n",
		"[general]\ntimeout_ms = 700",
		"# a = [b\n; c\n\n[general]\n  # d: e\ntimeout_ms = 700\n",
		"[dns]\n[general]\ntimeout_ms = 700\n[general]\nipv6_prefix = 64\n",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *c;

		puts_to(path, rows[i]);
		c = load();
		assert_int_equal(c->timeout_ms, 700);
		conf_free(c);
	}
}

TEST(indented_lines_continue_a_value)
{
	static const char *const rows[] = {
		"[report]\ncomment = one\n two\n\tthree\n",
		"[report]\ncomment =\n  one\n  two   \r\n\tthree",
		"[report]\ncomment = one two\n# a comment\n  ; another\n    three\n\n",
		"[report]\n comment = one\n  two\n   three\n[dns]\n",
		"[report]\n  comment = one\n   two three\n  interval = 1d\n",
	};
	struct conf *c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		puts_to(path, rows[i]);
		c = load();
		assert_string_equal(c->comment, "one two three");
		conf_free(c);
	}
	puts_to(path, "[allow]\naddresses = 192.0.2.1,\n  # the office\n  2001:db8::/32\n"
		      "\t198.51.100.0/24\n[abuseipdb]\npoints =\n  [90..99]*3\n  100*10\n");
	c = load();
	assert_int_equal(c->nallow, 3);
	assert_int_equal(c->allow[1].bits, 32);
	assert_int_equal(c->api_points.nentries, 2);
	conf_free(c);
}

TEST(as_many_addresses_fit_as_may_be_given)
{
	for (int more = 0; more < 2; more++) {
		struct conf *c = NULL;
		struct err e;
		FILE *fp = fopen(path, "w");

		(void)state;
		assert_non_null(fp);
		fprintf(fp, "[allow]\naddresses =\n");
		for (int i = 0; i < CONF_ALLOW_MAX + more; i++)
			fprintf(fp, "  2001:0db8:0001:0002:0003:0004:0005:%04x/128\n", i);
		fclose(fp);
		assert_int_equal(conf_load(path, false, &c, &e), more ? IPREP_E_CONFIG : 0);
		if (more)
			assert_non_null(strstr(e.text, "more than 64 addresses"));
		else
			assert_int_equal(c->nallow, CONF_ALLOW_MAX);
		conf_free(c);
	}
}

/* A line of just the limit, and one byte over it; the same for a value of two lines. */
TEST(lines_and_values_have_a_limit)
{
	enum { LIMIT = 4096 };
	static char text[2 * LIMIT];
	int n;

	n = snprintf(text, sizeof(text), "# %*s", LIMIT - 2, "x");
	assert_int_equal(n, LIMIT);
	puts_to(path, text);
	conf_free(load());
	text[n] = 'x';
	puts_to(path, text);
	refused(path, IPREP_E_CONFIG, ":1: line longer than 4096 bytes");
	memset(text, 0, sizeof(text));
	n = sprintf(text, "[report]\ncomment = x\n ");
	memset(text + n, 'x', LIMIT - 2);
	puts_to(path, text);
	refused(path, IPREP_E_CONFIG, ":2: [report] comment: ");
	text[n + LIMIT - 2] = 'x';
	puts_to(path, text);
	refused(path, IPREP_E_CONFIG, ":3: [report] comment: longer than 4096 bytes");
}

TEST(the_longest_comment_is_taken_whole)
{
	char text[300] = "[report]\ncomment = ";
	struct conf *c;

	memset(text + strlen(text), 'x', CONF_TEXT_MAX - 1);
	puts_to(path, text);
	c = load();
	assert_int_equal(strlen(c->comment), CONF_TEXT_MAX - 1);
	conf_free(c);
	text[strlen(text)] = 'x';
	puts_to(path, text);
	refused(path, IPREP_E_CONFIG, ":2: [report] comment: ");
}

TEST(tiers_are_in_the_order_of_their_scores)
{
	struct conf *c;

	puts_to(path,
		"[tier c]\nthreshold=30\nbantime=60\n[tier a]\nthreshold=1\nbantime=2h\n[tier b]\nbantime=1w\nthreshold=7\n");
	c = load();
	assert_int_equal(c->ntiers, 3);
	assert_int_equal(conf_tier_row(c, "a"), 0);
	assert_int_equal(conf_tier_row(c, "b"), 1);
	assert_int_equal(conf_tier_row(c, "c"), 2);
	assert_int_equal(conf_tier_row(c, "d"), -1);
	assert_int_equal(c->tiers[0].bantime_s, 7200);
	assert_int_equal(c->tiers[1].bantime_s, 604800);
	conf_free(c);
}

TEST(one_tier_or_list_too_many_is_refused)
{
	static const struct {
		int fit;
		const char *what;
	} rows[] = {
		{ TIERS_MAX, "more than 16 tiers" },
		{ SOURCES_MAX - 1, "more than 62 lists" },
	};

	for (size_t i = 0; i < 2; i++) {
		for (int more = 0; more < 2; more++) {
			struct conf *c = NULL;
			FILE *fp = fopen(path, "w");
			struct err e;

			assert_non_null(fp);
			for (int k = 1; k <= rows[i].fit + more; k++) {
				if (i == 0)
					fprintf(fp, "[tier t%d]\nthreshold = %d\nbantime = 60\n", k,
						k);
				else
					fprintf(fp, "[dnsbl l%d]\nzone = z%d\npoints = *1\n", k, k);
			}
			fclose(fp);
			assert_int_equal(conf_load(path, false, &c, &e), more ? IPREP_E_CONFIG : 0);
			if (more)
				assert_non_null(strstr(e.text, rows[i].what));
			conf_free(c);
		}
	}
}

TEST(lists_stand_in_file_order_and_abuseipdb_last)
{
	struct conf *c;

	puts_to(path,
		"[dnsbl z]\nzone=z.org\npoints=127.0.0.2*3 127.0.0.3*-1\n"
		"[dnsbl off]\nzone=o.org\npoints=*9\nenabled=no\n"
		"[dnsbl good]\nzone=g.org\npoints=*-4\nenabled=YES\n[abuseipdb]\npoints=[90..100]*6\n");
	c = load();
	assert_int_equal(c->nsources, 2);
	assert_string_equal(c->sources[0].name, "z");
	assert_string_equal(c->sources[0].zone, "z.org");
	assert_int_equal(c->sources[0].least, -1);
	assert_int_equal(c->sources[0].most, 3);
	assert_string_equal(c->sources[1].name, "good");
	assert_int_equal(c->sources[1].most, 0);
	assert_int_equal(c->abuseipdb, -1);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(conf_enable_abuseipdb(c), 0);
		assert_int_equal(c->nsources, 3);
		assert_int_equal(c->abuseipdb, 2);
	}
	assert_int_equal(c->sources[2].type, SOURCE_ABUSEIPDB);
	assert_int_equal(c->sources[2].most, 6);
	assert_true(c->sources[2].costs);
	conf_free(c);
}

TEST(only_positive_points_can_ever_block)
{
	static const struct {
		const char *text;
		bool gives;
	} rows[] = {
		{ "", false },
		{ "[dnsbl a]\nzone=a\npoints=*-4\n", false },
		{ "[dnsbl a]\nzone=a\npoints=*4\nenabled=no\n", false },
		{ "[dnsbl a]\nzone=a\npoints=127.0.0.2*1 *-4\n", true },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct conf *c;

		puts_to(path, rows[i].text);
		c = load();
		assert_int_equal(conf_gives_points(c), rows[i].gives);
		assert_int_equal(conf_enable_abuseipdb(c), 0);
		assert_true(conf_gives_points(c));
		conf_free(c);
	}
}

TEST(local_wins_key_by_key_and_adds_sections)
{
	struct conf *c;

	puts_to(path,
		"[general]\ntimeout_ms=700\nipv6_prefix=64\n[report]\nskip_jails=a b c\n[allow]\naddresses=192.0.2.1\n" TIER
		"[dnsbl a]\nzone=a.org\npoints=*3\n[dnsbl b]\nzone=b.org\npoints=*3\n");
	puts_to(local,
		"[general]\ntimeout_ms=900\n[report]\nskip_jails=d\n[allow]\naddresses=\n[tier known]\nthreshold=5\n"
		"[tier more]\nthreshold=4\nbantime=2d\n[dnsbl a]\nenabled=no\n[dnsbl b]\npoints=*7\n");
	c = load();
	assert_int_equal(c->timeout_ms, 900);
	assert_int_equal(c->ipv6_prefix, 64);
	assert_int_equal(c->nskip_jails, 1);
	assert_false(conf_skips_jail(c, "a"));
	assert_true(conf_skips_jail(c, "d"));
	assert_int_equal(c->nallow, 0);
	assert_int_equal(c->ntiers, 2);
	assert_int_equal(conf_tier_row(c, "known"), 1);
	assert_int_equal(c->tiers[1].bantime_s, 86400);
	assert_int_equal(c->nsources, 1);
	assert_string_equal(c->sources[0].zone, "b.org");
	assert_int_equal(c->sources[0].most, 7);
	conf_free(c);
}

TEST(a_mistake_in_local_names_the_local_file)
{
	static const struct mistake rows[] = {
		{ "[general]\ntimeout = 5\n", ":2: [general] unknown key \"timeout\"" },
		{ "[general]\ntimeout_ms = 700\ntimeout_ms = 700\n",
		  ":3: [general] timeout_ms: given twice" },
		{ "\n[tier late]\nthreshold = 9\n", ":2: [tier late] lacks \"bantime\"" },
		{ "[tier late]\nthreshold = 3\nbantime = 1d\n",
		  ":1: [tier late] has the same threshold as [tier known]" },
	};

	puts_to(path, "[general]\ntimeout_ms = 500\n" TIER);
	for (size_t i = 0; i < COUNT(rows); i++) {
		puts_to(local, rows[i].text);
		refused(local, IPREP_E_CONFIG, rows[i].rest);
	}
}

TEST(files_that_others_could_write_are_refused)
{
	static const struct {
		mode_t mode;
		uid_t user;
		gid_t group;
		bool safe;
	} rows[] = {
		{ 0644, 0, 0, true },	      { 0600, 0, 0, true },
		{ 0640, 0, SOMEBODY, true },  { 0664, 0, 0, true },
		{ 0664, 0, SOMEBODY, false }, { 0646, 0, 0, false },
		{ 0666, 0, 0, false },	      { 0602, 0, 0, false },
		{ 0644, SOMEBODY, 0, false }, { 0400, SOMEBODY, SOMEBODY, false },
	};
	const char *const files[] = { path, local };

	if (geteuid())
		skip();
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (int k = 0; k < 2; k++) {
			char rest[80];

			puts_to(path, TIER);
			puts_to(local, "");
			assert_int_equal(chown(files[k], rows[i].user, rows[i].group), 0);
			assert_int_equal(chmod(files[k], rows[i].mode), 0);
			snprintf(rest, sizeof(rest), ": unsafe owner or mode (user %u, mode %03o)",
				 (unsigned)rows[i].user, (unsigned)rows[i].mode);
			if (rows[i].safe)
				conf_free(load());
			else
				refused(files[k], IPREP_E_PERM, rest);
		}
	}
}

TEST(what_is_no_readable_file_is_refused)
{
	struct conf *c = NULL;
	struct err e;
	int r;

	refused(path, IPREP_E_CONFIG, ": No such file");
	assert_int_equal(conf_load(path, true, &c, &e), 0);
	assert_int_equal(c->ntiers, 0);
	c = conf_free(c);
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, IPREP_E_PERM, ": not a regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(path, IPREP_E_PERM, ": not a regular file");
	rmdir(path);
	if (geteuid())
		return;
	puts_to(path, TIER);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	r = conf_load(path, true, &c, &e);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(r, IPREP_E_PERM);
	assert_null(c);
}

TEST(allowed_addresses_and_skipped_jails_are_found)
{
	static const struct {
		const char *addr;
		bool allowed;
	} rows[] = {
		{ "192.0.2.0", true },	     { "192.0.2.255", true }, { "192.0.3.0", false },
		{ "2a02::1", true },	     { "2a03::", false },     { "45.1.1.1", true },
		{ "::ffff:45.1.1.1", true }, { "45.1.1.2", false },
	};
	static const struct {
		const char *jail;
		bool skipped;
	} jails[] = {
		{ "recidive", true },
		{ "rep-sshd-ambiguous", true },
		{ "rep-ambiguous", false },
		{ "sshd", false },
		{ "", false },
	};
	struct conf *c;
	struct addr a;

	puts_to(path, "[allow]\naddresses = 192.0.2.0/24 2a02::/16,45.1.1.1\n");
	c = load();
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(addr_parse(rows[i].addr, &a));
		if (conf_allowed(c, &a) != rows[i].allowed)
			fail_msg("%s", rows[i].addr);
	}
	for (size_t i = 0; i < COUNT(jails); i++)
		if (conf_skips_jail(c, jails[i].jail) != jails[i].skipped)
			fail_msg("%s", jails[i].jail);
	conf_free(c);
}

TEST(resolvers_are_addresses_with_or_without_a_port)
{
	static const struct {
		const char *text, *addr; /* NULL: refused */
		int port;
	} rows[] = {
		{ "127.0.0.1", "127.0.0.1", 53 },
		{ "127.0.0.1:5353", "127.0.0.1", 5353 },
		{ "127.0.0.1:65535", "127.0.0.1", 65535 },
		{ "::1", "::1", 53 },
		{ "[::1]", "::1", 53 },
		{ "[2001:db8::1]:1", "2001:db8::1", 1 },
		{ "::ffff:192.0.2.1", "192.0.2.1", 53 },
		{ "", NULL, 0 },
		{ "localhost", NULL, 0 },
		{ "127.0.0.1:", NULL, 0 },
		{ "127.0.0.1:0", NULL, 0 },
		{ "127.0.0.1:65536", NULL, 0 },
		{ "127.0.0.1:53x", NULL, 0 },
		{ "127.0.0.1:-1", NULL, 0 },
		{ "127.0.0.1 53", NULL, 0 },
		{ "127.0.0.1,", NULL, 0 },
		{ "[127.0.0.1]:53", NULL, 0 },
		{ "[::1", NULL, 0 },
		{ "[::1]53", NULL, 0 },
		{ "[::1]:", NULL, 0 },
		{ "::1]:53", NULL, 0 },
		{ "fe80::1%eth0", NULL, 0 },
		{ "1.2.3", NULL, 0 },
		{ "1::2::3", NULL, 0 },
		{ "[0123456789012345678901234567890123456789012345678901234567890123]", NULL, 0 },
	};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct resolver resolver = { .port = 7 };

		if (resolver_parse(rows[i].text, &resolver) != !!rows[i].addr)
			fail_msg("\"%s\"", rows[i].text);
		assert_int_equal(resolver.port, rows[i].addr ? rows[i].port : 7);
		if (rows[i].addr)
			assert_string_equal(addr_text(&resolver.addr, text), rows[i].addr);
	}
}

/* ---- the file we install ---- */

static char *shipped(void)
{
	static char text[20000];
	FILE *fp = fopen(SOURCE_DIR "/fail2ban/iprep.conf", "r");
	size_t n;

	assert_non_null(fp);
	n = fread(text, 1, sizeof(text) - 1, fp);
	fclose(fp);
	assert_true(n >= 1000 && n < sizeof(text) - 1);
	text[n] = '\0';
	return text;
}

/* Visit each "key = value" of text with the kind of its section: general, tier, dnsbl ... */
static void each_key(char *text,
		     void (*fn)(const char *kind, const char *key, const char *value, void *user),
		     void *user)
{
	char kind[64] = "", key[64], value[256], *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '#')
			continue;
		if (sscanf(line, "[%63[a-z]", kind) == 1)
			continue;
		*value = '\0';
		if (sscanf(line, "%63[a-z_0-9] = %255[^\n]", key, value) < 1)
			fail_msg("line \"%s\"", line);
		fn(kind, key, value, user);
	}
}

static const struct conf_key_info *row_of(const char *kind, const char *key, size_t *ret_i)
{
	const struct conf_key_info *k;

	for (*ret_i = 0; (k = conf_key_at(*ret_i)); ++*ret_i)
		if (!strcmp(k->section, kind) && !strcmp(k->name, key))
			return k;
	return NULL;
}

static void note(const char *kind, const char *key, const char *value, void *user)
{
	bool *seen = user, named = !strcmp(kind, "tier") || !strcmp(kind, "dnsbl");
	const struct conf_key_info *k;
	size_t i;

	k = row_of(kind, key, &i);
	if (!k)
		fail_msg("[%s] %s is in iprep.conf and not in the table", kind, key);
	if (!named && strcmp(value, k->default_text))
		fail_msg("[%s] %s: iprep.conf has \"%s\", the table \"%s\"", kind, key, value,
			 k->default_text);
	seen[i] = true;
}

TEST(the_shipped_file_has_every_key_with_its_default_and_no_other)
{
	bool seen[64] = { false };
	const struct conf_key_info *k;
	size_t i;

	each_key(shipped(), note, seen);
	for (i = 0; (k = conf_key_at(i)); i++)
		if (!seen[i])
			fail_msg("[%s] %s is not in iprep.conf", k->section, k->name);
	assert_true(i >= 20 && i <= 63);
	assert_null(conf_key_at(i + 1));
}

TEST(the_shipped_file_loads_and_differs_from_no_file_in_tiers_and_lists_alone)
{
	static const struct {
		const char *name;
		int most;
	} lists[] = { { "blocklist.de", 3 }, { "dnswl", 0 } };
	struct conf *c, *d;

	puts_to(path, shipped());
	c = load();
	assert_int_equal(conf_new(&d), 0);
	assert_int_equal(c->ntiers, 2);
	assert_int_equal(c->nsources, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(c->sources[i].name, lists[i].name);
		assert_int_equal(c->sources[i].most, lists[i].most);
	}
	/* what is left over must be the defaults, byte by byte */
	free(c->sources);
	c->sources = NULL;
	c->nsources = c->ntiers = 0;
	memset(c->tiers, 0, sizeof(c->tiers));
	assert_memory_equal(c, d, sizeof(*c));
	conf_free(c);
	conf_free(d);
}

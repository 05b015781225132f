/* SPDX-License-Identifier: MIT */
/*
 * rep-check - what is known about an address? For people, and for fail2ban's ignorecommand
 *
 * By hand it looks up now and prints; as a gate it answers from disk, in milliseconds, with
 * 10 (count this line) or 0, whatever happens.
 */
#include "rep-check/allowed.h"
#include "rep-check/blocks.h"
#include "rep-check/bulk.h"
#include "rep-check/hook.h"
#include "rep-check/lookup.h"
#include "rep-check/self_test.h"
#include "rep-check/serve.h"
#include "rep-check/sources.h"
#include "common/cli.h"
#include "common/limit.h"
#include "common/since.h"
#include "common/text.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: rep-check [OPTION]... ADDRESS...\n"
	"       rep-check --file FILE|-\n"
	"       rep-check --gate [--user NAME] [--jail NAME] [--restored X] -- ADDRESS\n"
	"       rep-check --gate --serve\n"
	"       rep-check --login -- ADDRESS\n"
	"       rep-check --is-blocked -- ADDRESS|PREFIX\n"
	"       rep-check --blocks [--new|--unmailed] [--sort ORDER] [--format NAME]\n"
	"                 [FILTER]...\n"
	"       rep-check --allowed [--format NAME]\n"
	"       rep-check --sources [--since TIME] [--overlap]\n"
	"       rep-check --ready | --self-test\n"
	"Look up the reputation of IP addresses in DNSBLs, feeds and AbuseIPDB, and show\n"
	"what is known of them: block, evidence, report, login, pardon. A FILTER of\n"
	"--blocks is --tier, --source, --since or --prefix.\n"
	"\n"
	"  -c, --config FILE   read FILE instead of /etc/iprep/iprep.conf\n"
	"      --cached        use only what is on disk, not the network\n"
	"      --fresh         query the sources even if answers are cached\n"
	"      --timeout MS    timeout for all sources together; with --file, for each\n"
	"                      address\n"
	"      --file FILE     look up every address of FILE, or of standard input if\n"
	"                      FILE is -; AbuseIPDB is not queried\n"
	"      --gate          for fail2ban's ignorecommand: exit 10 to count the line,\n"
	"                      0 to ignore it\n"
	"      --user NAME     gate: user name of a failed login; the line counts when\n"
	"                      the address has tried the number of distinct names set in\n"
	"                      [spray] users\n"
	"      --jail NAME     gate: the jail that runs the command\n"
	"      --restored X    gate: fail2ban's <restored> tag\n"
	"      --serve         gate: answer requests of standard input, one a line, until it\n"
	"                      ends; see rep-check(8)\n"
	"      --login         record a successful login, which prevents blocks below\n"
	"                      the highest tier\n"
	"      --is-blocked    exit 10 if ADDRESS is blocked, 0 if not (no network)\n"
	"      --blocks        list the blocked addresses with their evidence\n"
	"      --new           blocks: only blocks not yet listed with --new, with their\n"
	"                      undo commands\n"
	"      --unmailed      blocks: as --new, for the mail of iprep-notify\n"
	"      --tier NAME     blocks: only blocks of this tier\n"
	"      --source NAME   blocks: only blocks to which this source gave points\n"
	"      --since TIME    blocks: only blocks made since TIME: 7d (an age),\n"
	"                      2026-01-31 (UTC) or @SECONDS since 1970\n"
	"                      sources: count from the UTC day of TIME on\n"
	"      --prefix CIDR   blocks: only blocks inside or containing CIDR, such as\n"
	"                      192.0.2.0/24\n"
	"      --sort ORDER    blocks: sort by announced (oldest first, the default),\n"
	"                      address or end\n"
	"      --format NAME   blocks: text (default), or a complete file: nft (for nft\n"
	"                      -f), ipset (ipset restore), hosts.deny (libwrap), cidr\n"
	"                      (Postfix), rbldnsd\n"
	"                      allowed: text (default), or ignoreip, a file for ignoreip\n"
	"                      of fail2ban 1.1.1\n"
	"      --allowed       list the entries of section [allow], with their comments\n"
	"                      and what host names and SPF domains resolved to\n"
	"      --sources       list what each source was worth since --since, by default\n"
	"                      for 30 days\n"
	"      --overlap       sources: compare what each two of them list\n"
	"      --ready         check configuration, database and verdict log\n"
	"      --self-test     as --ready, and test the lists, the API key and\n"
	"                      fail2ban's jails\n"
	"      --fail2ban PATH self-test: path of fail2ban-client, if it is not in PATH\n"
	"  -j, --json          print one JSON object per line\n"
	"  -q, --quiet         print errors only\n"
	"  -v, --verbose       print each step on stderr\n"
	"  -h, --help          print this text and exit\n"
	"  -V, --version       print the version and exit\n"
	"\n"
	"Exit status: 0 clean, unlisted or exempt, 10 confirmed, 75 unknown, 64 usage,\n"
	"65 not an address, 69 no source gives points or the self-test failed, 70-78\n"
	"see rep-check(8)\n";

struct options {
	bool gate, serve, login, is_blocked, ready, self_test, blocks, allowed, cached, fresh, done;
	bool sources, overlap;
	struct gate_options hook;
	const char *file, *client;
	struct blocks_options list;
	long long timeout_ms;
};
enum {
	O_GATE = 256,
	O_LOGIN,
	O_IS_BLOCKED,
	O_USER,
	O_READY,
	O_SELF_TEST,
	O_CACHED,
	O_FRESH,
	O_TIMEOUT,
	O_JAIL,
	O_RESTORED,
	O_FILE,
	O_BLOCKS,
	O_NEW,
	O_UNMAILED,
	O_CLIENT,
	O_FORMAT,
	O_SORT,
	O_TIER,
	O_SINCE,
	O_SOURCE,
	O_PREFIX,
	O_ALLOWED,
	O_SOURCES,
	O_OVERLAP,
	O_SERVE
};
/* clang-format off */
static const struct option longs[] = {
	{ "config", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { "quiet", 0, NULL, 'q' },
	{ "verbose", 0, NULL, 'v' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' },
	{ "gate", 0, NULL, O_GATE }, { "login", 0, NULL, O_LOGIN }, { "user", 1, NULL, O_USER },
	{ "is-blocked", 0, NULL, O_IS_BLOCKED }, { "serve", 0, NULL, O_SERVE },
	{ "ready", 0, NULL, O_READY }, { "self-test", 0, NULL, O_SELF_TEST },
	{ "cached", 0, NULL, O_CACHED },
	{ "fresh", 0, NULL, O_FRESH }, { "timeout", 1, NULL, O_TIMEOUT },
	{ "jail", 1, NULL, O_JAIL },
	{ "restored", 1, NULL, O_RESTORED }, { "file", 1, NULL, O_FILE },
	{ "blocks", 0, NULL, O_BLOCKS }, { "allowed", 0, NULL, O_ALLOWED }, { "new", 0, NULL, O_NEW },
	{ "unmailed", 0, NULL, O_UNMAILED }, { "sources", 0, NULL, O_SOURCES },
	{ "overlap", 0, NULL, O_OVERLAP },
	{ "format", 1, NULL, O_FORMAT }, { "sort", 1, NULL, O_SORT }, { "tier", 1, NULL, O_TIER },
	{ "since", 1, NULL, O_SINCE }, { "source", 1, NULL, O_SOURCE },
	{ "prefix", 1, NULL, O_PREFIX },
	{ "fail2ban", 1, NULL, O_CLIENT }, { NULL, 0, NULL, 0 },
};
/* clang-format on */

/* ---- options ---- */

static unsigned requested_lookup_flags(const struct options *options)
{
	unsigned flags = 0;

	if (options->cached)
		flags |= IPREP_CACHED;
	if (options->fresh)
		flags |= IPREP_FRESH;
	return flags;
}

/* Where the option is noted; NULL: it has a value, or is none of these. */
static bool *flag_of(struct options *options, int option)
{
	switch (option) {
	case O_GATE:
		return &options->gate;
	case O_SERVE:
		return &options->serve;
	case O_LOGIN:
		return &options->login;
	case O_IS_BLOCKED:
		return &options->is_blocked;
	case O_READY:
		return &options->ready;
	case O_SELF_TEST:
		return &options->self_test;
	case O_CACHED:
		return &options->cached;
	case O_FRESH:
		return &options->fresh;
	case O_BLOCKS:
		return &options->blocks;
	case O_ALLOWED:
		return &options->allowed;
	case O_SOURCES:
		return &options->sources;
	case O_OVERLAP:
		return &options->overlap;
	case O_NEW:
		return &options->list.only_new;
	case O_UNMAILED:
		return &options->list.only_unmailed;
	default:
		return NULL;
	}
}

/* The last value counts; see filter_of() for those that may be given once. */
static const char **option_value(struct options *options, int option)
{
	switch (option) {
	case O_USER:
		return &options->hook.user;
	case O_JAIL:
		return &options->hook.jail;
	case O_RESTORED:
		return &options->hook.restored;
	case O_FILE:
		return &options->file;
	case O_CLIENT:
		return &options->client;
	default:
		return NULL;
	}
}

static const char **filter_of(struct options *options, int option)
{
	switch (option) {
	case O_FORMAT:
		return &options->list.format;
	case O_SORT:
		return &options->list.sort;
	case O_TIER:
		return &options->list.tier;
	case O_SINCE:
		return &options->list.since;
	case O_SOURCE:
		return &options->list.source;
	case O_PREFIX:
		return &options->list.prefix;
	default:
		return NULL;
	}
}

static const char *name_of(int option)
{
	size_t i = 0;

	while (longs[i].name && longs[i].val != option)
		i++;
	return longs[i].name;
}

/* An option of rep-check alone, or one that getopt_long() refused. */
static int parse_own(struct cli *cli, struct options *options, int option, char **argv)
{
	bool *flag = flag_of(options, option);
	const char **value = option_value(options, option), **filter = filter_of(options, option);

	if (flag) {
		*flag = true;
		return EX_OK;
	}
	if (value) {
		*value = optarg;
		return EX_OK;
	}
	if (!filter)
		return cli_bad_option(cli, argv);
	if (*filter) /* half of the filters would give a wrong list */
		return cli_usage(cli, "--%s is given twice", name_of(option));
	*filter = optarg;
	return EX_OK;
}

static int parse_check_arguments(struct cli *cli, struct options *options, int argc, char **argv)
{
	int option, rc;

	while ((option = getopt_long(argc, argv, "c:jqvhV", longs, NULL)) != -1) {
		if (cli_take_option(cli, option))
			continue;
		switch (option) {
		case 'h':
			fputs(help, stdout);
			options->done = true;
			return EX_OK;
		case 'V':
			printf("rep-check %s\n", iprep_version());
			options->done = true;
			return EX_OK;
		case O_TIMEOUT:
			if (!number_parse(optarg, 1, 600000, &options->timeout_ms))
				return cli_usage(
					cli,
					"--timeout: \"%.40s\" is not a number of milliseconds "
					"from 1 to 600000",
					optarg);
			break;
		default:
			rc = parse_own(cli, options, option, argv);
			if (rc)
				return rc;
		}
	}
	if (options->cached && options->fresh)
		return cli_usage(cli, "--cached and --fresh exclude each other");
	return EX_OK;
}

/* Each mode excludes all others. */
static int check_modes(struct cli *cli, const struct options *options, int count,
		       char *const *addresses)
{
	const struct {
		bool given, address;
		const char *name;
	} modes[] = {
		{ options->gate, !options->serve, "gate" },
		{ options->login, true, "login" },
		{ options->is_blocked, true, "is-blocked" },
		{ options->ready, false, "ready" },
		{ options->self_test, false, "self-test" },
		{ options->blocks, false, "blocks" },
		{ options->allowed, false, "allowed" },
		{ options->sources, false, "sources" },
		{ options->file, false, "file" },
	};
	const char *mode = NULL;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (!modes[i].given)
			continue;
		if (mode)
			return cli_usage(cli, "--%s and --%s exclude each other", mode,
					 modes[i].name);
		mode = modes[i].name;
		if (modes[i].address && count != 1)
			return cli_usage(cli, "--%s takes one address, got %d", mode, count);
		if (!modes[i].address && count)
			return cli_usage(cli, "--%s takes no address, got %.100s", mode,
					 addresses[0]);
	}
	return EX_OK;
}

static int validate_check_options(struct cli *cli, struct options *options, int count,
				  char *const *addresses)
{
	int rc = check_modes(cli, options, count, addresses);
	int64_t at;

	if (rc)
		return rc;
	if (options->overlap && !options->sources)
		return cli_usage(cli, "--overlap goes with --sources");
	if (options->serve && !options->gate)
		return cli_usage(cli, "--serve goes with --gate");
	if (options->serve && (options->hook.user || options->hook.jail || options->hook.restored))
		return cli_usage(cli, "--serve: options of a line are in its request");
	if (options->blocks)
		return check_blocks_options(cli, &options->list);
	if (options->allowed) {
		rc = check_allowed_options(cli, options->list.format);
		if (rc)
			return rc;
	}
	if (options->list.only_new)
		return cli_usage(cli, "--new goes with --blocks");
	if (options->list.only_unmailed)
		return cli_usage(cli, "--unmailed goes with --blocks");
	for (size_t i = 0; longs[i].name; i++) {
		const char *const *filter = filter_of(options, longs[i].val);

		if (longs[i].val == O_FORMAT && options->allowed)
			continue;
		if (longs[i].val == O_SINCE && options->sources)
			continue;
		if (filter && *filter)
			return cli_usage(cli, "--%s goes with --blocks", longs[i].name);
	}
	if (options->sources)
		return since_check(cli, options->list.since, &at);
	return EX_OK;
}

/* ---- modes ---- */

static int run_check_command(struct cli *cli, struct options *options, int argc, char **argv)
{
	int rc = parse_check_arguments(cli, options, argc, argv);

	if (rc || options->done)
		return rc;
	rc = validate_check_options(cli, options, argc - optind, argv + optind);
	if (rc)
		return rc;
	if ((options->gate && !options->serve) || options->login || options->is_blocked ||
	    options->ready) {
		rc = limit_begin(cli);
		if (rc != LIMIT_CHILD)
			return rc;
	}
	rc = cli_open(cli);
	if (rc)
		return rc;
	if (options->serve)
		return check_serve(cli);
	if (options->gate)
		return check_gate(cli, &options->hook, argv[optind]);
	if (options->login)
		return check_login(cli, argv[optind]);
	if (options->is_blocked)
		return check_is_blocked(cli, argv[optind]);
	if (options->ready)
		return check_ready(cli);
	if (options->self_test)
		return check_self_test(cli, (int)options->timeout_ms,
				       text_or(options->client, "fail2ban-client"));
	if (options->blocks)
		return check_blocks(cli, &options->list);
	if (options->allowed)
		return check_allowed(cli, options->list.format);
	if (options->sources)
		return check_sources(cli, options->list.since, options->overlap);
	if (options->file)
		return check_file(cli, options->file, requested_lookup_flags(options),
				  (int)options->timeout_ms);
	return check_addresses(cli, argv + optind, argc - optind, requested_lookup_flags(options),
			       (int)options->timeout_ms);
}

/* Known before the options are parsed: a hook that is called wrongly must not ban either. Also
 * abbreviated, misspelled or with a value. */
static bool is_hook(int argc, char *const *argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strncmp(argv[i], "--ga", 4) || !strncmp(argv[i], "--lo", 4))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct cli cli;
	int status;

	cli_begin(&cli, "rep-check");
	cli.hook = is_hook(argc, argv);
	status = run_check_command(&cli, &options, argc, argv);
	status = cli_finish(&cli, status);
	/* fail2ban counts a line for any status but 0: a failure must never ban */
	if (cli.hook && status != EX_CONFIRMED)
		return EX_OK;
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * rep-report - record that an address attacked us; the worker that reports and looks up
 *
 * --enqueue is what fail2ban's actionban runs: disk only, on disk for good when it returns 0.
 */
#include "common/cli.h"
#include "common/confine.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/runner.h"
#include "common/text.h"
#include "rep-report/health.h"
#include "rep-report/metrics.h"
#include "rep-report/notify_settings.h"
#include "rep-report/status.h"
#include "rep-report/summary.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
	"Usage: rep-report [--enqueue] [OPTION]... -- ADDRESS\n"
	"       rep-report --flush [--linger SECONDS]\n"
	"       rep-report --retract [--force] ADDRESS\n"
	"       rep-report --status | --health | --notify-settings\n"
	"       rep-report --metrics FILE\n"
	"       rep-report --summary [--since TIME] [--format NAME]\n"
	"Report an attacking IP address to AbuseIPDB, at most once per [report]\n"
	"interval, and look it up. Without --enqueue both are done before the program\n"
	"ends.\n"
	"\n"
	"  -c, --config FILE      read FILE instead of /etc/iprep/iprep.conf\n"
	"      --enqueue          record the report and return; the worker does the rest\n"
	"      --categories LIST  AbuseIPDB categories, as numbers or names:\n"
	"                         ssh,brute-force\n"
	"      --comment TEXT     template of the comment, instead of [report] comment\n"
	"      --jail NAME        the jail that banned the address\n"
	"      --failures N       number of failures counted by the jail; 0: banned by\n"
	"                         hand, only looked up\n"
	"      --user NAME        a user name that the address tried; can be given\n"
	"                         several times\n"
	"      --time SECONDS     time of the attack, in seconds since 1970\n"
	"      --flush            run the worker: send reports, look up addresses,\n"
	"                         create blocks\n"
	"      --linger SECONDS   flush: time to wait for more work (default: [worker]\n"
	"                         linger)\n"
	"      --retract          cancel queued reports of ADDRESS, delete sent ones at\n"
	"                         AbuseIPDB\n"
	"      --force            retract: ask AbuseIPDB even if no report of ADDRESS is\n"
	"                         known\n"
	"      --status           print the queue, quotas, last errors and refused\n"
	"                         reports\n"
	"      --metrics FILE     write counters and current values to FILE, for\n"
	"                         Prometheus; -: stdout\n"
	"      --notify-settings  print section [notify], for iprep-notify\n"
	"      --summary          print what iprep did, and what each source was worth\n"
	"      --since TIME       summary: from the UTC day of TIME on: 7d (an age, the\n"
	"                         default), 2026-01-31 or @SECONDS since 1970\n"
	"      --format NAME      summary: text (default), json or html\n"
	"      --health           print what is wrong, as a monitoring plugin: exit\n"
	"                         status 0 OK, 1 warning, 2 critical, 3 unknown\n"
	"  -n, --dry-run          check arguments and configuration, but record and send\n"
	"                         nothing\n"
	"  -j, --json             print JSON\n"
	"  -q, --quiet            print errors only\n"
	"  -v, --verbose          print each step on stderr\n"
	"  -h, --help             print this text and exit\n"
	"  -V, --version          print the version and exit\n"
	"\n"
	"Exit status: 0 done or safely recorded, 64 usage, 65 not an address, 75 try\n"
	"again later, 70-78 see rep-report(8)\n";

#define USERS_MAX 64 /* as many as are counted */
struct options {
	bool enqueue, flush, retract, force, status, health, notify_settings, summary;
	long long linger_s, number;
	struct iprep_report report;
	const char *users[USERS_MAX];
	struct summary_options period;
	const char *metrics; /* the file; NULL: another mode */
};
enum {
	O_ENQUEUE = 256,
	O_FLUSH,
	O_LINGER,
	O_CATEGORIES,
	O_COMMENT,
	O_JAIL,
	O_FAILURES,
	O_TIME,
	O_USER,
	O_RETRACT,
	O_FORCE,
	O_STATUS,
	O_HEALTH,
	O_METRICS,
	O_NOTIFY_SETTINGS,
	O_SUMMARY,
	O_SINCE,
	O_FORMAT
};
/* clang-format off */
static const struct option longs[] = {
	{ "config", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { "quiet", 0, NULL, 'q' },
	{ "verbose", 0, NULL, 'v' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' },
	{ "dry-run", 0, NULL, 'n' }, { "enqueue", 0, NULL, O_ENQUEUE },
	{ "flush", 0, NULL, O_FLUSH },
	{ "linger", 1, NULL, O_LINGER }, { "categories", 1, NULL, O_CATEGORIES },
	{ "comment", 1, NULL, O_COMMENT }, { "jail", 1, NULL, O_JAIL },
	{ "failures", 1, NULL, O_FAILURES }, { "time", 1, NULL, O_TIME },
	{ "user", 1, NULL, O_USER }, { "retract", 0, NULL, O_RETRACT },
	{ "force", 0, NULL, O_FORCE },
	{ "notify-settings", 0, NULL, O_NOTIFY_SETTINGS }, { "health", 0, NULL, O_HEALTH },
	{ "metrics", 1, NULL, O_METRICS },
	{ "status", 0, NULL, O_STATUS }, { "summary", 0, NULL, O_SUMMARY },
	{ "since", 1, NULL, O_SINCE }, { "format", 1, NULL, O_FORMAT }, { NULL, 0, NULL, 0 },
};
/* clang-format on */

static int set_number(struct cli *cli, struct options *options, int byte)
{
	if (byte == O_TIME && *optarg != '<') {
		if (!seconds_parse(optarg, &options->number))
			return cli_usage(cli, "--time: \"%.40s\" is not a number of seconds",
					 optarg);
		if (options->number <= 0)
			return cli_usage(cli, "--time: %lld is before 1970", options->number);
		options->report.seen_at = options->number;
	} else if (byte == O_FAILURES && *optarg != '<') {
		if (!number_parse(optarg, 0, 1000000000, &options->number))
			return cli_usage(
				cli, "--failures: \"%.40s\" is not a number from 0 to 1000000000",
				optarg);
		options->report.failures = (int)options->number;
		options->report.by_hand = !options->number;
	} else if (byte == O_LINGER && !number_parse(optarg, 0, 300, &options->linger_s)) {
		return cli_usage(cli,
				 "--linger: \"%.40s\" is not a number of seconds from 0 to 300",
				 optarg);
	}
	return EX_OK;
}

/* Where the option is noted; NULL: it has a value, or is none of these. */
static bool *report_flag_of(struct options *options, int option)
{
	switch (option) {
	case O_ENQUEUE:
		return &options->enqueue;
	case O_FLUSH:
		return &options->flush;
	case O_RETRACT:
		return &options->retract;
	case O_FORCE:
		return &options->force;
	case O_STATUS:
		return &options->status;
	case O_HEALTH:
		return &options->health;
	case O_NOTIFY_SETTINGS:
		return &options->notify_settings;
	case O_SUMMARY:
		return &options->summary;
	default:
		return NULL;
	}
}

/* The last value counts. */
static const char **report_text_of(struct options *options, int option)
{
	switch (option) {
	case O_CATEGORIES:
		return &options->report.categories;
	case O_COMMENT:
		return &options->report.comment;
	case O_JAIL:
		return &options->report.jail;
	case O_METRICS:
		return &options->metrics;
	case O_SINCE:
		return &options->period.since;
	case O_FORMAT:
		return &options->period.format;
	default:
		return NULL;
	}
}

/* An option of rep-report alone, or one that getopt_long() refused. */
static int parse_report_option(struct cli *cli, struct options *options, int option, char **argv)
{
	bool *flag = report_flag_of(options, option);
	const char **text = report_text_of(options, option);

	if (option == O_HEALTH) {
		cli->plugin = true; /* also for errors of further options */
		cli->quiet = true;
	}
	if (flag) {
		*flag = true;
		return EX_OK;
	}
	if (text) {
		*text = optarg;
		return EX_OK;
	}
	switch (option) {
	case O_USER:
		if (options->report.nusers < USERS_MAX)
			options->users[options->report.nusers++] = optarg;
		return EX_OK;
	case O_LINGER:
	case O_TIME:
	case O_FAILURES:
		return set_number(cli, options, option);
	default:
		return cli_bad_option(cli, argv);
	}
}

static int parse_report_arguments(struct cli *cli, struct options *options, int argc, char **argv,
				  bool *ret_done)
{
	int option, rc;

	while ((option = getopt_long(argc, argv, "c:jqvhVn", longs, NULL)) != -1) {
		if (cli_take_option(cli, option))
			continue;
		switch (option) {
		case 'h':
			fputs(help, stdout);
			*ret_done = true;
			return EX_OK;
		case 'V':
			printf("rep-report %s\n", iprep_version());
			*ret_done = true;
			return EX_OK;
		default:
			rc = parse_report_option(cli, options, option, argv);
			if (rc)
				return rc;
		}
	}
	return EX_OK;
}

static void put_stats_json(const struct iprep_worker_stats *stats)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_int(&json, "lookups", (int64_t)stats->lookups);
	json_put_int(&json, "reports", (int64_t)stats->reports);
	json_put_int(&json, "blocks", (int64_t)stats->blocks);
	json_put_int(&json, "lines", (int64_t)stats->lines);
	json_put_int(&json, "failed", (int64_t)stats->failed);
	json_end(&json);
}

static int run_flush(struct cli *cli, const struct options *options)
{
	struct iprep_worker_stats worker_stats = { 0 };
	int rc = runner_start(cli);

	if (!rc)
		rc = cli_confine(cli);
	if (rc)
		return rc;
	rc = iprep_run_worker(cli->ctx, (int)options->linger_s, &worker_stats);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_stats_json(&worker_stats);
	else if (!cli->quiet)
		cli_print(cli,
			  "%zu looked up, %zu reported, %zu new block%s, %zu verdict line%s, "
			  "%zu to be retried or parked",
			  worker_stats.lookups, worker_stats.reports, worker_stats.blocks,
			  cli_plural((long long)worker_stats.blocks), worker_stats.lines,
			  cli_plural((long long)worker_stats.lines), worker_stats.failed);
	return EX_OK;
}

static void print_recorded(const char *address, int recorded)
{
	static const char *const names[] = { "report and lookup are queued", "lookup is queued",
					     "exempt: nothing was recorded" };

	printf("%s: %s\n", address, names[recorded]);
}

static int report_address(struct cli *cli, struct options *options, const char *address)
{
	int recorded = 0, rc;
	bool wake = false;

	options->report.address = address;
	options->report.users = options->users;
	if (cli->dry_run) {
		rc = iprep_validate_report(cli->ctx, &options->report);
		if (rc)
			return cli_fail(cli, rc);
		return EX_OK;
	}
	rc = iprep_record_report(cli->ctx, &options->report, &recorded, &wake);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->verbose)
		print_recorded(address, recorded);
	if (!wake)
		return EX_OK;
	if (options->enqueue) {
		cli_wake_worker(cli);
		return EX_OK;
	}
	options->linger_s = 0;
	rc = run_flush(cli, options);
	if (rc == EX_TEMPFAIL)
		return EX_OK;
	return rc; /* recorded; the running worker sends it */
}

static void put_retraction_json(const char *address, bool retracted, int64_t cancelled,
				int64_t deleted)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", address);
	json_put_bool(&json, "retracted", retracted);
	json_put_int(&json, "cancelled", cancelled);
	json_put_int(&json, "deleted", deleted);
	json_end(&json);
}

static int print_retraction(struct cli *cli, const char *address, int64_t cancelled,
			    const struct iprep_retraction *retraction)
{
	bool done = retraction->state == IPREP_RETRACT_DONE;
	const char *why = text_or(retraction->why, "");

	if (retraction->state == IPREP_RETRACT_REFUSED) {
		cli_error(cli, "%s: AbuseIPDB refused the retraction: %s", address, why);
		return EX_UNAVAILABLE;
	}
	if (cli->json)
		put_retraction_json(address, done, cancelled, retraction->deleted);
	else if (!cli->quiet && done)
		cli_print(cli,
			  "%s: retracted; sent reports deleted: %lld, "
			  "queued reports cancelled: %lld",
			  address, (long long)retraction->deleted, (long long)cancelled);
	else if (!cli->quiet)
		cli_print(cli, "%s: retraction queued; queued reports cancelled: %lld%s%s", address,
			  (long long)cancelled, *why ? "; " : "", why);
	return EX_OK;
}

/* The database alone knows that AbuseIPDB has no report: no call is spent. */
static int print_nothing_sent(struct cli *cli, const char *address, int64_t cancelled)
{
	if (cli->json)
		put_retraction_json(address, false, cancelled, 0);
	else if (!cli->quiet)
		cli_print(cli,
			  "%s: nothing to retract: no report that AbuseIPDB has is known here; "
			  "queued reports cancelled: %lld",
			  address, (long long)cancelled);
	return EX_OK;
}

/* Recorded first, then sent, unless a worker is running, which sends it. */
static int retract_address(struct cli *cli, const char *address, bool force)
{
	const struct iprep_retraction *retraction;
	int64_t cancelled = 0;
	bool queued = false;
	int rc = iprep_retract(cli->ctx, address, force, &cancelled, &queued);
	int status = EX_OK, printed;

	if (rc)
		return cli_fail(cli, rc);
	if (!queued)
		return print_nothing_sent(cli, address, cancelled);
	rc = iprep_run_worker(cli->ctx, 0, NULL);
	if (rc && rc != IPREP_E_BUSY)
		status = cli_fail(cli, rc);
	rc = iprep_retraction_status(cli->ctx, address, &retraction);
	if (rc)
		return cli_fail(cli, rc);
	printed = print_retraction(cli, address, cancelled, retraction);
	iprep_retraction_free(retraction);
	if (printed)
		return printed;
	return status;
}

/* Each of these stands alone; all others record a report. */
static int validate_report_options(struct cli *cli, const struct options *options, int naddresses)
{
	int modes = options->enqueue + options->flush + options->retract + options->status +
		    options->health + (options->metrics != NULL) + options->notify_settings +
		    options->summary;
	const char *mode = NULL;

	if (options->flush)
		mode = "flush";
	else if (options->status)
		mode = "status";
	else if (options->health)
		mode = "health";
	else if (options->metrics)
		mode = "metrics";
	else if (options->notify_settings)
		mode = "notify-settings";
	else if (options->summary)
		mode = "summary";
	if (modes > 1)
		return cli_usage(cli,
				 "--enqueue, --flush, --retract, --status, --health, "
				 "--metrics, --summary and --notify-settings exclude each other");
	if (options->force && !options->retract)
		return cli_usage(cli, "--force goes with --retract");
	if (!options->summary && (options->period.since || options->period.format))
		return cli_usage(cli, "--%s goes with --summary",
				 options->period.since ? "since" : "format");
	if (mode && naddresses)
		return cli_usage(cli, "--%s takes no address", mode);
	if (!mode && naddresses != 1)
		return cli_usage(cli, "expected one address, got %d; see --help", naddresses);
	if (options->summary)
		return check_summary_options(cli, &options->period);
	return EX_OK;
}

static int run_metrics(struct cli *cli, const char *file)
{
	int rc = cli_open(cli);

	if (rc)
		return rc;
	return report_metrics(cli, file);
}

static int run_reading_command(struct cli *cli, const struct options *options)
{
	int rc = cli_open(cli);

	if (!rc)
		rc = cli_end_root_to_read(cli);
	if (rc)
		return rc;
	if (options->health)
		return report_health(cli);
	if (options->summary)
		return report_summary(cli, &options->period);
	return report_status(cli);
}

static int run_report_command(struct cli *cli, struct options *options, int argc, char **argv)
{
	bool done = false;
	int rc = parse_report_arguments(cli, options, argc, argv, &done);

	if (rc || done)
		return rc;
	rc = validate_report_options(cli, options, argc - optind);
	if (rc)
		return rc;
	cli->hook = options->flush && cli_stderr_is_null();
	if (options->enqueue) {
		rc = limit_begin(cli);
		if (rc != LIMIT_CHILD)
			return rc;
	}
	if (options->metrics)
		return run_metrics(cli, options->metrics);
	if (options->status || options->summary || options->health)
		return run_reading_command(cli, options);
	rc = cli_open(cli);
	if (!rc && options->notify_settings) /* whatever is wrong with the state */
		return report_notify_settings(cli);
	if (!rc)
		rc = cli_end_root(cli);
	if (rc || (cli->dry_run && options->flush))
		return rc;
	if (options->retract && !cli->dry_run)
		return retract_address(cli, argv[optind], options->force);
	if (options->flush)
		return run_flush(cli, options);
	return report_address(cli, options, argv[optind]);
}

int main(int argc, char **argv)
{
	struct options options = { .linger_s = -1 };
	struct cli cli;
	int status;

	cli_begin(&cli, "rep-report");
	status = cli_finish(&cli, run_report_command(&cli, &options, argc, argv));
	if (options.health && status > PLUGIN_UNKNOWN)
		return PLUGIN_UNKNOWN;
	return status;
}

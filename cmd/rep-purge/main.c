/* SPDX-License-Identifier: MIT */
/*
 * rep-purge - delete expired data, or all data about an address; release addresses that are no
 * longer listed
 *
 * Undo a ban: fail2ban-client unban $(rep-purge --pardon 30d ADDRESS)
 */
#include "common/progress.h"
#include "common/cli.h"
#include "common/confine.h"
#include "common/json.h"
#include "common/text.h"
#include "rep-purge/fleet.h"
#include "rep-purge/pardons.h"
#include "rep-purge/reset.h"
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
	"Usage: rep-purge\n"
	"       rep-purge --recheck | --released\n"
	"       rep-purge [--pardon TIME] ADDRESS...\n"
	"       rep-purge --pardons | --unpardon ADDRESS...\n"
	"       rep-purge --fleet-host NUMBER\n"
	"       rep-purge --reset [--force]\n"
	"Without arguments, delete expired data. With addresses, delete all data about\n"
	"them and print them.\n"
	"\n"
	"  -c, --config FILE   read FILE instead of /etc/iprep/iprep.conf\n"
	"      --recheck       re-check blocks older than a week; release what is no\n"
	"                      longer listed\n"
	"      --released      list addresses released in the last 7 days and not\n"
	"                      blocked since\n"
	"      --pardon TIME   do not look up, report or block ADDRESS for TIME: 15m, 30d,\n"
	"                      52w; a number needs its unit\n"
	"      --pardons       list the pardoned addresses, and until when\n"
	"      --unpardon      end the pardon of each ADDRESS\n"
	"      --fleet-host NUMBER\n"
	"                      remove the records of a host from the zone of the fleet\n"
	"      --reset         rename a damaged database, or one of a newer version,\n"
	"                      print its new path, and create an empty database\n"
	"      --force         reset: do so even if nothing is wrong with the database\n"
	"  -n, --dry-run       print what would be done, change nothing\n"
	"  -j, --json          print JSON\n"
	"  -q, --quiet         print errors only\n"
	"  -v, --verbose       print each step on stderr\n"
	"  -h, --help          print this text and exit\n"
	"  -V, --version       print the version and exit\n"
	"\n"
	"Exit status: 0 done, 64 usage, 65 not an address, 69 no source gives points, or\n"
	"the fleet's server is not usable, 75 try again later, 70-78 see rep-purge(8)\n";

enum {
	O_PARDON = 256,
	O_PARDONS,
	O_UNPARDON,
	O_RECHECK,
	O_RELEASED,
	O_RESET,
	O_FORCE,
	O_FLEET_HOST
};
/* clang-format off */
static const struct option longs[] = {
	{ "config", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { "quiet", 0, NULL, 'q' },
	{ "verbose", 0, NULL, 'v' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' },
	{ "dry-run", 0, NULL, 'n' }, { "pardon", 1, NULL, O_PARDON },
	{ "pardons", 0, NULL, O_PARDONS }, { "unpardon", 0, NULL, O_UNPARDON },
	{ "recheck", 0, NULL, O_RECHECK }, { "released", 0, NULL, O_RELEASED },
	{ "reset", 0, NULL, O_RESET }, { "force", 0, NULL, O_FORCE },
	{ "fleet-host", 1, NULL, O_FLEET_HOST }, { NULL, 0, NULL, 0 },
};
/* clang-format on */
struct wish {
	const char *pardon, *fleet_host;
	int64_t pardon_s;
	int host; /* of --fleet-host */
	bool pardons, unpardon, recheck, released, reset, force, done;
};

static int parse_purge_arguments(struct cli *cli, struct wish *wish, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:jqvhVn", longs, NULL)) != -1) {
		if (cli_take_option(cli, option))
			continue;
		switch (option) {
		case 'h':
			fputs(help, stdout);
			wish->done = true;
			return EX_OK;
		case 'V':
			printf("rep-purge %s\n", iprep_version());
			wish->done = true;
			return EX_OK;
		case O_PARDON:
			if (wish->pardon)
				return cli_usage(cli, "--pardon is given twice");
			wish->pardon = optarg;
			break;
		case O_PARDONS:
			wish->pardons = true;
			break;
		case O_UNPARDON:
			wish->unpardon = true;
			break;
		case O_RECHECK:
			wish->recheck = true;
			break;
		case O_RELEASED:
			wish->released = true;
			break;
		case O_RESET:
			wish->reset = true;
			break;
		case O_FORCE:
			wish->force = true;
			break;
		case O_FLEET_HOST:
			if (wish->fleet_host)
				return cli_usage(cli, "--fleet-host is given twice");
			wish->fleet_host = optarg;
			break;
		default:
			return cli_bad_option(cli, argv);
		}
	}
	return EX_OK;
}

/* ---- expiring, looking up again ---- */

#define LONG_MS 1000 /* what takes no longer needs no bar */

static void show_purge_progress(void *user, int64_t done, int64_t total)
{
	struct bar *bar = user;

	if (bar_age_ms(bar) >= LONG_MS)
		bar_draw(bar, (uint64_t)done, done, total);
}

static struct iprep_run_options run_options(const struct cli *cli, struct bar *bar)
{
	struct iprep_run_options options = { .dry_run = cli->dry_run, .user = bar };

	bar_begin(bar, &cli->terminal, !cli->quiet && !cli->dry_run);
	if (bar->on)
		options.progress = show_purge_progress;
	return options;
}

static void put_purge_json(const struct iprep_purge_stats *stats, bool dry_run)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_int(&json, "findings", stats->findings);
	json_put_int(&json, "lookups", stats->lookups);
	json_put_int(&json, "reports", stats->reports);
	json_put_int(&json, "blocks", stats->blocks);
	json_put_int(&json, "pardons", stats->pardons);
	json_put_int(&json, "sightings", stats->sightings);
	json_put_int(&json, "logins", stats->logins);
	json_put_int(&json, "failures", stats->failures);
	json_put_int(&json, "retractions", stats->retractions);
	json_put_int(&json, "released", stats->released);
	json_put_int(&json, "lines", stats->lines);
	json_put_int(&json, "lifted", stats->lifted);
	json_put_bool(&json, "dry_run", dry_run);
	json_end(&json);
}

static void put_purge_text(const struct cli *cli, const struct iprep_purge_stats *stats)
{
	struct paragraph paragraph;

	paragraph_begin(&paragraph, &cli->terminal, stderr, 0);
	paragraph_printf(&paragraph,
			 "%s %lld finding%s, %lld lookup%s, %lld report%s, %lld block%s, "
			 "%lld pardon%s, %lld failed and %lld successful login%s",
			 cli->dry_run ? "would remove" : "removed", (long long)stats->findings,
			 cli_plural(stats->findings), (long long)stats->lookups,
			 cli_plural(stats->lookups), (long long)stats->reports,
			 cli_plural(stats->reports), (long long)stats->blocks,
			 cli_plural(stats->blocks), (long long)stats->pardons,
			 cli_plural(stats->pardons), (long long)stats->sightings,
			 (long long)stats->logins, cli_plural(stats->logins));
	paragraph_end(&paragraph);
}

static int run_expire(struct cli *cli)
{
	struct iprep_purge_stats purge_stats;
	struct bar bar;
	struct iprep_run_options options = run_options(cli, &bar);
	int rc = iprep_purge(cli->ctx, &options, &purge_stats);

	bar_erase(&bar);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_purge_json(&purge_stats, cli->dry_run);
	else if (!cli->quiet)
		put_purge_text(cli, &purge_stats);
	return EX_OK;
}

static void put_recheck_json(const struct iprep_recheck_stats *stats, bool dry_run)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_int(&json, "done", stats->done);
	json_put_int(&json, "released", stats->released);
	json_put_int(&json, "listed", stats->listed);
	json_put_int(&json, "undecided", stats->undecided);
	json_put_bool(&json, "gave_up", stats->gave_up);
	json_put_int(&json, "pardoned", stats->pardoned);
	json_put_bool(&json, "dry_run", dry_run);
	json_end(&json);
}

static void put_recheck_text(const struct cli *cli, const struct iprep_recheck_stats *stats)
{
	struct paragraph paragraph;

	paragraph_begin(&paragraph, &cli->terminal, stderr, 0);
	paragraph_printf(&paragraph, "%s %lld block%s",
			 cli->dry_run ? "would re-check" : "re-checked", (long long)stats->done,
			 cli_plural(stats->done));
	if (!cli->dry_run)
		paragraph_printf(&paragraph, ": released %lld, still listed %lld, undecided %lld",
				 (long long)stats->released, (long long)stats->listed,
				 (long long)stats->undecided);
	if (stats->pardoned)
		paragraph_printf(&paragraph, ", pardoned in the fleet %lld",
				 (long long)stats->pardoned);
	paragraph_end(&paragraph);
}

static int run_recheck(struct cli *cli)
{
	struct iprep_recheck_stats stats;
	struct bar bar;
	struct iprep_run_options options = run_options(cli, &bar);
	int rc = cli_confine(cli);

	if (rc)
		return rc;
	rc = iprep_recheck(cli->ctx, &options, &stats);
	bar_erase(&bar);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_recheck_json(&stats, cli->dry_run);
	else if (!cli->quiet)
		put_recheck_text(cli, &stats);
	if (!stats.gave_up)
		return EX_OK;
	cli_error(cli, "no source answers; nothing is released, the next run retries");
	return EX_TEMPFAIL;
}

static int run_fleet_host(struct cli *cli, int host)
{
	struct bar bar;
	struct iprep_run_options options = run_options(cli, &bar);
	int rc = purge_fleet_host(cli, host, &options);

	bar_erase(&bar);
	return rc;
}

static void put_release_json(const struct iprep_release *release)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", release->address);
	json_put_text(&json, "tier", release->tier);
	json_put_int(&json, "released_at", release->at);
	json_end(&json);
}

static int on_release(void *user, const struct iprep_release *release)
{
	const struct cli *cli = user;

	if (cli->json)
		put_release_json(release);
	else
		puts(release->address);
	return ferror(stdout);
}

static int list_released(struct cli *cli)
{
	int rc = iprep_released(cli->ctx, on_release, cli);

	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() says it */
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

/* ---- forgetting ---- */

static void put_forgotten_json(const char *address, int64_t pardon_s, bool dry_run)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", address);
	json_put_int(&json, "pardon_s", pardon_s);
	json_put_bool(&json, "dry_run", dry_run);
	json_end(&json);
}

/* Nothing is changed by a dry run: what it takes, the real one takes as well. */
static int check_address(struct cli *cli, const struct wish *wish, const char *address)
{
	int rc;

	if (strchr(address, '/')) {
		cli_error(cli, "%.100s: not an IP address but a prefix; give one address of it",
			  address);
		return EX_DATAERR;
	}
	rc = iprep_forget(cli->ctx, address, wish->pardon_s, true, NULL);
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

static int forget_one(struct cli *cli, const struct wish *wish, const char *address)
{
	const char *key;
	int rc;

	rc = iprep_forget(cli->ctx, address, wish->pardon_s, cli->dry_run, &key);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_forgotten_json(key, wish->pardon_s, cli->dry_run);
	else
		puts(key);
	return EX_OK;
}

/* All are checked before the first is forgotten: "--pardon 1d 30 days" is a mistake as a whole. */
static int forget_addresses(struct cli *cli, const struct wish *wish, char **addresses, int count)
{
	int status = EX_OK;

	for (int i = 0; i < count && (status == EX_OK || status == EX_DATAERR); i++) {
		int rc = check_address(cli, wish, addresses[i]);

		if (rc != EX_OK)
			status = rc;
	}
	for (int i = 0; i < count && status == EX_OK; i++)
		status = forget_one(cli, wish, addresses[i]);
	return status;
}

/* A bare number would be seconds: of "--pardon 30 days" a pardon of half a minute. */
static int check_pardon(struct cli *cli, struct wish *wish)
{
	long long number;

	if (number_parse(wish->pardon, 0, LLONG_MAX, &number))
		return cli_usage(cli,
				 "--pardon: \"%.40s\" has no unit; write %.40ss, %.40sm, %.40sh "
				 "or %.40sd",
				 wish->pardon, wish->pardon, wish->pardon, wish->pardon,
				 wish->pardon);
	if (iprep_parse_duration(wish->pardon, &wish->pardon_s) || !wish->pardon_s)
		return cli_usage(
			cli,
			"--pardon: \"%.40s\": expected a time such as 15m, 30d, 52w, at most ten "
			"years",
			wish->pardon);
	return EX_OK;
}

/* ---- all of them ---- */

static int check_wish(struct cli *cli, struct wish *wish, int naddresses)
{
	const char *mode = NULL;

	if (wish->reset)
		mode = "reset";
	else if (wish->recheck)
		mode = "recheck";
	else if (wish->released)
		mode = "released";
	else if (wish->pardons)
		mode = "pardons";
	else if (wish->fleet_host)
		mode = "fleet-host";
	if (wish->recheck + wish->released + wish->reset + wish->pardons + wish->unpardon +
		    (wish->fleet_host != NULL) >
	    1)
		return cli_usage(cli,
				 "--recheck, --released, --pardons, --unpardon, --fleet-host and "
				 "--reset exclude each other");
	if (wish->unpardon && (wish->pardon || !naddresses))
		return cli_usage(cli, "--unpardon needs an address%s",
				 wish->pardon ? ", not --pardon TIME" : "");
	if (mode && (wish->pardon || naddresses))
		return cli_usage(cli, "--%s takes no address%s", mode,
				 wish->pardon ? ", nor --pardon" : "");
	if (wish->force && !wish->reset)
		return cli_usage(cli, "--force goes with --reset");
	if (wish->pardon && !naddresses)
		return cli_usage(cli, "--pardon needs an address");
	if (wish->pardon)
		return check_pardon(cli, wish);
	if (wish->fleet_host)
		return purge_parse_host(cli, wish->fleet_host, &wish->host);
	return EX_OK;
}

static int run_purge_command(struct cli *cli, int argc, char **argv)
{
	struct wish wish = { 0 };
	int rc = parse_purge_arguments(cli, &wish, argc, argv);

	if (rc || wish.done)
		return rc;
	rc = check_wish(cli, &wish, argc - optind);
	if (!rc)
		rc = cli_open(cli);
	if (!rc)
		rc = cli_end_root(cli);
	if (rc)
		return rc;
	if (wish.reset)
		return purge_reset(cli, wish.force);
	if (wish.recheck)
		return run_recheck(cli);
	if (wish.released)
		return list_released(cli);
	if (wish.pardons)
		return purge_list_pardons(cli);
	if (wish.fleet_host)
		return run_fleet_host(cli, wish.host);
	if (wish.unpardon)
		return purge_unpardon(cli, argv + optind, argc - optind);
	if (argc == optind)
		return run_expire(cli);
	return forget_addresses(cli, &wish, argv + optind, argc - optind);
}

int main(int argc, char **argv)
{
	struct cli cli;

	cli_begin(&cli, "rep-purge");
	return cli_finish(&cli, run_purge_command(&cli, argc, argv));
}

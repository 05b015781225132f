/* SPDX-License-Identifier: MIT */
/*
 * rep-purge - forget what is past its time, or one address completely
 *
 * Undo a ban: fail2ban-client unban $(rep-purge --pardon 30d ADDRESS)
 */
#include "cli.h"
#include <getopt.h>
#include <stdio.h>

static const char help[] =
	"Usage: rep-purge\n"
	"       rep-purge [--pardon TIME] ADDRESS...\n"
	"Without addresses remove what is past its retention; else forget these completely\n"
	"and print them.\n\n"
	"  -c, --config FILE   instead of /etc/iprep/iprep.conf\n"
	"      --pardon TIME   leave the addresses alone for so long: 90, 15m, 30d, 52w\n"
	"  -n, --dry-run       say what would go, remove nothing\n"
	"  -j, --json   -q, --quiet   -v, --verbose   -h, --help   -V, --version\n\n"
	"Exit status: 0 done, 64 usage, 65 not an address, 75 try later, 70-78 see rep-purge(8)\n";

enum { O_PARDON = 256 };
static const struct option longs[] = {
	{ "config", 1, NULL, 'c' }, { "json", 0, NULL, 'j' }, { "quiet", 0, NULL, 'q' },
	{ "verbose", 0, NULL, 'v' }, { "help", 0, NULL, 'h' }, { "version", 0, NULL, 'V' },
	{ "dry-run", 0, NULL, 'n' }, { "pardon", 1, NULL, O_PARDON }, { NULL, 0, NULL, 0 },
};

static int parse(struct cli *cli, const char **pardon, int argc, char **argv, bool *ret_done)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:jqvhVn", longs, NULL)) != -1) {
		switch (c) {
		case 'c': cli->config = optarg; break;
		case 'j': cli->json = true; break;
		case 'q': cli->quiet = true; break;
		case 'v': cli->verbose++; break;
		case 'n': cli->dry_run = true; break;
		case 'h': fputs(help, stdout); *ret_done = true; return EX_OK;
		case 'V': printf("rep-purge %s\n", iprep_version()); *ret_done = true; return EX_OK;
		case O_PARDON: *pardon = optarg; break;
		default: return cli_bad_option(cli, argv);
		}
	}
	return EX_OK;
}

static int expire(struct cli *cli)
{
	struct iprep_purge_stats s;
	int r = iprep_purge(cli->ctx, cli->dry_run, &s);

	if (r)
		return cli_fail(cli, r);
	if (cli->json)
		printf("{\"findings\":%lld,\"lookups\":%lld,\"reports\":%lld,\"blocks\":%lld,"
		       "\"pardons\":%lld,\"sightings\":%lld,\"logins\":%lld,\"failures\":%lld,"
		       "\"retractions\":%lld,\"dry_run\":%s}\n",
		       (long long)s.findings, (long long)s.lookups, (long long)s.reports,
		       (long long)s.blocks, (long long)s.pardons, (long long)s.sightings,
		       (long long)s.logins, (long long)s.failures, (long long)s.retractions,
		       cli->dry_run ? "true" : "false");
	else if (!cli->quiet)
		fprintf(stderr, "%s %lld findings, %lld look-ups, %lld reports, %lld blocks, %lld pardons, "
			"%lld failed and %lld good log-ins\n",
			cli->dry_run ? "would remove" : "removed", (long long)s.findings,
			(long long)s.lookups, (long long)s.reports, (long long)s.blocks,
			(long long)s.pardons, (long long)s.sightings, (long long)s.logins);
	return EX_OK;
}

/* All addresses are checked before the first is forgotten. */
static int forget(struct cli *cli, int64_t pardon_s, char **addresses, int n)
{
	char key[64];
	int r, status = EX_OK;

	for (int i = 0; i < n; i++) {
		r = iprep_forget(cli->ctx, addresses[i], pardon_s, true, key);
		if (r)
			return cli_fail(cli, r);
	}
	for (int i = 0; i < n; i++) {
		r = iprep_forget(cli->ctx, addresses[i], pardon_s, cli->dry_run, key);
		if (r)
			status = cli_fail(cli, r);
		else
			puts(key);
	}
	return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
	const char *pardon = NULL;
	int64_t pardon_s = 0;
	bool done = false;
	int r = parse(cli, &pardon, argc, argv, &done);

	if (r || done)
		return r;
	if (pardon && argc == optind)
		return cli_usage(cli, "--pardon needs an address");
	if (pardon && iprep_parse_duration(pardon, &pardon_s))
		return cli_usage(cli, "--pardon: \"%.40s\" is not a time such as 15m, 30d, 52w, ten years "
				 "at most", pardon);
	r = cli_open(cli);
	if (!r)
		r = cli_end_root(cli);
	if (r)
		return r;
	return argc == optind ? expire(cli) : forget(cli, pardon_s, argv + optind, argc - optind);
}

int main(int argc, char **argv)
{
	struct cli cli;

	cli_begin(&cli, "rep-purge");
	return cli_finish(&cli, run(&cli, argc, argv));
}

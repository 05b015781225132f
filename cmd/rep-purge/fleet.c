/* SPDX-License-Identifier: MIT */
#include "rep-purge/fleet.h"
#include "common/confine.h"
#include "common/json.h"
#include "common/runner.h"
#include "common/text.h"
#include <stdio.h>

#define HOST_MAX 65279

int purge_parse_host(const struct cli *cli, const char *text, int *ret)
{
	long long number;

	if (!number_parse(text, 1, HOST_MAX, &number))
		return cli_usage(cli, "--fleet-host: \"%.40s\": expected a number from 1 to %d",
				 text, HOST_MAX);
	*ret = (int)number;
	return EX_OK;
}

static void put_removal_json(const struct cli *cli, int host, const char *zone,
			     const struct iprep_fleet_removal *removal)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_int(&json, "host", host);
	json_put_text(&json, "zone", zone);
	json_put_int(&json, "records", removal->records);
	json_put_int(&json, "refused", removal->refused);
	json_put_int(&json, "unreadable", removal->unreadable);
	json_put_bool(&json, "dry_run", cli->dry_run);
	json_end(&json);
}

/* What is left is an error: the zone still lists addresses in the name of the host. */
static int say_what_is_left(const struct cli *cli, const struct iprep_fleet_removal *removal)
{
	if (removal->refused)
		cli_error(cli, "%lld record%s left: %s", (long long)removal->refused,
			  removal->refused == 1 ? " is" : "s are", removal->refused_why);
	if (removal->unreadable)
		cli_error(cli,
			  "%lld record%s left: the name has characters that no address has; remove "
			  "it on the server",
			  (long long)removal->unreadable,
			  removal->unreadable == 1 ? " is" : "s are");
	return removal->refused || removal->unreadable ? EX_UNAVAILABLE : EX_OK;
}

int purge_fleet_host(struct cli *cli, int host, const struct iprep_run_options *options)
{
	const struct iprep_settings *settings;
	struct iprep_fleet_removal removal;
	int rc = runner_start(cli);

	if (!rc)
		rc = cli_confine(cli);
	if (rc)
		return rc;
	rc = iprep_fleet_remove_host(cli->ctx, host, options, &removal);
	if (rc)
		return cli_fail(cli, rc);
	rc = say_what_is_left(cli, &removal);
	if (iprep_settings(cli->ctx, &settings))
		return EX_OSERR;
	if (cli->json)
		put_removal_json(cli, host, settings->fleet_zone, &removal);
	else if (!cli->quiet)
		cli_print(cli, "%s %lld record%s of host %d from %s",
			  cli->dry_run ? "would remove" : "removed", (long long)removal.records,
			  cli_plural(removal.records), host, settings->fleet_zone);
	iprep_settings_free(settings);
	return rc;
}

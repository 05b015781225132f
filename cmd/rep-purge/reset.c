/* SPDX-License-Identifier: MIT */
#include "rep-purge/reset.h"
#include <stdio.h>

static int put_json(struct cli *cli, const struct iprep_reset *reset)
{
	char *line;
	int rc = iprep_reset_json(reset, &line);

	if (rc)
		return cli_fail(cli, rc);
	puts(line);
	iprep_text_free(line);
	return EX_OK;
}

static void put_text(const struct cli *cli, const struct iprep_reset *reset)
{
	const char *least = reset->all_read ? "" : "at least ",
		   *would = reset->dry_run ? "would be " : "";

	cli_error(cli, "the state is %s%s", reset->why,
		  reset->dry_run ? "; nothing was changed" : "");
	if (reset->aside || reset->dry_run) {
		cli_error(
			cli,
			"%slost: %s%lld blocks (bans that fail2ban holds stand), %lld reports and %lld lookups "
			"that waited",
			would, least, (long long)reset->blocks, (long long)reset->reports,
			(long long)reset->lookups);
		cli_error(cli, "%skept: %s%lld pardons, %lld good logins", would, least,
			  (long long)reset->pardons, (long long)reset->logins);
	}
}

int purge_reset(struct cli *cli, bool force)
{
	const struct iprep_reset *reset;
	int rc = iprep_reset(
		cli->ctx,
		(force ? IPREP_RESET_SOUND : 0) | (cli->dry_run ? IPREP_RESET_DRY_RUN : 0), &reset);

	if (rc)
		return cli_fail(cli, rc);
	if (cli->json) {
		rc = put_json(cli, reset);
	} else {
		if (!cli->quiet)
			put_text(cli, reset);
		if (reset->aside)
			puts(reset->aside);
	}
	iprep_reset_free(reset);
	return rc;
}

/* SPDX-License-Identifier: MIT */
#include "rep-purge/reset.h"
#include <stdio.h>

static int put_json(struct cli *cli, const struct iprep_reset *s)
{
	char *line;
	int r = iprep_reset_json(s, &line);

	if (r)
		return cli_fail(cli, r);
	puts(line);
	iprep_text_free(line);
	return EX_OK;
}

static void put_text(const struct cli *cli, const struct iprep_reset *s)
{
	const char *least = s->all_read ? "" : "at least ", *would = s->dry_run ? "would be " : "";

	cli_error(cli, "the state is %s%s", s->why, s->dry_run ? "; nothing was changed" : "");
	if (s->aside || s->dry_run) {
		cli_error(
			cli,
			"%slost: %s%lld blocks (bans that fail2ban holds stand), %lld reports and %lld lookups "
			"that waited",
			would, least, (long long)s->blocks, (long long)s->reports,
			(long long)s->lookups);
		cli_error(cli, "%skept: %s%lld pardons, %lld good logins", would, least,
			  (long long)s->pardons, (long long)s->logins);
	}
}

int purge_reset(struct cli *cli, bool force)
{
	const struct iprep_reset *s;
	int r = iprep_reset(
		cli->ctx,
		(force ? IPREP_RESET_SOUND : 0) | (cli->dry_run ? IPREP_RESET_DRY_RUN : 0), &s);

	if (r)
		return cli_fail(cli, r);
	if (cli->json) {
		r = put_json(cli, s);
	} else {
		if (!cli->quiet)
			put_text(cli, s);
		if (s->aside)
			puts(s->aside);
	}
	iprep_reset_free(s);
	return r;
}

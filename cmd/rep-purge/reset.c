/* SPDX-License-Identifier: MIT */
#include "rep-purge/reset.h"
#include "common/json.h"
#include <stdio.h>

static void put_reset_json(const struct iprep_reset *reset)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "why", reset->why);
	json_put_text(&json, "aside", reset->aside);
	json_put_object(&json, "lost");
	json_put_int(&json, "blocks", reset->blocks);
	json_put_int(&json, "reports", reset->reports);
	json_put_int(&json, "lookups", reset->lookups);
	json_close_object(&json);
	json_put_object(&json, "kept");
	json_put_int(&json, "pardons", reset->pardons);
	json_put_int(&json, "logins", reset->logins);
	json_close_object(&json);
	json_put_bool(&json, "all_read", reset->all_read);
	json_put_bool(&json, "dry_run", reset->dry_run);
	json_end(&json);
}

static void put_reset_text(const struct cli *cli, const struct iprep_reset *reset)
{
	const char *least = reset->all_read ? "" : "at least ",
		   *would = reset->dry_run ? "would be " : "";

	cli_error(cli, "the state is %s%s", reset->why,
		  reset->dry_run ? "; nothing was changed" : "");
	if (reset->aside || reset->dry_run) {
		cli_error(cli,
			  "%slost: %s%lld blocks (bans held by fail2ban remain), "
			  "%lld queued reports and %lld queued lookups",
			  would, least, (long long)reset->blocks, (long long)reset->reports,
			  (long long)reset->lookups);
		cli_error(cli, "%skept: %s%lld pardons, %lld successful logins", would, least,
			  (long long)reset->pardons, (long long)reset->logins);
	}
}

int purge_reset(struct cli *cli, bool force)
{
	const struct iprep_reset *reset;
	unsigned flags = 0;
	int rc;

	if (cli_stdout_is_closed()) {
		cli_error(cli, "stdout: closed; nothing was changed");
		return EX_IOERR;
	}
	if (force)
		flags |= IPREP_RESET_SOUND;
	if (cli->dry_run)
		flags |= IPREP_RESET_DRY_RUN;
	rc = iprep_reset(cli->ctx, flags, &reset);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->json) {
		put_reset_json(reset);
	} else {
		if (!cli->quiet)
			put_reset_text(cli, reset);
		if (reset->aside)
			puts(reset->aside);
	}
	/* no second run would print it again */
	if (reset->aside && (fflush(stdout) || ferror(stdout)))
		cli_error(cli, "the database was set aside as %s", reset->aside);
	iprep_reset_free(reset);
	return EX_OK;
}

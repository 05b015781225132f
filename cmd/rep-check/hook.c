/* SPDX-License-Identifier: MIT */
#include "rep-check/hook.h"
#include <stdio.h>
#include <string.h>

/* "<restored>" stays literal where fail2ban does not know the tag: at restore, in 1.0. */
static bool is_restore(const char *text)
{
	return text && *text && strcmp(text, "0") != 0;
}

int gate_should_count(struct iprep_ctx *ctx, const struct gate_options *options,
		      const char *address, bool *ret_count, bool *ret_wake)
{
	const char *jail = options->jail && *options->jail != '<' ? options->jail : NULL;

	return iprep_should_count(ctx, address, jail, options->user, is_restore(options->restored),
				  ret_count, ret_wake);
}

int check_gate(struct cli *cli, const struct gate_options *options, const char *address)
{
	bool count = false, wake = false;
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	rc = gate_should_count(cli->ctx, options, address, &count, &wake);
	if (rc)
		return cli_fail(cli, rc);
	if (wake)
		cli_wake_worker(cli);
	if (count)
		return EX_CONFIRMED;
	return EX_OK;
}

int check_login(struct cli *cli, const char *address)
{
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	rc = iprep_record_login(cli->ctx, address);
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

int check_is_blocked(struct cli *cli, const char *address)
{
	bool blocked = false;
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	rc = iprep_is_blocked(cli->ctx, address, &blocked);
	if (rc)
		return cli_fail(cli, rc);
	if (blocked)
		return EX_CONFIRMED;
	return EX_OK;
}

int check_ready(struct cli *cli)
{
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	rc = iprep_load_config(cli->ctx, cli->config); /* a worker reads it without root */
	if (!rc)
		rc = iprep_check_setup(cli->ctx);
	if (rc)
		return cli_fail(cli, rc);
	if (cli->verbose)
		puts("ready");
	return EX_OK;
}

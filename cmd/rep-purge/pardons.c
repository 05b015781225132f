/* SPDX-License-Identifier: MIT */
#include "rep-purge/pardons.h"
#include "common/json.h"
#include "common/text.h"
#include <stdio.h>

struct list {
	const struct cli *cli;
	bool has_heads;
};

/* Aligned below their heads; a file or pipe has none. */
static const struct column pardon_columns[] = {
	{ "ADDRESS", 15, false, false },
	{ "PARDONED UNTIL", 20, false, false },
};

static void put_pardon_json(const struct iprep_pardon *pardon)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", pardon->address);
	json_put_int(&json, "until", pardon->until_at);
	json_end(&json);
}

static int on_pardon(void *user, const struct iprep_pardon *pardon)
{
	struct list *list = user;
	char until[UTC_TEXT_MAX];
	struct table table;

	if (list->cli->json) {
		put_pardon_json(pardon);
		return ferror(stdout);
	}
	table_begin(&table, &list->cli->terminal, 0, pardon_columns, 2);
	if (list->cli->terminal.is_out && !list->has_heads)
		table_heads(&table);
	list->has_heads = true;
	table_put(&table, PLAIN, pardon->address);
	table_put(&table, PLAIN, utc_minute(pardon->until_at, until));
	table_end_row(&table);
	return ferror(stdout);
}

int purge_list_pardons(struct cli *cli)
{
	struct list list = { .cli = cli };
	int rc = iprep_pardons(cli->ctx, on_pardon, &list);

	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() prints it */
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

static void put_unpardoned_json(const char *address, bool was_pardoned, bool dry_run)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "address", address);
	json_put_bool(&json, "was_pardoned", was_pardoned);
	json_put_bool(&json, "dry_run", dry_run);
	json_end(&json);
}

/* What was wanted holds either way, so it is no failure that there was none; but a typing mistake
 * shows. */
static int unpardon_one(struct cli *cli, const char *address)
{
	const char *key;
	bool was_pardoned;
	int rc = iprep_unpardon(cli->ctx, address, cli->dry_run, &was_pardoned, &key);

	if (rc)
		return cli_fail(cli, rc);
	if (cli->json)
		put_unpardoned_json(key, was_pardoned, cli->dry_run);
	else if (was_pardoned)
		puts(key);
	else if (!cli->quiet)
		cli_error(cli, "%s: was not pardoned", key);
	return EX_OK;
}

int purge_unpardon(struct cli *cli, char **addresses, int count)
{
	int status = EX_OK;

	for (int i = 0; i < count && (status == EX_OK || status == EX_DATAERR); i++) {
		int rc = iprep_unpardon(cli->ctx, addresses[i], true, NULL, NULL);

		if (rc)
			status = cli_fail(cli, rc);
	}
	for (int i = 0; i < count && status == EX_OK; i++)
		status = unpardon_one(cli, addresses[i]);
	return status;
}

/* SPDX-License-Identifier: MIT */
#include "rep-check/lookup.h"
#include "common/confine.h"
#include "rep-check/text.h"
#include <stdio.h>

struct address_list {
	struct cli *cli;
	char *const *addresses;
	int count, taken;
	bool bad, confirmed, unknown;
};

static int next_address(void *user, const char **ret_text, int64_t *ret_id)
{
	struct address_list *list = user;

	if (list->taken == list->count)
		return IPREP_NEXT_END;
	*ret_text = list->addresses[list->taken];
	*ret_id = list->taken++;
	return IPREP_NEXT_ADDRESS;
}

static int print_answer(void *user, int64_t id, const char *text, int err,
			const struct iprep_result *result)
{
	struct address_list *list = user;

	(void)text;
	if (err) {
		cli_error(list->cli, "%.100s: %s", list->addresses[id], iprep_strerror(err));
		list->bad = true;
		return 0;
	}
	list->confirmed |= result->verdict == IPREP_CONFIRMED;
	list->unknown |= result->verdict == IPREP_UNKNOWN;
	check_put(list->cli, result);
	return ferror(stdout);
}

int check_addresses(struct cli *cli, char *const *addresses, int count, unsigned flags,
		    int timeout_ms)
{
	struct address_list list = { .cli = cli, .addresses = addresses, .count = count };
	struct iprep_list lookups = { .flags = flags,
				      .timeout_ms = timeout_ms,
				      .next = next_address,
				      .answer = print_answer,
				      .user = &list };
	int rc;

	if (count < 1)
		return cli_usage(cli, "no address given; see --help");
	rc = cli_end_root_or_state(cli);
	if (rc)
		return rc;
	rc = cli_confine(cli);
	if (rc)
		return rc;
	if (cli->no_state)
		lookups.flags |= IPREP_NO_STATE;
	check_put_heads(cli);
	rc = iprep_lookup_list(cli->ctx, &lookups);
	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() prints it */
	if (rc)
		return cli_fail(cli, rc);
	if (list.bad)
		return EX_DATAERR;
	if (list.confirmed)
		return EX_CONFIRMED;
	if (list.unknown)
		return EX_TEMPFAIL;
	return EX_OK;
}

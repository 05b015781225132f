/* SPDX-License-Identifier: MIT */
#include "rep-check/lookup.h"
#include "common/confine.h"
#include "rep-check/text.h"
#include <stdio.h>

struct address_list {
	struct cli *cli;
	char *const *addresses;
	int count, taken;
	bool has_heads, bad, confirmed, unknown;
	int failure; /* exit status: what is known of an address could not be read */
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

/* Without access to the state, a member of its group may still read it. */
static int read_known(const struct cli *cli, const char *address,
		      const struct iprep_known **ret_known)
{
	int rc = iprep_known(cli->ctx, address, 0, ret_known);

	if (rc && cli->no_state)
		rc = iprep_known(cli->ctx, address, IPREP_NO_STATE, ret_known);
	return rc;
}

static int print_answer(void *user, int64_t id, const char *text, int err,
			const struct iprep_result *result)
{
	struct address_list *list = user;
	const struct iprep_known *known = NULL;
	int rc;

	(void)text;
	if (err) {
		cli_error(list->cli, "%.100s: %s", list->addresses[id], iprep_strerror(err));
		list->bad = true;
		return 0;
	}
	list->confirmed |= result->verdict == IPREP_CONFIRMED;
	list->unknown |= result->verdict == IPREP_UNKNOWN;
	rc = read_known(list->cli, result->address, &known);
	if (rc) {
		list->failure = cli_fail(list->cli, rc);
		return 1;
	}
	check_put_heads(list->cli, &list->has_heads);
	check_put(list->cli, result, known);
	iprep_known_free(known);
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
	rc = iprep_lookup_list(cli->ctx, &lookups);
	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() prints it */
	if (list.failure)
		return list.failure;
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

/* SPDX-License-Identifier: MIT */
#include "rep-check/self_test.h"
#include "rep-check/fail2ban.h"
#include "common/json.h"
#include "common/runner.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

static const char *const states[] = { "ok",  "quarantined", "silent", "refused", "no key",
				      "off", "mismatch",    "none",   "too old", "unknown" };
static const enum colour colours[] = { GOOD,	 BAD, BAD,	BAD, BAD,
				       DOUBTFUL, BAD, DOUBTFUL, BAD, DOUBTFUL };

static const enum colour f2b_colours[] = { GOOD, DOUBTFUL, DOUBTFUL, BAD, BAD };

static const struct column source_columns[] = {
	{ "SOURCE", 16, false, false }, { "STATE", 11, false, true }, { "LATENCY", 8, true, true },
	{ "PROBED", 8, false, false },	{ "WHY", 0, false, false },
};
#define NFAIL2BAN_COLUMNS 3
/* Long names are those of jails; on a narrow terminal they move the state. */
static void begin_fail2ban(struct table *table, struct column columns[NFAIL2BAN_COLUMNS],
			   const struct terminal *terminal)
{
	columns[0] = (struct column){ "FAIL2BAN", terminal_width(terminal, stdout) < 60 ? 26 : 30,
				      false, false };
	columns[1] = (struct column){ "STATE", 11, false, true };
	columns[2] = (struct column){ "WHY", 0, false, false };
	table_begin(table, terminal, 0, columns, NFAIL2BAN_COLUMNS);
}

static void put_source_text(const struct terminal *terminal, const struct iprep_source *source)
{
	char latency[16] = "-", when[UTC_TEXT_MAX];
	struct table table;

	if (source->latency_ms >= 0)
		snprintf(latency, sizeof(latency), "%d ms", source->latency_ms);
	table_begin(&table, terminal, 0, source_columns, 5);
	table_put(&table, PLAIN, source->name);
	table_put(&table, colours[source->state], states[source->state]);
	table_put(&table, PLAIN, latency);
	table_put(&table, PLAIN, utc_clock(source->probed_at, when));
	table_put(&table, PLAIN, source->why);
	table_end_row(&table);
}

static void put_fail2ban_text(const struct terminal *terminal, const char *what,
			      enum f2b_state state, const char *why)
{
	struct column columns[NFAIL2BAN_COLUMNS];
	struct table table;

	begin_fail2ban(&table, columns, terminal);
	table_put(&table, PLAIN, what);
	table_put(&table, f2b_colours[state], f2b_state_names[state]);
	table_put(&table, PLAIN, why);
	table_end_row(&table);
}

static void put_source_json(const struct iprep_source *source)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "source", source->name);
	json_put_text(&json, "state", states[source->state]);
	if (source->latency_ms >= 0)
		json_put_int(&json, "latency_ms", source->latency_ms);
	else
		json_put_null(&json, "latency_ms");
	json_put_int(&json, "probed_at", source->probed_at);
	json_put_text(&json, "why", source->why);
	json_end(&json);
}

static void put_fail2ban_json(const char *what, enum f2b_state state, const char *why)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "fail2ban", what);
	json_put_text(&json, "state", f2b_state_names[state]);
	json_put_text(&json, "why", why);
	json_end(&json);
}

static void on_row(void *user, const struct iprep_source *source)
{
	const struct cli *cli = user;

	if (cli->json)
		put_source_json(source);
	else if (!cli->quiet)
		put_source_text(&cli->terminal, source);
}

static void on_fail2ban(void *user, const char *what, enum f2b_state state, const char *why)
{
	const struct cli *cli = user;

	if (cli->json)
		put_fail2ban_json(what, state, why);
	else if (!cli->quiet)
		put_fail2ban_text(&cli->terminal, what, state, why);
}

static int test_sources(struct cli *cli, int timeout_ms, bool *ret_passed)
{
	struct paragraph paragraph;
	struct table table;
	int rc = iprep_load_config(cli->ctx, cli->config); /* a worker reads it without root */

	if (!rc)
		rc = iprep_check_setup(cli->ctx);
	if (rc)
		return cli_fail(cli, rc);
	rc = runner_start(cli);
	if (rc)
		return rc;
	if (!cli->json && !cli->quiet) {
		paragraph_begin(&paragraph, &cli->terminal, stdout, 0);
		paragraph_put(&paragraph, PLAIN, "configuration, state and verdict log are usable");
		paragraph_end(&paragraph);
		putchar('\n');
		table_begin(&table, &cli->terminal, 0, source_columns, 5);
		table_heads(&table);
	}
	rc = iprep_test_sources(cli->ctx, 0, timeout_ms, on_row, cli, ret_passed);
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

static bool test_fail2ban(struct cli *cli, struct f2b_check *check)
{
	struct column columns[NFAIL2BAN_COLUMNS];
	struct table table;

	if (!cli->json && !cli->quiet) {
		putchar('\n');
		begin_fail2ban(&table, columns, &cli->terminal);
		table_heads(&table);
	}
	return check_fail2ban(cli, check, on_fail2ban, cli);
}

int check_self_test(struct cli *cli, int timeout_ms, const char *client)
{
	struct f2b_check check;
	bool passed = false, agrees;
	int rc, status;

	check_fail2ban_start(cli, client, &check);
	rc = cli_end_root(cli);
	if (rc)
		return rc;
	status = test_sources(cli, timeout_ms, &passed);
	if (status) /* one error is enough; iprep-check-fail2ban ends on its own */
		return status;
	agrees = test_fail2ban(cli, &check);
	if (passed && agrees)
		return EX_OK;
	cli_error(cli, "self-test failed: %s",
		  !passed ? "a source is not usable, the server of the fleet is not, or no "
			    "source gives points"
			  : "fail2ban does not act on verdicts as configured");
	return EX_UNAVAILABLE;
}

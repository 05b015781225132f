/* SPDX-License-Identifier: MIT */
/*
 * allowed.c - see allowed.h
 *
 * The list is walked twice, first for the width of its columns, so that it is not kept in memory.
 * Source of ignoreip: FileIPAddrSet in server/ipdns.py of fail2ban 1.1.1.
 */
#include "rep-check/allowed.h"
#include "common/json.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ENTRY_MAX     43 /* "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128" */
#define FROM_TEXT_MAX 4200

struct allowed_list {
	struct cli *cli;
	struct column columns[4];
	size_t count;
};

static const char *kind_name(const struct iprep_allowed *allowed)
{
	switch (allowed->kind) {
	case IPREP_ALLOW_HOST:
		return "host";
	case IPREP_ALLOW_SPF:
		return "spf";
	default:
		return "network";
	}
}

static const char *from_text(const struct iprep_allowed *allowed, char dst[FROM_TEXT_MAX])
{
	if (allowed->file)
		snprintf(dst, FROM_TEXT_MAX, "%s:%d", allowed->file, allowed->line);
	else
		snprintf(dst, FROM_TEXT_MAX, "[allow] %s",
			 allowed->kind == IPREP_ALLOW_SPF ? "spf" : "addresses");
	return dst;
}

/* The last day, in UTC. */
static const char *until_text(const struct iprep_allowed *allowed, char dst[UTC_TEXT_MAX])
{
	time_t last = (time_t)allowed->until - 1;
	struct tm tm;

	if (!allowed->until || !gmtime_r(&last, &tm) ||
	    !strftime(dst, UTC_TEXT_MAX, allowed->is_over ? "expired %Y-%m-%d" : "until %Y-%m-%d",
		      &tm))
		snprintf(dst, UTC_TEXT_MAX, "-");
	return dst;
}

/* ---- text ---- */

static int longer(int width, const char *text)
{
	int len = (int)strlen(text);

	return len > width ? len : width;
}

static int measure(void *user, const struct iprep_allowed *allowed)
{
	struct allowed_list *list = user;
	char from[FROM_TEXT_MAX];

	list->count++;
	list->columns[0].width = longer(list->columns[0].width, allowed->entry);
	list->columns[2].width = longer(list->columns[2].width, from_text(allowed, from));
	return 0;
}

static void put_resolved(const struct cli *cli, const struct iprep_allowed *allowed)
{
	struct paragraph paragraph;
	char when[UTC_TEXT_MAX];

	if (allowed->kind == IPREP_ALLOW_NETWORK)
		return;
	paragraph_begin(&paragraph, &cli->terminal, stdout, 4);
	paragraph.hang = 4;
	if (!allowed->resolved_at)
		paragraph_put(&paragraph, PLAIN,
			      cli->no_state ? "resolved networks: permission denied"
					    : "not resolved yet");
	else
		paragraph_printf(&paragraph, "resolved %s to%s",
				 utc_minute(allowed->resolved_at, when),
				 allowed->nnetworks ? "" : " no networks");
	for (size_t i = 0; i < allowed->nnetworks; i++) {
		paragraph_put(&paragraph, PLAIN, " ");
		paragraph_put(&paragraph, PLAIN, allowed->networks[i]);
	}
	paragraph_end(&paragraph);
}

static int put_row(void *user, const struct iprep_allowed *allowed)
{
	const struct allowed_list *list = user;
	char from[FROM_TEXT_MAX], until[UTC_TEXT_MAX];
	struct table table;

	table_begin(&table, &list->cli->terminal, 0, list->columns, 4);
	table_put(&table, PLAIN, allowed->entry);
	table_put(&table, allowed->is_over ? DOUBTFUL : PLAIN, until_text(allowed, until));
	table_put(&table, PLAIN, from_text(allowed, from));
	if (allowed->why)
		table_put(&table, PLAIN, allowed->why);
	table_end_row(&table);
	put_resolved(list->cli, allowed);
	return ferror(stdout);
}

/* ---- for programs ---- */

static int put_json(void *user, const struct iprep_allowed *allowed)
{
	struct json json;

	(void)user;
	json_begin(&json, stdout);
	json_put_text(&json, "entry", allowed->entry);
	json_put_text(&json, "kind", kind_name(allowed));
	json_put_text(&json, "file", allowed->file);
	if (allowed->file)
		json_put_int(&json, "line", allowed->line);
	else
		json_put_null(&json, "line");
	json_put_time(&json, "until", allowed->until);
	json_put_bool(&json, "over", allowed->is_over);
	json_put_text(&json, "why", allowed->why);
	json_put_time(&json, "resolved_at", allowed->resolved_at);
	json_put_array(&json, "networks");
	for (size_t i = 0; i < allowed->nnetworks; i++)
		json_put_text(&json, NULL, allowed->networks[i]);
	json_close_array(&json);
	json_end(&json);
	return ferror(stdout);
}

/* fail2ban bans the senders of a provider as before, and resolves host names itself. */
static int put_ignored(void *user, const struct iprep_allowed *allowed)
{
	(void)user;
	if (allowed->kind == IPREP_ALLOW_SPF || allowed->is_over)
		return 0;
	if (allowed->why)
		printf("%s # %s\n", allowed->entry, allowed->why);
	else
		puts(allowed->entry);
	return ferror(stdout);
}

/* ---- all of it ---- */

int check_allowed_options(struct cli *cli, const char *format)
{
	if (format && strcmp(format, "text") != 0 && strcmp(format, "ignoreip") != 0)
		return cli_usage(cli,
				 "--format: \"%.40s\": unknown format of --allowed; expected text "
				 "or ignoreip",
				 format);
	if (format && cli->json)
		return cli_usage(cli, "--format and --json exclude each other");
	return EX_OK;
}

static int put_table(struct allowed_list *list, unsigned flags)
{
	struct table table;
	int rc = iprep_allowed(list->cli->ctx, IPREP_NO_STATE, measure, list);

	if (rc)
		return rc;
	if (list->columns[0].width > ENTRY_MAX)
		list->columns[0].width = ENTRY_MAX;
	if (!list->count && !list->cli->quiet)
		puts("no entry in section [allow]");
	if (list->count && list->cli->terminal.is_out) {
		table_begin(&table, &list->cli->terminal, 0, list->columns, 4);
		table_heads(&table);
	}
	return iprep_allowed(list->cli->ctx, flags, put_row, list);
}

int check_allowed(struct cli *cli, const char *format)
{
	struct allowed_list list = { .cli = cli,
				     .columns = { { "ENTRY", 5, false, false },
						  { "UNTIL", 18, false, false },
						  { "FROM", 4, false, false },
						  { "WHY", 0, false, false } } };
	int rc = cli_end_root_or_state(cli);
	unsigned flags = 0;

	if (rc)
		return rc;
	if (cli->no_state)
		flags = IPREP_NO_STATE;
	if (cli->json) {
		rc = iprep_allowed(cli->ctx, flags, put_json, &list);
	} else if (format && !strcmp(format, "ignoreip")) {
		puts("# made by rep-check --allowed --format ignoreip\n"
		     "# for fail2ban 1.1.1 or later, in jail.local: ignoreip = file:FILE");
		rc = iprep_allowed(cli->ctx, IPREP_NO_STATE, put_ignored, &list);
	} else {
		rc = put_table(&list, flags);
	}
	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() prints it */
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

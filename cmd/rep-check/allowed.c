/* SPDX-License-Identifier: MIT */
/*
 * allowed.c - see allowed.h
 *
 * On a terminal the table is as wide as that: what does not fit continues on indented lines. The
 * list is walked twice, first for the width of its columns, so that it is not kept in memory.
 * Source of ignoreip: FileIPAddrSet in server/ipdns.py of fail2ban 1.1.1.
 */
#include "rep-check/allowed.h"
#include "common/json.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define WIDTH_MIN     40
#define WIDTH_DEFAULT 80
#define WIDTH_OF_PIPE 1000000 /* each entry on one line */
#define ENTRY_MAX     43      /* "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128" */
#define FROM_TEXT_MAX 4200

struct allowed_list {
	struct cli *cli;
	int width;
	int entry_width, from_width; /* of the columns */
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
	    !strftime(dst, UTC_TEXT_MAX, allowed->is_over ? "over %Y-%m-%d" : "until %Y-%m-%d",
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
	list->entry_width = longer(list->entry_width, allowed->entry);
	list->from_width = longer(list->from_width, from_text(allowed, from));
	return 0;
}

/* One word of a paragraph that is indented by 4; *at is the column of its line, 0: none yet. */
static void put_word(const struct allowed_list *list, int *at, const char *word, int len)
{
	if (*at && *at + 1 + len > list->width) {
		putchar('\n');
		*at = 0;
	}
	*at += printf("%s%.*s", *at ? " " : "    ", len, word);
}

static void put_words(const struct allowed_list *list, int *at, const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, " ");

		if (len)
			put_word(list, at, text, len);
		text += len;
		text += strspn(text, " ");
	}
}

static void put_resolved(const struct allowed_list *list, const struct iprep_allowed *allowed)
{
	char when[UTC_TEXT_MAX];
	int at = 0;

	if (allowed->kind == IPREP_ALLOW_NETWORK)
		return;
	if (!allowed->resolved_at) {
		put_words(list, &at,
			  list->cli->no_state ? "result of the worker: permission denied"
					      : "not resolved yet");
	} else {
		put_words(list, &at, "resolved");
		put_words(list, &at, utc_minute(allowed->resolved_at, when));
		put_words(list, &at, allowed->nnetworks ? "to" : "to no networks");
	}
	for (size_t i = 0; i < allowed->nnetworks; i++)
		put_words(list, &at, allowed->networks[i]);
	putchar('\n');
}

static int put_row(void *user, const struct iprep_allowed *allowed)
{
	const struct allowed_list *list = user;
	char from[FROM_TEXT_MAX], until[UTC_TEXT_MAX];
	int at;

	at = printf("%-*s  %-16s  ", list->entry_width, allowed->entry, until_text(allowed, until));
	from_text(allowed, from);
	if (at + (int)strlen(from) > list->width)
		at = printf("\n    ") - 1;
	if (allowed->why && at + list->from_width + 2 + (int)strlen(allowed->why) <= list->width) {
		printf("%-*s  %s\n", list->from_width, from, allowed->why);
	} else {
		puts(from);
		at = 0;
		if (allowed->why) {
			put_words(list, &at, allowed->why);
			putchar('\n');
		}
	}
	put_resolved(list, allowed);
	return ferror(stdout);
}

static int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return WIDTH_OF_PIPE;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < WIDTH_MIN)
		return WIDTH_DEFAULT;
	return size.ws_col;
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
	int rc = iprep_allowed(list->cli->ctx, IPREP_NO_STATE, measure, list);

	if (rc)
		return rc;
	if (list->entry_width > ENTRY_MAX)
		list->entry_width = ENTRY_MAX;
	list->width = terminal_width();
	if (!list->count && !list->cli->quiet)
		puts("no entry in section [allow]");
	return iprep_allowed(list->cli->ctx, flags, put_row, list);
}

int check_allowed(struct cli *cli, const char *format)
{
	struct allowed_list list = { .cli = cli };
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

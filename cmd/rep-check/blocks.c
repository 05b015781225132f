/* SPDX-License-Identifier: MIT */
#include "rep-check/blocks.h"
#include "rep-check/export.h"
#include "rep-check/filter.h"
#include "rep-check/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bulk_lookup {
	struct cli *cli;
	bool only_new;
	const struct export_format *format; /* NULL: text or JSON */
	struct export export;
	unsigned long left_out; /* of an export */
};

static const char *time_of(int64_t at, char dst[24])
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(dst, 24, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(dst, 24, "-");
	return dst;
}

/* Printed from 16 bytes by the library: it may stand in a URL, and in a root's shell. */
static void put_links(const char *address)
{
	int len = (int)strcspn(address, "/");

	if (address[len])
		printf("    https://www.abuseipdb.com/check-block/%.*s%%2F%s\n", len, address,
		       address + len + 1);
	else
		printf("    https://www.abuseipdb.com/check/%s\n", address);
	printf("    undo: fail2ban-client unban $(rep-purge --pardon 30d %.*s)\n", len, address);
}

static void put_text(const struct iprep_block *b, bool links)
{
	char until[24];
	int width = 0;

	printf("%-15s  %-9s  %3d  until %s  %s  %s\n", b->address, b->tier, b->score,
	       time_of(b->until, until), b->jail ? b->jail : "-", b->sources ? b->sources : "-");
	if (b->exempt)
		printf("    in no export: %s\n", b->exempt);
	for (size_t i = 0; i < b->nfindings; i++)
		if ((int)strlen(b->findings[i]->source) > width)
			width = (int)strlen(b->findings[i]->source);
	for (size_t i = 0; i < b->nfindings; i++)
		check_put_finding(b->findings[i], width);
	if (links)
		put_links(b->address);
}

/* A file is written when the disk has it; a pipe and a terminal are when they have taken it. */
static bool lost_in_a_crash(void)
{
	struct stat st;

	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) && fsync(STDOUT_FILENO);
}

static int on_block(void *user, const struct iprep_block *b)
{
	struct bulk_lookup *l = user;
	char *line;

	if (!l->cli->json) {
		put_text(b, l->only_new);
	} else {
		if (iprep_block_json(b, &line))
			return 1;
		puts(line);
		iprep_text_free(line);
	}
	/* what is not written has not been told to anybody */
	return l->only_new ? fflush(stdout) || ferror(stdout) || lost_in_a_crash() : ferror(stdout);
}

static int on_export(void *user, const struct iprep_block *b)
{
	struct bulk_lookup *l = user;

	if (b->exempt)
		l->left_out++;
	else
		l->format->block(&l->export, b);
	return ferror(stdout);
}

int check_blocks_options(struct cli *cli, const struct blocks_options *o)
{
	bool text = !o->format || !strcmp(o->format, "text");
	struct iprep_prefix prefix;
	int64_t at;
	int order;

	if (!text && !export_format(o->format))
		return cli_usage(cli, "--format: \"%.40s\" is none of %s", o->format, export_names);
	if (o->format && cli->json)
		return cli_usage(cli, "--format and --json exclude each other");
	if (!text && o->only_new)
		return cli_usage(
			cli,
			"--new goes with text and --json only: an export replaces the last one");
	if (!text && o->sort)
		return cli_usage(
			cli,
			"--sort goes with text and --json only: exports are sorted by address");
	if (o->sort && o->only_new)
		return cli_usage(cli, "--sort and --new exclude each other");
	if (o->sort && !filter_order(o->sort, &order))
		return cli_usage(cli, "--sort: \"%.40s\" is none of announced, address, end",
				 o->sort);
	if (o->since && !filter_since(o->since, time(NULL), &at))
		return cli_usage(
			cli,
			"--since: \"%.40s\" is neither how long ago (90, 15m, 7d) nor a time that "
			"was (2026-01-31, \"2026-01-31 14:00\", UTC; @SECONDS)",
			o->since);
	if (o->prefix && iprep_parse_prefix(o->prefix, &prefix))
		return cli_usage(cli,
				 "--prefix: \"%.50s\" is not a network such as 192.0.2.0/24 or "
				 "2001:db8::/32, host bits zero, or an address",
				 o->prefix);
	return EX_OK;
}

static int export(struct bulk_lookup *l, struct iprep_blocks_query *q)
{
	int r = iprep_settings(l->cli->ctx, &l->export.settings);

	if (r)
		return r;
	q->row = on_export;
	q->order = IPREP_BY_ADDRESS;
	q->flags = IPREP_BLOCKS_BARE;
	l->export.now = time(NULL);
	l->format->begin(&l->export);
	r = iprep_blocks_where(l->cli->ctx, q);
	if (!r && l->format->end)
		l->format->end(&l->export);
	iprep_settings_free(l->export.settings);
	if (l->left_out && !l->cli->quiet)
		cli_error(l->cli,
			  "%lu blocks left out: they are of addresses to be left alone, see "
			  "rep-check --blocks",
			  l->left_out);
	return r;
}

int check_blocks(struct cli *cli, const struct blocks_options *o)
{
	struct bulk_lookup l = { .cli = cli, .only_new = o->only_new };
	struct iprep_blocks_query q = { .flags = o->only_new ? IPREP_BLOCKS_NEW : 0,
					.tier = o->tier,
					.source = o->source,
					.row = on_block,
					.user = &l };
	struct iprep_prefix prefix;
	int r = cli_end_root(cli);

	if (r)
		return r;
	if ((o->sort && !filter_order(o->sort, &q.order)) ||
	    (o->since && !filter_since(o->since, time(NULL), &q.since_at)) ||
	    (o->prefix && iprep_parse_prefix(o->prefix, &prefix)))
		return EX_SOFTWARE; /* check_blocks_options() has passed them */
	q.prefix = o->prefix ? &prefix : NULL;
	l.format = o->format ? export_format(o->format) : NULL;
	r = l.format ? export(&l, &q) : iprep_blocks_where(cli->ctx, &q);
	return r ? cli_fail(cli, r) : EX_OK;
}

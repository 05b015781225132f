/* SPDX-License-Identifier: MIT */
#include "rep-check/blocks.h"
#include "rep-check/export.h"
#include "rep-check/filter.h"
#include "rep-check/mail.h"
#include "rep-check/result_json.h"
#include "rep-check/text.h"
#include "common/since.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct block_list {
	struct cli *cli;
	bool only_new, only_unmailed;
	const struct export_format *format; /* NULL: text or JSON */
	struct export export;
	unsigned long left_out; /* of an export */
	bool has_heads;
};

#define NBLOCK_COLUMNS 6
/* Aligned below their heads; a file or pipe has none. On a terminal the sources are on the next
 * line, with what was seen. */
static const struct column block_columns[2][NBLOCK_COLUMNS] = {
	{ { "", 15, false, false },
	  { "", 9, false, false },
	  { "", 3, true, false },
	  { "", 1, false, false },
	  { "", 1, false, false },
	  { "", 0, false, false } },
	{ { "ADDRESS", 15, false, false },
	  { "TIER", 9, false, false },
	  { "SCORE", 5, true, false },
	  { "UNTIL", 20, false, false },
	  { "JAIL", 10, false, false } },
};

static void begin_blocks(struct table *table, const struct cli *cli)
{
	table_begin(table, &cli->terminal, 0, block_columns[cli->terminal.is_out],
		    NBLOCK_COLUMNS - cli->terminal.is_out);
}

static void put_block_heads(struct block_list *list)
{
	struct table table;

	if (list->has_heads || !list->cli->terminal.is_out)
		return;
	list->has_heads = true;
	begin_blocks(&table, list->cli);
	table_heads(&table);
}

static void put_links(const char *address)
{
	char text[BLOCK_LINK_MAX];

	printf("    %s\n", block_page(address, text));
	printf("    undo: %s\n", block_undo(address, text));
}

static void put_block_line(const struct cli *cli, const struct iprep_block *block)
{
	char until[UTC_TEXT_MAX];
	struct table table;

	begin_blocks(&table, cli);
	table_put(&table, PLAIN, block->address);
	table_put(&table, PLAIN, block->tier);
	table_printf(&table, "%d", block->score);
	table_printf(&table, "%s%s", cli->terminal.is_out ? "" : "until ",
		     utc_minute(block->until, until));
	table_put(&table, PLAIN, text_or(block->jail, "-"));
	if (!cli->terminal.is_out)
		table_put(&table, PLAIN, text_or(block->sources, "-"));
	table_end_row(&table);
}

/* Without what was seen, a line of a file or pipe has had the sources. */
static void put_reasons(const struct cli *cli, const struct iprep_block *block)
{
	struct paragraph paragraph;

	if (!block->seen && (!block->sources || !cli->terminal.is_out))
		return;
	paragraph_begin(&paragraph, &cli->terminal, stdout, 4);
	paragraph_printf(&paragraph, "%s%s%s%s", text_or(block->seen, ""),
			 block->seen && block->sources ? ", " : "",
			 block->sources ? "listed by " : "", text_or(block->sources, ""));
	paragraph_end(&paragraph);
}

static void put_block_text(const struct cli *cli, const struct iprep_block *block, bool links)
{
	struct paragraph paragraph;

	put_block_line(cli, block);
	put_reasons(cli, block);
	paragraph_begin(&paragraph, &cli->terminal, stdout, 4);
	if (block->exempt) {
		paragraph_printf(&paragraph, "exempt, in no export: %s", block->exempt);
		paragraph_end(&paragraph);
	}
	check_put_findings(&cli->terminal, 4, block->findings, block->nfindings, false);
	if (links)
		put_links(block->address);
}

/* A file is written when the disk has it; a pipe and a terminal are when they have taken it. */
static bool lost_in_a_crash(void)
{
	struct stat st;

	return !fstat(STDOUT_FILENO, &st) && S_ISREG(st.st_mode) && fsync(STDOUT_FILENO);
}

static int on_block(void *user, const struct iprep_block *block)
{
	struct block_list *list = user;

	if (list->cli->json) {
		check_put_block_json(block);
	} else if (list->only_unmailed) {
		check_put_block_mail(block);
	} else {
		put_block_heads(list);
		put_block_text(list->cli, block, list->only_new);
	}
	if (!list->only_new && !list->only_unmailed)
		return ferror(stdout);
	/* a block that was not written has not been shown */
	return fflush(stdout) || ferror(stdout) || lost_in_a_crash();
}

static int on_export(void *user, const struct iprep_block *block)
{
	struct block_list *list = user;

	if (block->exempt)
		list->left_out++;
	else
		list->format->block(&list->export, block);
	return ferror(stdout);
}

int check_blocks_options(struct cli *cli, const struct blocks_options *options)
{
	bool text = !options->format || !strcmp(options->format, "text");
	const char *once = NULL;
	int64_t at;
	int order;

	if (options->only_new)
		once = "--new";
	else if (options->only_unmailed)
		once = "--unmailed";
	if (!text && !export_format(options->format))
		return cli_usage(cli, "--format: \"%.40s\": unknown format; expected one of %s",
				 options->format, export_names);
	if (options->format && cli->json)
		return cli_usage(cli, "--format and --json exclude each other");
	if (options->only_new && options->only_unmailed)
		return cli_usage(cli, "--new and --unmailed exclude each other");
	if (!text && once)
		return cli_usage(
			cli, "%s: only with text or --json; an export replaces the previous one",
			once);
	if (!text && options->sort)
		return cli_usage(
			cli,
			"--sort: only with text or --json, because exports are sorted by address");
	if (options->sort && once)
		return cli_usage(cli, "--sort and %s exclude each other", once);
	if (options->sort && !filter_order(options->sort, &order))
		return cli_usage(
			cli, "--sort: \"%.40s\": unknown order; expected announced, address or end",
			options->sort);
	return since_check(cli, options->since, &at);
}

static int export_blocks(struct block_list *list, struct iprep_blocks_query *blocks_query)
{
	int rc = iprep_settings(list->cli->ctx, &list->export.settings);

	if (rc)
		return rc;
	blocks_query->row = on_export;
	blocks_query->order = IPREP_BY_ADDRESS;
	blocks_query->flags = IPREP_BLOCKS_BARE;
	list->export.now = time(NULL);
	list->format->begin(&list->export);
	rc = iprep_blocks(list->cli->ctx, blocks_query);
	if (!rc && list->format->end)
		list->format->end(&list->export);
	iprep_settings_free(list->export.settings);
	if (list->left_out && !list->cli->quiet)
		cli_error(list->cli,
			  "%lu block%s left out, because the addresses are exempt; see rep-check "
			  "--blocks",
			  list->left_out, cli_plural((long long)list->left_out));
	return rc;
}

static unsigned block_flags(const struct blocks_options *options)
{
	if (options->only_new)
		return IPREP_BLOCKS_NEW;
	if (options->only_unmailed)
		return IPREP_BLOCKS_UNMAILED;
	return 0;
}

int check_blocks(struct cli *cli, const struct blocks_options *options)
{
	struct block_list list = { .cli = cli,
				   .only_new = options->only_new,
				   .only_unmailed = options->only_unmailed };
	struct iprep_blocks_query blocks_query = { .flags = block_flags(options),
						   .tier = options->tier,
						   .source = options->source,
						   .prefix = options->prefix,
						   .row = on_block,
						   .user = &list };
	int rc = cli_end_root(cli);

	if (rc)
		return rc;
	if ((options->sort && !filter_order(options->sort, &blocks_query.order)) ||
	    (options->since && !since_parse(options->since, time(NULL), &blocks_query.since_at)))
		return EX_SOFTWARE; /* check_blocks_options() has passed them */
	if (options->format)
		list.format = export_format(options->format);
	else
		list.format = NULL;
	if (list.format)
		rc = export_blocks(&list, &blocks_query);
	else
		rc = iprep_blocks(cli->ctx, &blocks_query);
	if (rc && ferror(stdout))
		return EX_IOERR; /* cli_finish() prints it */
	if (rc)
		return cli_fail(cli, rc);
	return EX_OK;
}

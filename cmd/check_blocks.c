/* SPDX-License-Identifier: MIT */
#include "check_blocks.h"
#include "check_text.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct listing { struct cli *cli; bool only_new; };

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
		printf("    https://www.abuseipdb.com/check-block/%.*s%%2F%s\n", len, address, address + len + 1);
	else
		printf("    https://www.abuseipdb.com/check/%s\n", address);
	printf("    undo: fail2ban-client unban $(rep-purge --pardon 30d %.*s)\n", len, address);
}

static void put_text(const struct iprep_block *b, bool links)
{
	char until[24];
	int width = 0;

	printf("%-15s  %-9s  %3d  until %s  %s  %s\n", b->address, b->tier, b->score, time_of(b->until, until),
	       b->jail ? b->jail : "-", b->sources ? b->sources : "-");
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
	const struct listing *l = user;
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

int check_blocks(struct cli *cli, bool only_new)
{
	struct listing l = { cli, only_new };
	int r = cli_end_root(cli);

	if (r)
		return r;
	r = iprep_blocks(cli->ctx, only_new ? IPREP_BLOCKS_NEW : 0, on_block, &l);
	return r ? cli_fail(cli, r) : EX_OK;
}

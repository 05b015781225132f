/* SPDX-License-Identifier: MIT */
#include "rep-check/mail.h"
#include "common/terminal.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

#define LABEL_WIDTH 13 /* with what is before and after it */

/* As wide as mail programs show without breaking lines. */
static const struct terminal mail = { .is_out = true, .columns = 76 };

/* The library prints address from 16 bytes, so it is safe in a URL and in a shell of root. */
const char *block_page(const char *address, char dst[BLOCK_LINK_MAX])
{
	int len = (int)strcspn(address, "/");

	if (address[len])
		snprintf(dst, BLOCK_LINK_MAX, "https://www.abuseipdb.com/check-block/%.*s%%2F%s",
			 len, address, address + len + 1);
	else
		snprintf(dst, BLOCK_LINK_MAX, "https://www.abuseipdb.com/check/%s", address);
	return dst;
}

const char *block_undo(const char *address, char dst[BLOCK_LINK_MAX])
{
	int len = (int)strcspn(address, "/");

	snprintf(dst, BLOCK_LINK_MAX, "fail2ban-client unban $(rep-purge --pardon 30d %.*s)", len,
		 address);
	return dst;
}

static void begin_field(struct paragraph *paragraph, const char *label)
{
	paragraph_begin(paragraph, &mail, stdout, 0);
	paragraph->hang = LABEL_WIDTH;
	printf("  %-*s", LABEL_WIDTH - 2, label);
	paragraph->at = LABEL_WIDTH;
}

static void put_field(const char *label, const char *text)
{
	struct paragraph paragraph;

	begin_field(&paragraph, label);
	paragraph_put(&paragraph, PLAIN, text);
	paragraph_end(&paragraph);
}

/* To be copied. */
static void put_whole_field(const char *label, const char *text)
{
	struct paragraph paragraph;

	begin_field(&paragraph, label);
	paragraph_put_whole(&paragraph, text);
	paragraph_end(&paragraph);
}

static void put_evidence(const char *label, const struct iprep_finding *finding)
{
	struct paragraph paragraph;
	char when[UTC_TEXT_MAX], time[UTC_TEXT_MAX + 4];

	begin_field(&paragraph, label);
	paragraph_printf(&paragraph, finding->points ? "%s %+d" : "%s %d", finding->source,
			 finding->points);
	for (size_t i = 0; i < finding->nanswers; i++)
		paragraph_printf(&paragraph, "%s%s", i ? ", " : ": ", finding->answers[i]);
	if (finding->detail)
		paragraph_printf(&paragraph, "%s%s", finding->nanswers ? ", " : ": ",
				 finding->detail);
	if (finding->status == IPREP_S_QUARANTINED)
		paragraph_put(&paragraph, PLAIN, " (quarantined)");
	if (finding->answered_at) {
		snprintf(time, sizeof(time), " (%s)", utc_minute(finding->answered_at, when));
		paragraph_put_whole(&paragraph, time);
	}
	paragraph_end(&paragraph);
}

void check_put_block_mail(const struct iprep_block *block)
{
	char text[BLOCK_LINK_MAX], when[UTC_TEXT_MAX];

	printf("%s\n", block->address);
	snprintf(text, sizeof(text), "%s, until %s", block->tier, utc_minute(block->until, when));
	put_field("Blocked:", text);
	snprintf(text, sizeof(text), "%s", utc_minute(block->announced_at, when));
	put_field("Since:", text);
	if (block->seen)
		put_field("Seen here:", block->seen);
	put_field("Jail:", text_or(block->jail, "not known"));
	snprintf(text, sizeof(text), "%d", block->score);
	put_field("Score:", text);
	if (block->sources)
		put_field("Listed by:", block->sources);
	for (size_t i = 0; i < block->nevidence; i++)
		put_evidence(i ? "" : "Evidence:", block->evidence[i]);
	for (size_t i = 0; !block->nevidence && i < block->nfindings; i++)
		put_evidence(i ? "" : "Evidence:", block->findings[i]);
	if (block->exempt)
		put_field("Exempt now:", block->exempt);
	put_whole_field("Details:", block_page(block->address, text));
	put_whole_field("Undo:", block_undo(block->address, text));
	putchar('\n');
}

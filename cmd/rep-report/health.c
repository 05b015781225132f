/* SPDX-License-Identifier: MIT */
#include "rep-report/health.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = { "OK", "WARNING", "CRITICAL" };

struct answer {
	struct cli *cli;
	int worst;
	size_t count;
	FILE *details, *names; /* a line each; what goes into the first line if there are several */
	char *details_text, *names_text;
	size_t details_len, names_len;
	char first[1024];
};

static void put_trouble_json(const struct iprep_trouble *trouble)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "name", trouble->name);
	json_put_text(&json, "object", trouble->object);
	json_put_text(&json, "severity",
		      trouble->severity == PLUGIN_CRITICAL ? "critical" : "warning");
	json_put_text(&json, "text", trouble->text);
	json_put_time(&json, "since", trouble->since);
	json_end(&json);
}

static int on_trouble(void *user, const struct iprep_trouble *trouble)
{
	struct answer *answer = user;

	if (trouble->severity > answer->worst)
		answer->worst = trouble->severity;
	if (answer->cli->json) {
		put_trouble_json(trouble);
		return ferror(stdout);
	}
	fprintf(answer->names, "%s%s", answer->count ? ", " : "", trouble->name);
	fprintf(answer->details, "%s: %s\n", states[trouble->severity], trouble->text);
	if (!answer->count++)
		snprintf(answer->first, sizeof(answer->first), "%s", trouble->text);
	return ferror(answer->names) || ferror(answer->details);
}

/* What follows this sign is performance data. */
static void put_line(const char *text)
{
	for (; *text; text++)
		putchar(*text == '|' ? '/' : *text);
}

static long long waiting_of(const struct iprep_ages *ages)
{
	return ages->under_minute + ages->under_hour + ages->under_day + ages->older;
}

/* None, if the database cannot be read: that is one of the troubles. */
static void put_performance(struct cli *cli, size_t troubles)
{
	struct iprep_queue *queue;

	printf(" | troubles=%zu;0;;0", troubles);
	if (iprep_queue_status(cli->ctx, &queue))
		return;
	printf(" reports=%lld;;;0 lookups=%lld;;;0 retractions=%lld;;;0 oldest=%llds;3600;;0",
	       waiting_of(&queue->queued) + waiting_of(&queue->sending),
	       waiting_of(&queue->lookups), waiting_of(&queue->retractions),
	       (long long)queue->oldest_s);
	iprep_queue_free(queue);
}

static void put_answer(const struct answer *answer)
{
	printf("IPREP %s - ", states[answer->worst]);
	if (!answer->count)
		printf("no trouble");
	else if (answer->count == 1)
		put_line(answer->first);
	else
		printf("%zu troubles: %s", answer->count, answer->names_text);
	put_performance(answer->cli, answer->count);
	putchar('\n');
	if (answer->count > 1)
		put_line(answer->details_text);
}

static int look(struct answer *answer)
{
	int rc = iprep_health(answer->cli->ctx, on_trouble, answer);

	if (rc)
		return cli_fail(answer->cli, rc);
	if (answer->cli->json)
		return answer->worst;
	if (fflush(answer->details) || fflush(answer->names)) {
		cli_error(answer->cli, "out of memory");
		return EX_OSERR;
	}
	put_answer(answer);
	return answer->worst;
}

int report_health(struct cli *cli)
{
	struct answer answer = { .cli = cli };
	int status = EX_OSERR;

	answer.details = open_memstream(&answer.details_text, &answer.details_len);
	answer.names = open_memstream(&answer.names_text, &answer.names_len);
	if (answer.details && answer.names)
		status = look(&answer);
	else
		cli_error(cli, "out of memory");
	if (answer.details)
		fclose(answer.details);
	if (answer.names)
		fclose(answer.names);
	free(answer.details_text);
	free(answer.names_text);
	return status;
}

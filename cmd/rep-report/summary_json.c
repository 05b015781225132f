/* SPDX-License-Identifier: MIT */
/* summary_json.c - one object on one line; the numbers themselves, and all of them */
#include "rep-report/summary.h"
#include "rep-report/status.h"
#include "common/json.h"
#include "common/source_json.h"
#include <stdio.h>
#include <string.h>

static void put_sum_members(struct json *json, const struct summary *summary, const char *name,
			    const struct summary_sum *sum)
{
	json_put_object(json, name);
	json_put_int(json, "days", sum->days);
	json_put_int(json, "today", sum->today);
	if (summary->is_comparable)
		json_put_int(json, "before", sum->before);
	else
		json_put_null(json, "before");
	json_close_object(json);
}

/* Figures of one counter are next to each other; a counter without labels is a sum. */
static void put_figure_members(struct json *json, const struct summary *summary)
{
	const char *open = NULL;

	for (size_t i = 0; i < summary_nfigures; i++) {
		const struct summary_figure *figure = &summary_figures[i];

		if (open && strcmp(open, figure->name) != 0) {
			json_close_object(json);
			open = NULL;
		}
		if (!*figure->label) {
			put_sum_members(json, summary, figure->name, &summary->figures[i]);
			continue;
		}
		if (!open)
			json_put_object(json, figure->name);
		open = figure->name;
		put_sum_members(json, summary, figure->label, &summary->figures[i]);
	}
	if (open)
		json_close_object(json);
}

static void put_block_members(struct json *json, const struct summary *summary)
{
	json_put_object(json, "block");
	for (size_t i = 0; i < summary->ntiers; i++)
		put_sum_members(json, summary, summary->tiers[i].name, &summary->tiers[i].sum);
	json_close_object(json);
	json_put_array(json, "days");
	for (int day = 0; day <= summary->whole_days; day++) {
		json_put_object(json, NULL);
		json_put_int(json, "day", summary->first_day + (int64_t)day * DAY_S);
		json_put_object(json, "block");
		for (size_t i = 0; i < summary->ntiers; i++)
			json_put_int(json, summary->tiers[i].name, summary_by_day(summary, day, i));
		json_close_object(json);
		json_close_object(json);
	}
	json_close_array(json);
}

static void put_named_members(struct json *json, const char *member,
			      const struct summary_named *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		json_put_object(json, NULL);
		json_put_text(json, member, list[i].name);
		json_put_int(json, "blocks", list[i].count);
		json_close_object(json);
	}
	json_close_array(json);
}

static void put_source_members(struct json *json, const struct summary *summary)
{
	json_put_array(json, "sources");
	for (size_t i = 0; i < summary->sources.count; i++) {
		json_put_object(json, NULL);
		source_put_json(json, &summary->sources.list[i]);
		json_close_object(json);
	}
	json_close_array(json);
}

static void put_endpoint_members(struct json *json, const struct iprep_queue *queue)
{
	json_put_array(json, "endpoints");
	for (size_t i = 0; queue->has_key && i < queue->nendpoints; i++)
		status_put_endpoint_json(json, queue->endpoints[i]);
	json_close_array(json);
}

static void put_trouble_members(struct json *json, const struct summary *summary)
{
	json_put_array(json, "troubles");
	for (size_t i = 0; i < summary->ntroubles; i++) {
		const struct summary_trouble *trouble = &summary->troubles[i];

		json_put_object(json, NULL);
		json_put_text(json, "name", trouble->name);
		json_put_text(json, "object", trouble->object);
		json_put_text(json, "severity", severity_text(trouble));
		json_put_text(json, "text", trouble->text);
		json_put_time(json, "since", trouble->since);
		json_close_object(json);
	}
	json_close_array(json);
}

void summary_put_json(const struct summary *summary)
{
	struct json json;

	json_begin(&json, stdout);
	json_put_text(&json, "host", summary->host);
	json_put_int(&json, "from", summary->first_day);
	json_put_int(&json, "to", summary->now);
	json_put_int(&json, "whole_days", summary->whole_days);
	json_put_time(&json, "counted_from", summary->begin_day);
	json_put_bool(&json, "comparable", summary->is_comparable);
	put_figure_members(&json, summary);
	put_block_members(&json, summary);
	json_put_array(&json, "jails");
	put_named_members(&json, "jail", summary->jails, summary->njails);
	put_source_members(&json, summary);
	json_put_array(&json, "networks");
	put_named_members(&json, "network", summary->networks, summary->nnetworks);
	json_put_int(&json, "blocks_now", summary->current);
	put_endpoint_members(&json, summary->queue);
	put_trouble_members(&json, summary);
	json_end(&json);
}

/* SPDX-License-Identifier: MIT */
/* settings.c - what others must agree with */
#include "api/iprep_private.h"
#include <stdio.h>
#include <stdlib.h>

struct whole { /* one allocation */
	struct iprep_settings settings;
	struct iprep_tier tiers[TIERS_MAX];
	const struct iprep_tier *list[TIERS_MAX];
	char names[TIERS_MAX][sizeof(((struct conf_tier *)NULL)->name)];
	const char *sources[SOURCES_MAX + 1];
	char source_names[SOURCES_MAX + 1][sizeof(((struct conf_source *)NULL)->name)];
	char verdict_log[CONF_TEXT_MAX], state[CONF_TEXT_MAX], key_file[CONF_TEXT_MAX],
		ca_file[CONF_TEXT_MAX], notify_command[CONF_TEXT_MAX], fleet_zone[CONF_TEXT_MAX],
		fleet_key_file[CONF_TEXT_MAX], fleet_address[ADDR_TEXT_MAX];
};

/* AbuseIPDB is one once its key was looked for. */
static void list_sources(const struct conf *conf, struct whole *whole)
{
	size_t count = 0;

	for (; count < conf->nsources && count < SOURCES_MAX; count++)
		snprintf(whole->source_names[count], sizeof(whole->source_names[0]), "%s",
			 conf->sources[count].name);
	if (*conf->key_file && conf->abuseipdb < 0)
		snprintf(whole->source_names[count++], sizeof(whole->source_names[0]), "abuseipdb");
	for (size_t i = 0; i < count; i++)
		whole->sources[i] = whole->source_names[i];
	whole->settings.sources = whole->sources;
	whole->settings.nsources = count;
}

int iprep_settings(struct iprep_ctx *ctx, const struct iprep_settings **ret_settings)
{
	const struct conf *conf = ctx->conf;
	struct whole *whole = calloc(1, sizeof(*whole));

	if (!whole)
		return err_set(&ctx->err, IPREP_E_NOMEM, "out of memory");
	for (size_t i = 0; i < conf->ntiers; i++) {
		snprintf(whole->names[i], sizeof(whole->names[i]), "%s", conf->tiers[i].name);
		whole->tiers[i] = (struct iprep_tier){ whole->names[i], conf->tiers[i].score,
						       conf->tiers[i].bantime_s };
		whole->list[i] = &whole->tiers[i];
	}
	snprintf(whole->verdict_log, sizeof(whole->verdict_log), "%s", conf->verdict_log);
	snprintf(whole->state, sizeof(whole->state), "%s", conf->state);
	snprintf(whole->key_file, sizeof(whole->key_file), "%s", conf->key_file);
	snprintf(whole->ca_file, sizeof(whole->ca_file), "%s", conf->ca_file);
	snprintf(whole->notify_command, sizeof(whole->notify_command), "%s", conf->notify_command);
	snprintf(whole->fleet_zone, sizeof(whole->fleet_zone), "%s", conf->fleet_zone);
	snprintf(whole->fleet_key_file, sizeof(whole->fleet_key_file), "%s", conf->fleet_key_file);
	addr_text(&conf->fleet_server.addr, whole->fleet_address);
	whole->settings = (struct iprep_settings){ .verdict_log = whole->verdict_log,
						   .state = whole->state,
						   .key_file = whole->key_file,
						   .ca_file = whole->ca_file,
						   .ipv6_prefix = conf->ipv6_prefix,
						   .ntiers = conf->ntiers,
						   .tiers = whole->list,
						   .notify_command = whole->notify_command,
						   .notify_digest = conf_digest_name(conf->digest),
						   .counters_s = conf->keep_counters_s,
						   .fleet_zone = whole->fleet_zone,
						   .fleet_address = whole->fleet_address,
						   .fleet_key_file = whole->fleet_key_file,
						   .fleet_port = conf->fleet_server.port,
						   .fleet_host = conf->fleet_host };
	list_sources(conf, whole);
	*ret_settings = &whole->settings;
	return IPREP_OK;
}

void iprep_settings_free(const struct iprep_settings *settings)
{
	free((void *)(uintptr_t)settings);
}

/* SPDX-License-Identifier: MIT */
#include "rep-report/notify_settings.h"
#include "common/json.h"
#include <stdio.h>

int report_notify_settings(struct cli *cli)
{
	const struct iprep_settings *settings;
	struct json json;
	int rc = iprep_settings(cli->ctx, &settings);

	if (rc)
		return cli_fail(cli, rc);
	if (cli->json) {
		json_begin(&json, stdout);
		json_put_text(&json, "digest", settings->notify_digest);
		json_put_text(&json, "command", settings->notify_command);
		json_end(&json);
	} else {
		printf("digest = %s\ncommand = %s\n", settings->notify_digest,
		       settings->notify_command);
	}
	iprep_settings_free(settings);
	return EX_OK;
}

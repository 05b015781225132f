/* SPDX-License-Identifier: MIT */
/* notify_settings.h - rep-report --notify-settings: section [notify], for iprep-notify */
#pragma once
#include "common/cli.h"

/* A line a key: "digest = weekly". Returns an exit status. */
int report_notify_settings(struct cli *cli);

/* SPDX-License-Identifier: MIT */
/* check_limit.c - [worker] max_new_blocks holds back new blocks */
#include "health/health.h"

int check_blocks_held(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	const struct conf *conf = session->conf;
	char period[DURATION_TEXT_MAX];
	int made = store_blocks_first_since(session->store, checkup->now - conf->max_blocks_s + 1,
					    conf->max_new_blocks);

	if (made < 0)
		return made;
	if (made < conf->max_new_blocks)
		return 0;
	return trouble(
		checkup, "max_new_blocks", 0,
		"max_new_blocks: %d new blocks within %s, further ones wait until a probe finds "
		"a list sound; check the lists with rep-check --self-test, or raise "
		"[worker] max_new_blocks",
		made, duration_text(conf->max_blocks_s, period));
}

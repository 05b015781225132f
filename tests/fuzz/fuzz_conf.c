/* SPDX-License-Identifier: MIT */
/* A configuration file: a configuration in which everything holds, or one sentence with file and
 * line. */
#include "conf/conf.h"
#include "fuzz.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(const struct conf *c)
{
	must(c->ntiers <= TIERS_MAX && c->nsources <= SOURCES_MAX - 1);
	for (size_t i = 1; i < c->ntiers; i++)
		must(c->tiers[i - 1].score < c->tiers[i].score);
	for (size_t i = 0; i < c->ntiers; i++)
		must(c->tiers[i].bantime_s >= 60 && is_plain(c->tiers[i].name) &&
		     *c->tiers[i].name);
	for (size_t i = 0; i < c->nsources; i++) {
		const struct conf_source *s = &c->sources[i];

		must(s->enabled && *s->name && s->least <= 0 && s->most >= 0);
		if (s->type == SOURCE_FEED) {
			must(!*s->url != !*s->file && s->least == 0 && s->most > 0);
			must(s->every_s >= 900 && s->keep_s >= 0);
			continue;
		}
		must(*s->zone && is_plain(s->zone));
		must(!*s->key_file == !strstr(s->zone, "%{"));
	}
	must(c->cache_min_s <= c->cache_max_s && c->cache_min_s > 0);
	must(c->timeout_ms >= 100 && c->timeout_ms <= 60000);
	must(c->ipv6_prefix >= 32 && c->ipv6_prefix <= 128);
	must(c->state[0] == '/' && c->verdict_log[0] == '/');
	must(!strncmp(c->api_url, "http", 4));
	must(c->nallow_nets <= c->nallow && c->nskip_jails <= CONF_GLOBS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = NULL;
	struct err e = { 0 };
	char path[64];
	int fd = memfd_create("conf", MFD_CLOEXEC), r;

	must(fd >= 0 && !fchmod(fd, 0600));
	must(write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = conf_load(path, false, &c, &e);
	close(fd);
	must((r == 0) == (c != NULL));
	if (c) {
		check(c);
		conf_free(c);
		return 0;
	}
	must(r == IPREP_E_CONFIG);
	must(*e.text && is_plain(e.text) && !strncmp(e.text, path, strlen(path)));
	return 0;
}

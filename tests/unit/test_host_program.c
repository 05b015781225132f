/* SPDX-License-Identifier: MIT */
/* test_host_program.c - what belongs to the program that uses the library is as it was afterwards
 */
#include "place.h"
#include <iprep.h>
#include <locale.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBERS	 5
#define VARS_MAX 200

static const char conf_text[] =
	"[general]\nstate = %s/state/iprep.db\nverdict_log = %s/verdict.log\n"
	"[tier known]\nthreshold = 3\nbantime = 1d\n"
	"[dnsbl bad]\nzone = bad.test\npoints = 127.0.0.2*3\n"
	"[abuseipdb]\nkey_file =\n";

/* Each kind of call: configuration, hooks, lookup, worker's lists, maintenance. */
static void use_the_library(const char *conf)
{
	struct iprep_blocks_query query = { .flags = IPREP_BLOCKS_BARE };
	const struct iprep_result *result = NULL;
	struct iprep_purge_stats stats;
	struct iprep_queue *queue = NULL;
	struct iprep_ctx *ctx = NULL;
	bool count = false, wake = false;

	assert_int_equal(iprep_new(&ctx), 0);
	assert_int_equal(iprep_load_config(ctx, conf), 0);
	assert_int_equal(iprep_record_login(ctx, "45.1.1.1"), 0);
	assert_int_equal(iprep_should_count(ctx, "45.1.1.2", "sshd", "root", false, &count, &wake),
			 0);
	assert_int_equal(iprep_lookup(ctx, "45.1.1.2", IPREP_CACHED, &result), 0);
	assert_int_equal(iprep_queue_status(ctx, &queue), 0);
	assert_int_equal(iprep_blocks(ctx, &query), 0);
	assert_int_equal(iprep_purge(ctx, NULL, &stats), 0);
	iprep_queue_free(queue);
	iprep_result_free(result);
	iprep_free(ctx);
}

static void write_conf(const char *path)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, conf_text, place.dir, place.dir);
	fclose(file);
}

FIXTURE(place_set_up, place_tear_down);

TEST(nothing_of_the_host_program_is_touched)
{
	long want[NUMBERS], got[NUMBERS];
	struct sigaction before[NSIG], after;
	const char *path = place_path("iprep.conf");
	char locale_was[200];
	char *vars[VARS_MAX] = { NULL };
	mode_t mask;

	assert_ok(mkdir(place_path("state"), 0700));
	write_conf(path);
	snprintf(locale_was, sizeof(locale_was), "%s", setlocale(LC_ALL, NULL));
	for (int i = 0; environ[i] && i < VARS_MAX - 1; i++)
		vars[i] = environ[i];
	for (int i = 1; i < NSIG; i++)
		sigaction(i, NULL, &before[i]);
	mask = umask(027);
	srandom(7);
	for (int i = 0; i < NUMBERS; i++)
		want[i] = random();
	srandom(7);
	use_the_library(path);
	for (int i = 0; i < NUMBERS; i++)
		got[i] = random();
	assert_memory_equal(want, got, sizeof(want));
	assert_int_equal(umask(mask), 027);
	assert_string_equal(setlocale(LC_ALL, NULL), locale_was);
	for (int i = 0; vars[i]; i++)
		assert_ptr_equal(environ[i], vars[i]);
	for (int i = 1; i < NSIG; i++)
		if (!sigaction(i, NULL, &after))
			assert_true(after.sa_handler == before[i].sa_handler);
}

/* SPDX-License-Identifier: MIT */
/* test_context.c - one context for many calls: each sees the key file as it is then */
#include "api/iprep_private.h"
#include "place.h"
#include <iprep.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char conf_text[] =
	"[general]\nstate = %s/state/iprep.db\nverdict_log = %s/verdict.log\n"
	"[tier known]\nthreshold = 3\nbantime = 1d\n"
	"[dnsbl bad]\nzone = bad.test\npoints = 127.0.0.2*3\n"
	"[abuseipdb]\nkey_file = %s/key\n";
static struct iprep_ctx *ctx;

static int set_up(void **state)
{
	struct iprep_purge_stats stats;
	char text[600];
	int rc = place_set_up(state);

	if (rc)
		return rc;
	snprintf(text, sizeof(text), conf_text, place.dir, place.dir, place.dir);
	place_write("iprep.conf", text, strlen(text), 0644);
	place_write("key", "first", 5, 0600);
	if (mkdir(place_path("state"), 0700) || iprep_new(&ctx) ||
	    iprep_load_config(ctx, place_path("iprep.conf")))
		return -1;
	return iprep_purge(ctx, NULL, &stats); /* to write */
}

static int tear_down(void **state)
{
	ctx = iprep_free(ctx);
	return place_tear_down(state);
}

FIXTURE(set_up, tear_down);

/* As the service's answer does. */
static void refuse_key(void)
{
	struct quota_seen seen = { .seen = true, .auth_failed = true, .error = "401" };

	seen.remaining = -1;
	assert_ok(store_quota_take(ctx->store, "report", 1));
	assert_true(store_quota_seen(ctx->store, "report", ctx->auth_mark, &seen) >= 0);
}

static struct iprep_queue *status_now(void)
{
	struct iprep_queue *queue = NULL;

	assert_ok(iprep_queue_status(ctx, &queue));
	return queue;
}

static void assert_key(bool there, bool refused, const char *error)
{
	struct iprep_queue *queue = status_now();

	assert_int_equal(queue->has_key, there);
	for (size_t i = 0; i < queue->nendpoints; i++)
		assert_int_equal(queue->endpoints[i]->key_refused, refused);
	if (error)
		assert_has(queue->key_error, error);
	else
		assert_null(queue->key_error);
	iprep_queue_free(queue);
}

TEST(a_key_that_was_refused_and_then_replaced_is_not_refused)
{
	assert_key(true, false, NULL);
	refuse_key();
	assert_key(true, true, NULL);
	assert_ok(unlink(place_path("key")));
	place_write("key", "second", 6, 0600);
	assert_key(true, false, NULL);
}

TEST(a_key_that_was_refused_and_then_removed_is_no_key)
{
	assert_key(true, false, NULL);
	refuse_key();
	assert_key(true, true, NULL);
	assert_ok(unlink(place_path("key")));
	assert_key(false, false, NULL);
	assert_string_equal(ctx->secret, "");
	assert_int_equal(ctx->conf->abuseipdb, -1); /* no call is made with an empty key */
}

/* As iprep_health() and those that may not read the key do. */
TEST(the_mark_of_a_key_ends_with_its_file)
{
	assert_ok(ctx_note_key_mark(ctx));
	assert_string_not_equal(ctx->auth_mark, "");
	assert_int_equal(ctx->conf->abuseipdb, 1);
	assert_ok(unlink(place_path("key")));
	assert_ok(ctx_note_key_mark(ctx));
	assert_string_equal(ctx->auth_mark, "");
	assert_int_equal(ctx->conf->abuseipdb, -1);
}

TEST(a_key_file_that_was_unsafe_and_then_mended_is_no_error)
{
	assert_ok(chmod(place_path("key"), 0644));
	assert_key(false, false, "permissions 0644");
	assert_ok(chmod(place_path("key"), 0600));
	assert_key(true, false, NULL);
	assert_ok(chmod(place_path("key"), 0644));
	assert_key(false, false, "permissions 0644");
	assert_ok(unlink(place_path("key")));
	assert_key(false, false, NULL);
}

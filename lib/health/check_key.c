/* SPDX-License-Identifier: MIT */
/*
 * check_key.c - a key is missing, cannot be used, or was refused
 *
 * No key file is how iprep runs without AbuseIPDB: it is a trouble only if it was used in the last
 * 30 days, or if a feed needs it.
 */
#include "conf/key_file.h"
#include "health/health.h"
#include "source/source.h"
#include "source/feed.h"

#define USED_S ((int64_t)30 * DAY_S)

static int key_of_owner(const struct checkup *checkup, const char *path, struct err *error)
{
	char key[SECRET_MAX];
	int rc;

	if (!checkup->is_owner)
		return key_file_judge(path, checkup->uid, checkup->gid, error);
	rc = key_file_read(path, key, error);
	key_file_wipe(key);
	return rc;
}

static bool has_feed_with_key(const struct conf *conf)
{
	for (size_t i = 0; i < conf->nsources; i++)
		if (conf->sources[i].type == SOURCE_FEED && feed_needs_key(conf, &conf->sources[i]))
			return true;
	return false;
}

/* 1: the key was good at some time of the last 30 days; 0: it was not. */
static int was_used(const struct checkup *checkup)
{
	for (int kind = TASK_LOOKUP; kind <= TASK_FETCH; kind++) {
		struct quota quota;
		int rc = store_quota_get(checkup->session->store,
					 abuseipdb_endpoint((enum task_kind)kind), "", &quota);

		if (rc)
			return rc;
		if (quota.last_ok_at > checkup->now - USED_S)
			return 1;
	}
	return 0;
}

int check_key_missing(const struct checkup *checkup)
{
	const struct conf *conf = checkup->session->conf;
	struct err error = { 0 };
	int used;

	if (!*conf->key_file || key_of_owner(checkup, conf->key_file, &error) != 1)
		return 0;
	used = was_used(checkup);
	if (used < 0)
		return used;
	if (!used && !has_feed_with_key(conf))
		return 0;
	return trouble(checkup, conf->key_file, 0,
		       "%s: no such file, nothing is reported to AbuseIPDB or looked up there; put "
		       "the key there, or set [abuseipdb] key_file to nothing",
		       conf->key_file);
}

static int look_at_key(const struct checkup *checkup, const char *path, bool may_be_missing,
		       const char *effect)
{
	struct err error = { 0 };
	int rc = key_of_owner(checkup, path, &error);

	if (!rc || (rc == 1 && may_be_missing) || rc == KEY_NOT_SEEN)
		return 0;
	return trouble(checkup, path, 0, "%s; %s", error.text, effect);
}

int check_key_unreadable(const struct checkup *checkup)
{
	const struct conf *conf = checkup->session->conf;
	int rc = 0;

	if (*conf->key_file)
		rc = look_at_key(checkup, conf->key_file, true,
				 "AbuseIPDB is not used until this is corrected");
	for (size_t i = 0; i < conf->nsources && !rc; i++)
		if (*conf->sources[i].key_file)
			rc = look_at_key(checkup, conf->sources[i].key_file, false,
					 "its list is not used until this is corrected");
	return rc;
}

int check_key_refused(const struct checkup *checkup)
{
	const struct session *session = checkup->session;
	struct quota quota;
	int rc;

	if (!*session->auth_mark)
		return 0;
	rc = store_quota_get(session->store, abuseipdb_endpoint(TASK_REPORT), session->auth_mark,
			     &quota);
	if (rc || !quota.auth_failed)
		return rc;
	return trouble(checkup, session->conf->key_file, 0,
		       "%s: AbuseIPDB refused the key, nothing is reported or looked up there; put "
		       "a valid key into the file",
		       session->conf->key_file);
}

/* SPDX-License-Identifier: MIT */
#include "common/since.h"
#include "common/text.h"
#include <time.h>

#define DAY_S	   86400
#define YEAR_10000 253402300799

/* strptime(3) takes blanks, short fields and the 31st of February; what comes back must be the
 * text. */
static bool parse_date(const char *text, const char *format, int64_t *ret_at)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, format, &tm);
	char again[32];
	time_t at;

	if (!end || *end)
		return false;
	at = timegm(&tm);
	if (!gmtime_r(&at, &tm) || !strftime(again, sizeof(again), "%Y-%m-%d %H:%M:%SZ", &tm))
		return false;
	for (size_t i = 0; text[i]; i++)
		if (text[i] != again[i] && !(i == 10 && text[i] == 'T'))
			return false;
	*ret_at = at;
	return true;
}

/* What the text means, whether it is over or not; -1: nothing. */
static int64_t parse_point(const char *text, int64_t now)
{
	static const char *const formats[] = {
		"%Y-%m-%d",
		"%Y-%m-%d %H:%M",
		"%Y-%m-%d %H:%M:%S",
		"%Y-%m-%dT%H:%M:%SZ",
	};
	int64_t at = -1, ago;
	long long number;

	if (!iprep_parse_duration(text, &ago))
		at = now - ago;
	else if (*text == '@' && number_parse(text + 1, 0, YEAR_10000, &number))
		at = number;
	for (size_t i = 0; at < 0 && i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!parse_date(text, formats[i], &at))
			at = -1;
	return at;
}

bool since_parse(const char *text, int64_t now, int64_t *ret_at)
{
	*ret_at = parse_point(text, now);
	return *ret_at >= 0 && *ret_at <= now;
}

int since_check(struct cli *cli, const char *text, int64_t *ret_at)
{
	if (!text || since_parse(text, time(NULL), ret_at))
		return EX_OK;
	if (*ret_at >= 0)
		return cli_usage(cli, "--since: \"%.40s\": is in the future", text);
	return cli_usage(cli,
			 "--since: \"%.40s\": expected an age (90, 15m, 7d) or a past time in UTC "
			 "(2026-01-31, \"2026-01-31 14:00\", @SECONDS)",
			 text);
}

int since_period(struct cli *cli, const char *text, int64_t *ret_at)
{
	const struct iprep_settings *settings;
	char first[UTC_TEXT_MAX];
	int64_t at = 0, kept_s;
	int rc = since_check(cli, text, &at);

	if (rc)
		return rc;
	rc = iprep_settings(cli->ctx, &settings);
	if (rc)
		return cli_fail(cli, rc);
	kept_s = settings->counters_s;
	iprep_settings_free(settings);
	if (at / DAY_S < (time(NULL) - kept_s) / DAY_S)
		return cli_usage(
			cli,
			"--since: \"%.40s\": the oldest day that is kept is %.10s ([retention] "
			"counters); choose a later time",
			text, utc_minute(time(NULL) - kept_s, first));
	*ret_at = at;
	return EX_OK;
}

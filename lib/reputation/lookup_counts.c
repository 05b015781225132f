/* SPDX-License-Identifier: MIT */
#include "reputation/lookup_counts.h"
#include <stdio.h>
#include <string.h>

/* ---- each try ---- */

static int count_latency(const struct session *session, const char *source, int waited_ms)
{
	static const int bounds_ms[] = { 10, 30, 100, 300, 1000, 3000 };
	char label[64];
	int rc = store_count(session->store, "latency_ms", source, waited_ms);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(bounds_ms) / sizeof(bounds_ms[0]); i++) {
		if (waited_ms > bounds_ms[i])
			continue;
		snprintf(label, sizeof(label), "%s\t%d", source, bounds_ms[i]);
		return store_count(session->store, "latency", label, 1);
	}
	snprintf(label, sizeof(label), "%s\tinf", source);
	return store_count(session->store, "latency", label, 1);
}

static bool has_failed(const struct finding *finding)
{
	return finding->status == FINDING_TIMEOUT || finding->status == FINDING_ERROR ||
	       finding->status == FINDING_DENIED;
}

/* The score of a report's answer stays where a check fails, and is not one of the network. */
static bool check_has_failed(const struct session *session, const struct lookup *lookup)
{
	int paid = session->conf->abuseipdb;

	return paid >= 0 && lookup->task.asked & SOURCE_BIT(paid) &&
	       (has_failed(&lookup->findings[paid]) || lookup->findings[paid].partial);
}

int lookup_counts_try(const struct session *session, const struct lookup *lookup)
{
	int rc = 0;

	for (size_t i = 0; i < session->conf->nsources && !rc; i++)
		if (lookup->findings[i].status == FINDING_OK && lookup->findings[i].waited_ms > 0)
			rc = count_latency(session, session->conf->sources[i].name,
					   lookup->findings[i].waited_ms);
	if (rc || !check_has_failed(session, lookup))
		return rc;
	return store_count(session->store, "api_error", "check", 1);
}

/* ---- the outcome ---- */

/* Less than it is without the points of this source? */
static bool is_decisive(const struct session *session, const struct lookup *lookup, size_t row)
{
	struct finding without[SOURCES_MAX];
	struct verdict verdict;

	memcpy(without, lookup->findings, session->conf->nsources * sizeof(without[0]));
	without[row].points = 0;
	verdict_weigh(session->conf, without, lookup->origin, 0, &verdict);
	return verdict.kind != V_CONFIRMED || verdict.tier < lookup->verdict.tier;
}

static bool accuses(const struct finding *finding)
{
	return finding->status == FINDING_OK && finding->points > 0;
}

static int count_decisive(const struct session *session, const struct lookup *lookup, size_t row)
{
	const char *name = session->conf->sources[row].name;
	int rc;

	if (!is_decisive(session, lookup, row))
		return 0;
	rc = store_count(session->store, "decisive", name, 1);
	if (rc)
		return rc;
	for (size_t i = 0; i < session->conf->nsources; i++)
		if (i != row && accuses(&lookup->findings[i]))
			return 0;
	return store_count(session->store, "alone", name, 1);
}

/* What it did not ask, and has not on disk, was not consulted: a quota may refuse a check. */
static int count_source(const struct session *session, const struct lookup *lookup, size_t row)
{
	const struct finding *finding = &lookup->findings[row];
	const char *name = session->conf->sources[row].name;
	bool answered = finding->status == FINDING_OK;
	bool asked = lookup->task.asked & SOURCE_BIT(row);
	int rc;

	if (!answered && !(asked && finding->status != FINDING_NONE))
		return 0;
	rc = store_count(session->store, "asked", name, 1);
	if (!rc && answered)
		rc = store_count(session->store, "answered", name, 1);
	else if (!rc && has_failed(finding))
		rc = store_count(session->store, "error", name, 1);
	if (rc || !accuses(finding))
		return rc;
	rc = store_count(session->store, "listed", name, 1);
	if (rc || lookup->verdict.kind != V_CONFIRMED)
		return rc;
	return count_decisive(session, lookup, row);
}

int lookup_counts_end(const struct session *session, const struct lookup *lookup)
{
	static const char *const verdicts[] = { [V_UNKNOWN] = "unknown",
						[V_CLEAN] = "clean",
						[V_CONFIRMED] = "confirmed",
						[V_EXEMPT] = "exempt",
						[V_UNLISTED] = "clean" };
	int rc = store_count(session->store, "lookup", verdicts[lookup->verdict.kind], 1);

	for (size_t i = 0; i < session->conf->nsources && !rc; i++)
		rc = count_source(session, lookup, i);
	return rc;
}

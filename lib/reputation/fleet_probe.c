/* SPDX-License-Identifier: MIT */
#include "reputation/fleet_probe.h"
#include "base/buf.h"
#include "conf/fleet.h"
#include "reputation/fleet_call.h"
#include "source/fleet.h"
#include <stdio.h>
#include <string.h>

static void probe_says(struct fleet_probe *probe, enum iprep_source_state state, const char *why)
{
	probe->state = state;
	snprintf(probe->why, sizeof(probe->why), "%s", why);
}

/* The file is looked at by --ready as well, without network. */
static bool probe_key(const struct session *session, struct fleet_call *call,
		      struct fleet_probe *ret)
{
	enum fleet_key_form form = FLEET_KEY_BIND;

	if (fleet_key_check(session->conf->fleet_key_file, &form, NULL, session->err)) {
		probe_says(ret, IPREP_SRC_NO_KEY, session->err->text);
		*session->err = (struct err){ .code = 0 };
		return false;
	}
	call->request.value = (int)form;
	return true;
}

static int ask(const struct session *session, struct fleet_call *call, enum iprep_runner_kind kind,
	       const char *text)
{
	call->request.kind = (int)kind;
	call->request.text = text;
	call->request.len = strlen(text);
	return fleet_call_wait(session, call);
}

/* Continues only if the server has the zone itself. */
static int probe_zone(const struct session *session, struct fleet_call *call,
		      struct fleet_probe *ret, bool *ret_goes_on)
{
	int64_t began_ms = clock_mono_ms();
	char why[DETAIL_MAX];
	struct fleet_soa soa;
	int rc = ask(session, call, IPREP_RUN_SERIAL, "");

	*ret_goes_on = false;
	if (rc)
		return rc;
	fleet_soa_read(&call->answer, &soa, why);
	if (soa.serial < 0) {
		probe_says(ret, IPREP_SRC_SILENT, why);
		return 0;
	}
	ret->latency_ms = (int)(clock_mono_ms() - began_ms);
	if (strcmp(soa.zone, session->conf->fleet_zone) != 0) {
		ret->state = IPREP_SRC_MISMATCH;
		snprintf(ret->why, sizeof(ret->why),
			 "the server answers for %.150s, not for [fleet] zone %.150s", soa.zone,
			 session->conf->fleet_zone);
		return 0;
	}
	snprintf(ret->why, sizeof(ret->why), "takes updates as host %d, serial %lld",
		 session->conf->fleet_host, (long long)soa.serial);
	*ret_goes_on = true;
	return 0;
}

static int probe_number(const struct session *session, const char *identity,
			struct fleet_call *call, struct fleet_probe *ret, bool *ret_goes_on)
{
	size_t others;
	int rc = ask(session, call, IPREP_RUN_IDENTITY, "");

	if (rc)
		return rc;
	others = fleet_identities_read(&call->answer, text_or(identity, ""));
	if (others < (identity ? 1 : 2)) /* one may be its own */
		return 0;
	*ret_goes_on = false;
	ret->state = IPREP_SRC_MISMATCH;
	snprintf(ret->why, sizeof(ret->why),
		 "another host publishes as [fleet] host %d too; give each its own number, or, if "
		 "it was this one before it lost its state, run rep-purge --fleet-host %d",
		 session->conf->fleet_host, session->conf->fleet_host);
	return 0;
}

/* No host has this identity. */
static int probe_update(const struct session *session, struct fleet_call *call,
			struct fleet_probe *ret)
{
	enum fleet_outcome outcome;
	char text[400], why[DETAIL_MAX];
	int rc;

	snprintf(text, sizeof(text), "update delete %d._host.%s. IN TXT \"i=0\"\n",
		 session->conf->fleet_host, session->conf->fleet_zone);
	rc = ask(session, call, IPREP_RUN_UPDATE, text);
	if (rc)
		return rc;
	outcome = fleet_answer_judge(&call->answer, why);
	if (outcome != FLEET_DONE)
		probe_says(ret, outcome == FLEET_REFUSED ? IPREP_SRC_REFUSED : IPREP_SRC_SILENT,
			   why);
	return 0;
}

int fleet_probe_run(const struct session *session, const char *identity, struct fleet_probe *ret)
{
	struct fleet_call call = { .request = { .text = "" } };
	bool goes_on;
	int rc;

	*ret = (struct fleet_probe){ .state = IPREP_SRC_OK, .latency_ms = -1 };
	if (!probe_key(session, &call, ret))
		return 0;
	rc = probe_zone(session, &call, ret, &goes_on);
	if (!rc && goes_on)
		rc = probe_number(session, identity, &call, ret, &goes_on);
	if (!rc && goes_on)
		rc = probe_update(session, &call, ret);
	fleet_call_done(&call);
	return rc;
}

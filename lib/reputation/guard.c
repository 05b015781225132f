/* SPDX-License-Identifier: MIT */
#include "reputation/guard.h"
#include "reputation/feeds.h"

static const char own_address[] = "an address of this host";

static const char own_unknown[] = "the addresses of this host cannot be read";

/* An error must not make this host accuse itself. */
static const char *own_reason(int own)
{
	if (own < 0)
		return own_unknown;
	if (own)
		return own_address;
	return NULL;
}

bool guard_is_error(const char *why)
{
	return why == own_unknown;
}

static int is_own(const struct session *session, const struct addr *addr)
{
	if (session->own)
		return local_addr_list_has(session->own, addr);
	return local_addr_has(addr);
}

static int holds_own(const struct session *session, const struct prefix *prefix)
{
	if (!session->own)
		return local_addr_in(prefix);
	for (size_t i = 0; i < session->own->count; i++)
		if (prefix_has(prefix, &session->own->addrs[i]))
			return 1;
	return 0;
}

const char *guard_check_in_hook(const struct session *session, const struct addr *addr)
{
	const char *special = addr_special(addr);

	if (special)
		return special;
	if (conf_allowed(session->conf, addr, clock_now_s(&session->clock)))
		return "allowed by [allow]";
	return feeds_allowed(session, addr);
}

const char *guard_check(const struct session *session, const struct addr *addr)
{
	const char *why = guard_check_in_hook(session, addr);

	if (why)
		return why;
	return own_reason(is_own(session, addr));
}

const char *guard_check_own(const struct session *session, const struct prefix *prefix)
{
	if (conf_allowed_inside(session->conf, prefix, clock_now_s(&session->clock)))
		return "contains an address in [allow]";
	if (feeds_hosts_inside(session, prefix))
		return "contains an address of a host name in [allow]";
	return own_reason(holds_own(session, prefix));
}

const char *guard_check_inside(const struct session *session, const struct prefix *prefix)
{
	const char *why = guard_check_own(session, prefix);

	if (!why && feeds_allowed_inside(session, prefix))
		return "contains an address of an SPF domain in [allow]";
	return why;
}

const char *guard_check_key(const struct session *session, const struct addr *key)
{
	const char *why = guard_check_in_hook(session, key);
	struct addr cut = addr_key(key, session->conf->ipv6_prefix);
	struct prefix prefix = { *key, 128 };

	if (why)
		return why;
	if (!addr_is_v4(key) && addr_equal(&cut, key))
		prefix.bits = session->conf->ipv6_prefix;
	return guard_check_inside(session, &prefix);
}

bool guard_allows_key(const struct session *session, const struct addr *key)
{
	const struct conf *conf = session->conf;
	struct addr cut = addr_key(key, conf->ipv6_prefix);
	struct prefix prefix = { *key, 128 };
	int64_t now = clock_now_s(&session->clock);

	if (conf_allowed(conf, key, now))
		return true;
	if (!addr_is_v4(key) && addr_equal(&cut, key))
		prefix.bits = conf->ipv6_prefix;
	return conf_allowed_inside(conf, &prefix, now) || feeds_allowed_inside(session, &prefix);
}

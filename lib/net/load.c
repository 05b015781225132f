/* SPDX-License-Identifier: MIT */
/* load.c - opens net.so when it is first needed */
#include "net/net.h"
#include "base/json.h"
#include "base/module.h"

int net_load(const struct net_ops **ret_ops, struct err *error)
{
	static struct module module = { "network", IPREP_NET_MODULE, "iprep_net", NULL };
	const void *table;
	int rc = json_load(error); /* for what is answered */

	if (!rc)
		rc = module_load(&module, &table, error);
	if (rc)
		return rc;
	*ret_ops = table;
	return 0;
}

const char *net_status_text(enum net_status status)
{
	switch (status) {
	case NET_OK:
		return "answered";
	case NET_NXDOMAIN:
		return "no such name";
	case NET_NODATA:
		return "no such record";
	case NET_TIMEOUT:
		return "timeout";
	case NET_REFUSED:
		return "REFUSED";
	case NET_SERVFAIL:
		return "SERVFAIL";
	case NET_BROKEN:
		break;
	}
	return "broken answer";
}

/* SPDX-License-Identifier: MIT */
/* net_load.c - opens net.so from its compiled-in absolute path, once, when it is first needed */
#include "net.h"
#include <dlfcn.h>
#include <string.h>

int net_load(const struct net_ops **ret_ops, struct err *e)
{
	void *module = dlopen(IPREP_NET_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	const struct net_ops *ops;

	if (!module)
		return err_set(e, IPREP_E_OS, "%s: the network module cannot be loaded: %s",
			       IPREP_NET_MODULE, dlerror());
	ops = dlsym(module, "iprep_net");
	if (!ops || strcmp(ops->version, IPREP_VERSION))
		return err_set(e, IPREP_E_OS, "%s: the network module is of version %s, expected %s",
			       IPREP_NET_MODULE, ops ? ops->version : "none", IPREP_VERSION);
	*ret_ops = ops;
	return 0;
}

const char *net_status_text(enum net_status s)
{
	switch (s) {
	case NET_OK: return "answered";
	case NET_NXDOMAIN: return "no such name";
	case NET_NODATA: return "no such record";
	case NET_TIMEOUT: return "timeout";
	case NET_REFUSED: return "REFUSED";
	case NET_SERVFAIL: return "SERVFAIL";
	case NET_BROKEN: break;
	}
	return "broken answer";
}

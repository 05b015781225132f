/* SPDX-License-Identifier: MIT */
/*
 * load.c - opens net.so when it is first needed (dlopen(3))
 *
 * From its compiled-in absolute path: no search path, no environment. RTLD_NOW, so that missing
 * symbols are found here and not in the middle of a request; RTLD_LOCAL, so that the symbols of its
 * libraries stay hidden. Never closed: libcurl and OpenSSL leave state behind in the process.
 */
#include "net/net.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

static int cannot_load(const char *why, struct err *error)
{
	size_t len = strlen(IPREP_NET_MODULE);

	/* dlerror(3) often begins with the path itself; once is enough. */
	if (!strncmp(why, IPREP_NET_MODULE, len) && !strncmp(why + len, ": ", 2))
		why += len + 2;
	return err_set(error, IPREP_E_OS, "cannot load the network module %s: %s", IPREP_NET_MODULE,
		       why);
}

int net_load(const struct net_ops **ret_ops, struct err *error)
{
	/* Read-only once set; that two threads both set it to the same address is harmless. */
	static _Atomic(const struct net_ops *) loaded;
	const struct net_ops *ops = atomic_load(&loaded);
	void *module;

	if (ops) {
		*ret_ops = ops;
		return 0;
	}
	module = dlopen(IPREP_NET_MODULE, RTLD_NOW | RTLD_LOCAL);
	if (!module)
		return cannot_load(dlerror(), error);
	ops = dlsym(module, "iprep_net");
	if (!ops || strcmp(ops->version, IPREP_VERSION)) {
		err_set(error, IPREP_E_OS, "the network module %s has version %s instead of %s",
			IPREP_NET_MODULE, ops ? ops->version : "unknown", IPREP_VERSION);
		dlclose(module);
		return IPREP_E_OS;
	}
	atomic_store(&loaded, ops);
	*ret_ops = ops;
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

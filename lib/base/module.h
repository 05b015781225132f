/* SPDX-License-Identifier: MIT */
/*
 * module.h - a part of the library in a file of its own, opened when it is first needed (dlopen(3))
 *
 * From its compiled-in absolute path: no search path, no environment. RTLD_NOW, so that missing
 * symbols are found here and not in the middle of a request; RTLD_LOCAL, so that the symbols of its
 * libraries stay hidden. Never closed: libcurl and OpenSSL leave state behind in the process.
 */
#pragma once
#include "base/err.h"

struct module {
	const char *what, *path;
	const char *symbol; /* of a table whose first member is the version of the library */
	_Atomic(const void *) table; /* NULL: not loaded yet */
};

/* Load the module once; the table stays valid until the process ends. Errors: _OS. */
int module_load(struct module *module, const void **ret_table, struct err *error);

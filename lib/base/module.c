/* SPDX-License-Identifier: MIT */
#include "base/module.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

static int cannot_load(const struct module *module, const char *why, struct err *error)
{
	size_t len = strlen(module->path);

	/* dlerror(3) often begins with the path itself; once is enough. */
	if (!strncmp(why, module->path, len) && !strncmp(why + len, ": ", 2))
		why += len + 2;
	return err_set(error, IPREP_E_OS, "cannot load the %s module %s: %s", module->what,
		       module->path, why);
}

int module_load(struct module *module, const void **ret_table, struct err *error)
{
	/* Read-only once set; that two threads both set it to the same address is harmless. */
	const void *table = atomic_load(&module->table);
	const char *version = "unknown";
	void *handle;

	if (table) {
		*ret_table = table;
		return 0;
	}
	handle = dlopen(module->path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return cannot_load(module, dlerror(), error);
	table = dlsym(handle, module->symbol);
	if (table)
		version = *(const char *const *)table;
	if (strcmp(version, IPREP_VERSION) != 0) {
		err_set(error, IPREP_E_OS, "the %s module %s has version %s instead of %s",
			module->what, module->path, version, IPREP_VERSION);
		dlclose(handle);
		return IPREP_E_OS;
	}
	atomic_store(&module->table, table);
	*ret_table = table;
	return 0;
}

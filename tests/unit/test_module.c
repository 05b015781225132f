/* SPDX-License-Identifier: MIT */
/* test_module.c - modules that are missing, or are of another version */
#include "base/module.h"
#include "unit.h"

static const struct { /* libc.so.6 stands for a module of another release */
	const char *path, *symbol, *says;
} rows[] = {
	{ "/nonexistent/x.so", "iprep_x", "cannot load the X module /nonexistent/x.so: " },
	{ "libc.so.6", "iprep_x", "the X module libc.so.6 has version unknown instead of " },
};

TEST(a_module_that_cannot_be_used_is_an_error_each_time)
{
	for (size_t i = 0; i < COUNT(rows) * 2; i++) {
		struct module module = { "X", rows[i / 2].path, rows[i / 2].symbol, NULL };
		const void *table = rows;
		struct err error;

		assert_int_equal(module_load(&module, &table, &error), IPREP_E_OS);
		assert_ptr_equal(table, rows);
		assert_int_equal(strncmp(error.text, rows[i / 2].says, strlen(rows[i / 2].says)),
				 0);
	}
}

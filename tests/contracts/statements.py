# SPDX-License-Identifier: MIT
"""statements.py - a value of a statement that has another type than its macro names does not compile (store/sql.h)"""
import shutil
import subprocess

SOURCE = """
#include "store/sql.h"
int try_it(struct store *store, struct addr *key, const struct addr *const_key, int64_t number, size_t count,
	   bool flag, enum origin origin, char *text, const char *const_text, double real, void *any);
int try_it(struct store *store, struct addr *key, const struct addr *const_key, int64_t number, size_t count,
	   bool flag, enum origin origin, char *text, const char *const_text, double real, void *any)
{
	(void)key; (void)const_key; (void)number; (void)count; (void)flag; (void)origin;
	(void)text; (void)const_text; (void)real; (void)any;
	return sql_run(store, "", %s);
}
"""
RIGHT = ['SQL_NONE', 'SQL_KEY(key)', 'SQL_KEY(const_key)', 'SQL_INT(number)', 'SQL_INT(count)', 'SQL_INT(flag)',
         'SQL_INT(origin)', 'SQL_INT(7)', 'SQL_TEXT(text)', 'SQL_TEXT(const_text)', 'SQL_TEXT("x")',
         'SQL_TEXT(flag ? text : NULL)', 'SQL_KEY(key), SQL_INT(number), SQL_TEXT(text)']
WRONG = ['SQL_KEY(number)', 'SQL_KEY(text)', 'SQL_KEY(any)', 'SQL_KEY(*key)', 'SQL_INT(key)', 'SQL_INT(text)',
         'SQL_INT(real)', 'SQL_TEXT(key)', 'SQL_TEXT(number)', 'SQL_TEXT(any)', 'SQL_TEXT(NULL)', 'number', 'text',
         'key', '7', 'SQL_KEY(key), number']


def compiled(root, compiler, values):
    # Without warnings as errors: a wrong type is an error of the language.
    command = [compiler, '-std=gnu11', '-fsyntax-only', '-w', '-x', 'c', f'-I{root}/lib', f'-I{root}/lib/include', '-']
    return subprocess.run(command, input=SOURCE % values, text=True, capture_output=True)


def check(root):
    compilers = [name for name in ('gcc', 'clang', 'cc') if shutil.which(name)]
    if not compilers:
        yield 'no compiler is installed'
    for compiler in compilers:
        for values in RIGHT:
            result = compiled(root, compiler, values)
            if result.returncode:
                yield f'{compiler}: {values} does not compile:\n{result.stderr}'
        for values in WRONG:
            if not compiled(root, compiler, values).returncode:
                yield f'{compiler}: {values} compiles'

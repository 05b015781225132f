/* SPDX-License-Identifier: MIT */
/*
 * look.c - what a user of libiprep writes: look one address up; C11, and C++ as it stands
 *
 *   look CONFIGURATION ADDRESS
 *
 * Knows <iprep.h> and nothing else of the project. Keeps no state, so it needs no rights to it.
 */
#include <iprep.h>
#include <stdio.h>

static void on_answer(void *user, const char *address, int err, const struct iprep_result *result)
{
	static const char *const verdicts[] = { "unknown", "clean", "confirmed", "exempt" };
	int *nanswers = (int *)user;

	++*nanswers;
	if (err) {
		printf("%s: %s\n", address, iprep_strerror(err));
		return;
	}
	printf("%s %s %d..%d %s\n", result->address, verdicts[result->verdict], result->low,
	       result->high, result->tier ? result->tier : "-");
	for (size_t i = 0; i < result->nfindings; i++)
		printf("%s %+d\n", result->findings[i]->source, result->findings[i]->points);
}

int main(int argc, char **argv)
{
	struct iprep_ctx *ctx;
	int nanswers = 0, r;

	if (argc != 3) {
		fprintf(stderr, "usage: look CONFIGURATION ADDRESS (libiprep %s)\n",
			iprep_version());
		return 64;
	}
	r = iprep_new(&ctx);
	if (r) {
		fprintf(stderr, "look: %s\n", iprep_strerror(r));
		return 71;
	}
	r = iprep_load_config(ctx, argv[1]);
	if (!r)
		r = iprep_check(ctx, (const char *const *)&argv[2], 1, IPREP_NO_STATE, 0, on_answer,
				&nanswers);
	if (r)
		fprintf(stderr, "look: %s\n", iprep_errmsg(ctx));
	ctx = iprep_free(ctx);
	return r || nanswers != 1;
}

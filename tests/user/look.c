/* SPDX-License-Identifier: MIT */
#include <iprep.h>
#include <stdio.h>

int main(int argc, char **argv) /* look [CONFIGURATION] ADDRESS */
{
	const struct iprep_result *result = NULL;
	struct iprep_ctx *ctx = NULL;
	int rc = iprep_new(&ctx);

	if (!rc)
		rc = iprep_load_config(ctx, argc > 2 ? argv[1] : NULL);
	if (!rc)
		rc = iprep_lookup(ctx, argv[argc - 1], IPREP_NO_STATE, &result);
	if (rc)
		fprintf(stderr, "look: %s\n", iprep_errmsg(ctx));
	else
		printf("%s: %d..%d\n", result->address, result->low, result->high);
	iprep_result_free(result);
	iprep_free(ctx);
	return rc != 0;
}

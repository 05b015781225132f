/* SPDX-License-Identifier: MIT */
#include <iprep.h>
#include <stdio.h>

int main(int argc, char **argv) /* look CONFIGURATION ADDRESS */
{
	const struct iprep_result *result = NULL;
	struct iprep_ctx *ctx = NULL;
	int rc = argc == 3 ? iprep_new(&ctx) : IPREP_E_ARG;

	if (!rc)
		rc = iprep_load_config(ctx, argv[1]);
	if (!rc)
		rc = iprep_lookup(ctx, argv[2], IPREP_NO_STATE, &result);
	if (rc)
		fprintf(stderr, "look: %s\n", ctx ? iprep_errmsg(ctx) : iprep_strerror(rc));
	else
		printf("%s: %d..%d\n", result->address, result->low, result->high);
	iprep_result_free(result);
	iprep_free(ctx);
	return rc != 0;
}

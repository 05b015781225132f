/* SPDX-License-Identifier: MIT */
/* replay.c - run a fuzz target over the files of its corpus: replay DIRECTORY */
#include "fuzz.h"
#include <dirent.h>
#include <string.h>

#define FILE_MAX (1 << 20)

static void run_file(const char *path)
{
	FILE *fp = fopen(path, "rb");
	uint8_t *all = malloc(FILE_MAX), *exact;
	size_t n;

	must(fp && all);
	n = fread(all, 1, FILE_MAX, fp);
	fclose(fp);
	exact = malloc(n + 1); /* so that a byte too far is outside the allocation */
	must(exact);
	memcpy(exact, all, n);
	exact = realloc(exact, n ? n : 1);
	must(exact);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	free(all);
}

int main(int argc, char **argv)
{
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *d;
	char path[600];
	int n = 0;

	must(dir);
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], d->d_name);
		run_file(path);
		n++;
	}
	closedir(dir);
	printf("%d inputs\n", n);
	return n ? 0 : 1;
}

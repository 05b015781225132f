/* SPDX-License-Identifier: MIT */
#include "rep-report/metrics_text.h"
#include <string.h>

void metric_put_value(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' || text[i] == '"')
			fputc('\\', out);
		if (text[i] == '\n')
			fputs("\\n", out);
		else
			fputc(text[i], out);
	}
}

void metric_put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metric_put_sample(FILE *out, const char *name, const char *label, const char *value,
		       long long number)
{
	fputs(name, out);
	if (label) {
		fprintf(out, "{%s=\"", label);
		metric_put_value(out, value, strlen(value));
		fputs("\"}", out);
	}
	fprintf(out, " %lld\n", number);
}

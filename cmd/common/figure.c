/* SPDX-License-Identifier: MIT */
#include "common/figure.h"
#include <stdio.h>
#include <string.h>

#define WHOLE_MAX 10000000 /* from here on with a unit */
#define SUM_MAX	  ((int64_t)1 << 53)

void figure_add(int64_t *sum, int64_t number)
{
	if (number > SUM_MAX - *sum)
		number = SUM_MAX - *sum;
	*sum += number;
}

static const char *with_commas(int64_t number, char dst[FIGURE_MAX])
{
	if (number >= 1000000)
		snprintf(dst, FIGURE_MAX, "%d,%03d,%03d", (int)(number / 1000000),
			 (int)(number / 1000 % 1000), (int)(number % 1000));
	else if (number >= 1000)
		snprintf(dst, FIGURE_MAX, "%d,%03d", (int)(number / 1000), (int)(number % 1000));
	else
		snprintf(dst, FIGURE_MAX, "%d", (int)number);
	return dst;
}

const char *figure_text(int64_t number, char dst[FIGURE_MAX])
{
	static const char units[] = "MGTPE";
	int64_t unit = 1000000;
	int row = 0;

	if (number < 0)
		number = 0;
	if (number < WHOLE_MAX)
		return with_commas(number, dst);
	while (number / unit >= 1000 && units[row + 1]) {
		unit *= 1000;
		row++;
	}
	snprintf(dst, FIGURE_MAX, "%d.%d %c", (int)(number / unit),
		 (int)(number / (unit / 10) % 10), units[row]);
	return dst;
}

const char *share_text(int64_t part, int64_t whole, char dst[FIGURE_MAX])
{
	double percent;

	if (whole <= 0) {
		snprintf(dst, FIGURE_MAX, "-");
		return dst;
	}
	percent = 100.0 * (double)part / (double)whole;
	if (part > 0 && percent < 1)
		snprintf(dst, FIGURE_MAX, "<1 %%");
	else if (part < whole && percent > 99)
		snprintf(dst, FIGURE_MAX, ">99 %%");
	else
		snprintf(dst, FIGURE_MAX, "%.0f %%", percent);
	return dst;
}

const char *change_text(int64_t number, int64_t before, char dst[FIGURE_MAX])
{
	double ratio = before ? (double)number / (double)before : 0;

	if (number == before)
		snprintf(dst, FIGURE_MAX, "same");
	else if (!before)
		snprintf(dst, FIGURE_MAX, "new");
	else if (ratio >= 1000000)
		snprintf(dst, FIGURE_MAX, "x>999,999");
	else if (ratio >= 10)
		snprintf(dst, FIGURE_MAX, "x%.0f", ratio);
	else if (ratio > 1)
		snprintf(dst, FIGURE_MAX, ratio < 1.01 ? "<+1 %%" : "+%.0f %%", 100 * (ratio - 1));
	else
		snprintf(dst, FIGURE_MAX, ratio > 0.99 ? "<-1 %%" : "-%.0f %%", 100 * (1 - ratio));
	return dst;
}

/* SPDX-License-Identifier: MIT */
#include "common/progress.h"
#include "common/text.h"
#include <stdio.h>
#include <unistd.h>

#define CELLS 24

void bar_begin(struct bar *bar, bool wanted)
{
	*bar = (struct bar){ .on = wanted && isatty(STDERR_FILENO), .begun_ms = monotonic_ms() };
}

int64_t bar_age_ms(const struct bar *bar)
{
	return monotonic_ms() - bar->begun_ms;
}

static void put_left(int64_t seconds)
{
	if (seconds < 3600)
		fprintf(stderr, "  %lld:%02lld left", (long long)(seconds / 60),
			(long long)(seconds % 60));
	else
		fprintf(stderr, "  %lld h %02lld min left", (long long)(seconds / 3600),
			(long long)(seconds / 60 % 60));
}

void bar_draw(struct bar *bar, uint64_t answered, int64_t done, int64_t total)
{
	int64_t ms = monotonic_ms() - bar->begun_ms;

	if (!bar->on || ms <= 0)
		return;
	if (done > total)
		done = total;
	fputc('\r', stderr);
	if (total > 0) {
		fputc('[', stderr);
		for (int64_t i = 0; i < CELLS; i++)
			fputc(i * total < done * CELLS ? '#' : '.', stderr);
		fprintf(stderr, "] %3lld%%  ", (long long)(done * 100 / total));
	}
	fprintf(stderr, "%llu done  %llu/s", (unsigned long long)answered,
		(unsigned long long)(answered * 1000 / (uint64_t)ms));
	if (total > 0 && done > 0 && done < total)
		put_left(ms * (total - done) / done / 1000);
	fputs("\033[K", stderr);
	bar->drawn = true;
}

void bar_erase(struct bar *bar)
{
	if (bar->drawn)
		fputs("\r\033[K", stderr);
	bar->drawn = false;
}

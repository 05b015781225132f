/* SPDX-License-Identifier: MIT */
#include "common/progress.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define CELLS 24

static int64_t mono_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void bar_begin(struct bar *b, bool wanted)
{
	*b = (struct bar){ .on = wanted && isatty(STDERR_FILENO), .begun_ms = mono_ms() };
}

int64_t bar_age_ms(const struct bar *b)
{
	return mono_ms() - b->begun_ms;
}

static void put_left(int64_t s)
{
	if (s < 3600)
		fprintf(stderr, "  %lld:%02lld left", (long long)(s / 60), (long long)(s % 60));
	else
		fprintf(stderr, "  %lld h %02lld min left", (long long)(s / 3600),
			(long long)(s / 60 % 60));
}

void bar_draw(struct bar *b, uint64_t answered, int64_t done, int64_t total)
{
	int64_t ms = mono_ms() - b->begun_ms;

	if (!b->on || ms <= 0)
		return;
	done = done < total ? done : total;
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
	b->drawn = true;
}

void bar_erase(struct bar *b)
{
	if (b->drawn)
		fputs("\r\033[K", stderr);
	b->drawn = false;
}

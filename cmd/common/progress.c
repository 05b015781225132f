/* SPDX-License-Identifier: MIT */
#include "common/progress.h"
#include "common/text.h"
#include <stdio.h>
#include <string.h>

#define CELLS	  24
#define CELLS_MIN 6
#define PART_MAX  40

void bar_begin(struct bar *bar, const struct terminal *terminal, bool wanted)
{
	*bar = (struct bar){ .terminal = terminal,
			     .on = wanted && terminal->is_err,
			     .begun_ms = monotonic_ms() };
}

int64_t bar_age_ms(const struct bar *bar)
{
	return monotonic_ms() - bar->begun_ms;
}

static void time_left(int64_t seconds, char dst[PART_MAX])
{
	if (seconds < 3600)
		snprintf(dst, PART_MAX, "  %lld:%02lld left", (long long)(seconds / 60),
			 (long long)(seconds % 60));
	else
		snprintf(dst, PART_MAX, "  %lld h %02lld min left", (long long)(seconds / 3600),
			 (long long)(seconds / 60 % 60));
}

/* Returns the columns that it takes of room. */
static int put_cells(int64_t done, int64_t total, int room)
{
	int cells = room < CELLS + 2 ? room - 2 : CELLS;

	if (cells < CELLS_MIN)
		return 0;
	fputc('[', stderr);
	for (int i = 0; i < cells; i++)
		fputc(i * total < done * cells ? '#' : '.', stderr);
	fputc(']', stderr);
	return cells + 2;
}

/* As many of the parts as fit, the first ones first. */
static void put_parts(char parts[][PART_MAX], int count, int room)
{
	for (int i = 0; i < count; i++) {
		room -= (int)strlen(parts[i]);
		if (room < 0)
			return;
		fputs(parts[i], stderr);
	}
}

void bar_draw(struct bar *bar, uint64_t answered, int64_t done, int64_t total)
{
	char parts[4][PART_MAX] = { "" };
	int64_t ms = monotonic_ms() - bar->begun_ms;
	int room, needed = 0;

	if (!bar->on || ms <= 0)
		return;
	room = terminal_width(bar->terminal, stderr) - 1; /* the last column could begin a line */
	if (done > total)
		done = total;
	if (total > 0)
		snprintf(parts[0], PART_MAX, " %3lld%%  ", (long long)(done * 100 / total));
	snprintf(parts[1], PART_MAX, "%llu done", (unsigned long long)answered);
	snprintf(parts[2], PART_MAX, "  %llu/s",
		 (unsigned long long)(answered * 1000 / (uint64_t)ms));
	if (total > 0 && done > 0 && done < total)
		time_left(ms * (total - done) / done / 1000, parts[3]);
	for (int i = 0; i < 4; i++)
		needed += (int)strlen(parts[i]);
	fputc('\r', stderr);
	if (total > 0)
		room -= put_cells(done, total, room - needed);
	put_parts(parts, 4, room);
	fputs("\033[K", stderr);
	bar->drawn = true;
}

void bar_erase(struct bar *bar)
{
	if (bar->drawn)
		fputs("\r\033[K", stderr);
	bar->drawn = false;
}

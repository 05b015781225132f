/* SPDX-License-Identifier: MIT */
/*
 * html_chart.c - inline SVG
 *
 * A chart is as wide as the page. Its lines are in an inner picture that is stretched; texts and
 * marks are outside of it, at percentages, and keep their size on a telephone.
 */
#include "rep-report/html.h"
#include "common/figure.h"
#include <stdio.h>
#include <string.h>

#define TOP	  24 /* of the plot, in the picture */
#define HEIGHT	  176
#define MARKS_MAX 62 /* more would touch each other */

/* clang-format off */
static const char *const colours[] = { /* .t0 to .t5 of the style sheet */
	"#0072b2", "#c04a00", "#00795a", "#8d3f7c", "#6d5c00", "#4a4a4a",
};
static const struct shape { /* what tells a tier apart without colours */
	const char *dash, *mark;
} shapes[] = {
	{ "none", "M-4 0A4 4 0 1 1 4 0A4 4 0 1 1-4 0z" },
	{ "7 3", "M-4-4H4V4H-4z" },
	{ "2 3", "M-5 4L0-5 5 4z" },
	{ "9 3 2 3", "M0-6L6 0 0 6-6 0z" },
	{ "5 5", "M-5-4H5L0 5z" },
	{ "1 4", "M-2-5H2V-2H5V2H2V5H-2V2H-5V-2H-2z" },
};
/* clang-format on */
#define NLOOKS 6
enum fill { SOLID, HOLLOW, DOTTED, NFILLS };
_Static_assert(sizeof(colours) / sizeof(colours[0]) == NLOOKS &&
		       sizeof(shapes) / sizeof(shapes[0]) == NLOOKS &&
		       NLOOKS * NFILLS >= SUMMARY_TIERS,
	       "each tier has a look of its own");

/* Of each round of six shapes the fill is another one, and so is the colour of each shape. */
struct look {
	const struct shape *shape;
	int colour;
	enum fill fill;
};

static struct look look_of(size_t tier)
{
	enum fill round = (enum fill)(tier / NLOOKS % NFILLS);

	return (struct look){ .shape = &shapes[tier % NLOOKS],
			      .colour = (int)((tier + round) % NLOOKS),
			      .fill = round };
}

void html_put_bar(int64_t number, int64_t part, int64_t most)
{
	double whole = most ? 100.0 * (double)number / (double)most : 0;
	double dark = most ? 100.0 * (double)(part < number ? part : number) / (double)most : 0;

	printf("<svg class=\"bar\" width=\"100%%\" height=\"8\" aria-hidden=\"true\">"
	       "<rect class=\"rest\" width=\"%.2f%%\" height=\"8\" rx=\"1\" fill=\"#a9c6dc\"/>"
	       "<rect class=\"part\" width=\"%.2f%%\" height=\"8\" rx=\"1\" fill=\"#0072b2\"/>"
	       "</svg>",
	       whole, dark);
}

/* 1, 2 or 5 times a power of ten, so that at most five lines of the grid are enough. */
static int64_t grid_step(int64_t most)
{
	int64_t step = 1;

	while (step * 5 < most) {
		if (step * 10 >= most)
			return step * 2;
		if (step * 25 >= most)
			return step * 5;
		step *= 10;
	}
	return step;
}

static int64_t most_of(const struct summary *summary)
{
	int64_t most = 0;

	for (int day = 0; day <= summary->whole_days; day++)
		for (size_t tier = 0; tier < summary->ntiers; tier++)
			if (summary_by_day(summary, day, tier) > most)
				most = summary_by_day(summary, day, tier);
	return most;
}

struct plot {
	const struct summary *summary;
	int64_t top; /* the number at its upper edge */
};

static double plot_y(const struct plot *plot, int64_t number)
{
	return HEIGHT - HEIGHT * (double)number / (double)plot->top;
}

/* Percent of the width. */
static double plot_x(const struct plot *plot, int day)
{
	if (!plot->summary->whole_days)
		return 50;
	return 100.0 * day / plot->summary->whole_days;
}

static void chart_put_grid(const struct plot *plot, int64_t step)
{
	for (int64_t at = 0; at <= plot->top; at += step) {
		double y = TOP + plot_y(plot, at);

		printf("<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\" "
		       "stroke=\"#d3d8de\"/>",
		       y, y);
	}
	putchar('\n');
}

/* Above the lines of the grid, and over those of the tiers. */
static void chart_put_scale(const struct plot *plot, int64_t step)
{
	char number[FIGURE_MAX];

	for (int64_t at = 0; at <= plot->top; at += step)
		printf("<text x=\"0\" y=\"%.1f\" font-size=\"12\" paint-order=\"stroke\">%s</text>",
		       TOP + plot_y(plot, at) - 5, figure_text(at, number));
	putchar('\n');
}

/* Today is not over: its numbers will grow. */
static void chart_put_now(const struct plot *plot)
{
	double half = 50.0 / plot->summary->whole_days;

	printf("<rect class=\"now\" x=\"%.2f%%\" y=\"%d\" width=\"%.2f%%\" height=\"%d\" "
	       "fill=\"#f4f6f8\"/>",
	       100 - half, TOP - 4, half, HEIGHT + 4);
	printf("<text x=\"100%%\" y=\"12\" font-size=\"12\" paint-order=\"stroke\" text-anchor=\"end\">today, not "
	       "over</text>\n");
}

static void chart_put_line(const struct plot *plot, size_t tier, const struct look *look)
{
	if (!plot->summary->whole_days)
		return;
	printf("<svg x=\"0\" y=\"%d\" width=\"100%%\" height=\"%d\" viewBox=\"0 0 1000 %d\" "
	       "preserveAspectRatio=\"none\" overflow=\"visible\"><polyline class=\"tier\" "
	       "fill=\"none\" stroke=\"%s\" stroke-width=\"2\" stroke-linejoin=\"round\" "
	       "stroke-dasharray=\"%s\" vector-effect=\"non-scaling-stroke\" points=\"",
	       TOP, HEIGHT, HEIGHT, colours[look->colour], look->shape->dash);
	for (int day = 0; day <= plot->summary->whole_days; day++)
		printf("%s%.1f,%.1f", day ? " " : "", 10 * plot_x(plot, day),
		       plot_y(plot, summary_by_day(plot->summary, day, tier)));
	puts("\"/></svg>");
}

static void chart_put_mark(double x_percent, double y, const struct look *look)
{
	const char *colour = colours[look->colour];

	printf("<svg x=\"%.2f%%\" y=\"%.1f\" width=\"1\" height=\"1\" overflow=\"visible\">",
	       x_percent, y);
	if (look->fill == SOLID)
		printf("<path class=\"mark\" fill=\"%s\" stroke=\"#fff\" d=\"%s\"/>", colour,
		       look->shape->mark);
	else
		printf("<path class=\"ring\" fill=\"#fff\" stroke=\"%s\" stroke-width=\"1.5\" "
		       "d=\"%s\"/>",
		       colour, look->shape->mark);
	if (look->fill == DOTTED)
		printf("<circle class=\"mark\" fill=\"%s\" r=\"2\"/>", colour);
	printf("</svg>");
}

static void chart_put_tier(const struct plot *plot, size_t tier)
{
	struct look look = look_of(tier);

	printf("<g class=\"t%d\">", look.colour);
	chart_put_line(plot, tier, &look);
	for (int day = 0; day <= plot->summary->whole_days; day++)
		if (plot->summary->whole_days < MARKS_MAX)
			chart_put_mark(plot_x(plot, day),
				       TOP + plot_y(plot, summary_by_day(plot->summary, day, tier)),
				       &look);
	puts("</g>");
}

static void chart_put_dates(const struct plot *plot)
{
	static const char *const anchors[] = { "start", "middle", "end" };
	int days = plot->summary->whole_days;
	char text[16];

	for (int i = 0; i < 3; i++) {
		int day = days * i / 2;

		if ((i && !days) || (i == 1 && days < 4))
			continue;
		printf("<text x=\"%.2f%%\" y=\"%d\" font-size=\"12\" paint-order=\"stroke\" text-anchor=\"%s\">%s</text>",
		       plot_x(plot, day), TOP + HEIGHT + 18, days ? anchors[i] : "middle",
		       day_text(plot->summary->first_day + (int64_t)day * DAY_S, text));
	}
	putchar('\n');
}

static void chart_put_legend(const struct summary *summary)
{
	char number[FIGURE_MAX];

	puts("<ul class=\"legend\">");
	for (size_t tier = 0; tier < summary->ntiers; tier++) {
		struct look look = look_of(tier);
		const struct summary_sum *sum = &summary->tiers[tier].sum;

		printf("<li class=\"t%d\"><svg width=\"36\" height=\"14\" aria-hidden=\"true\">"
		       "<line class=\"tier\" x1=\"0\" x2=\"36\" y1=\"7\" y2=\"7\" stroke=\"%s\" "
		       "stroke-width=\"2\" stroke-dasharray=\"%s\"/>",
		       look.colour, colours[look.colour], look.shape->dash);
		chart_put_mark(50, 7, &look);
		printf("</svg><span>");
		html_put_text(summary->tiers[tier].name);
		printf(": %s</span></li>\n", figure_text(sum->days + sum->today, number));
	}
	puts("</ul>");
}

static void chart_put_description(const struct summary *summary, int64_t most)
{
	char first[16], last[16], number[FIGURE_MAX];

	printf("<title id=\"days-title\">Blocks a day by tier</title>"
	       "<desc id=\"days-text\">From %s to %s; at most %s of one tier on a day.",
	       day_text(summary->first_day, first), day_text(summary->today, last),
	       figure_text(most, number));
	for (size_t tier = 0; tier < summary->ntiers; tier++) {
		const struct summary_sum *sum = &summary->tiers[tier].sum;

		putchar(' ');
		html_put_text(summary->tiers[tier].name);
		printf(": %s.", figure_text(sum->days + sum->today, number));
	}
	puts(" The table below has the numbers.</desc>");
}

void html_put_days(const struct summary *summary)
{
	struct plot plot = { .summary = summary };
	int64_t most = most_of(summary), step = grid_step(most);

	plot.top = (most + step - 1) / step * step;
	if (!plot.top)
		plot.top = step;
	chart_put_legend(summary);
	printf("<svg class=\"plot\" role=\"img\" aria-labelledby=\"days-title\" "
	       "aria-describedby=\"days-text\" width=\"100%%\" height=\"%d\" "
	       "overflow=\"visible\" font-family=\"sans-serif\">",
	       TOP + HEIGHT + 26);
	chart_put_description(summary, most);
	if (summary->whole_days)
		chart_put_now(&plot);
	chart_put_grid(&plot, step);
	for (size_t tier = 0; tier < summary->ntiers; tier++)
		chart_put_tier(&plot, tier);
	chart_put_scale(&plot, step);
	chart_put_dates(&plot);
	puts("</svg>");
}

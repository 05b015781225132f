/* SPDX-License-Identifier: MIT */
/*
 * html.h - pieces of the page: foreign text, the style sheet, the charts
 *
 * The page has no script, no style attribute and nothing from elsewhere. Its one style sheet is
 * allowed by its hash, so that a Content-Security-Policy of default-src 'none' holds. SVG has its
 * colours as attributes too, and is readable without the style sheet.
 */
#pragma once
#include "rep-report/summary.h"

/* Its hash, "sha256-…" of what is between the tags: CSP Level 3, 6.7.3.3. tests/cli/test_summary
 * reports the right one. */
extern const char html_style[], html_style_hash[];

/* Text of foreign origin, in an element or a quoted attribute. */
void html_put_text(const char *text);
/* "<td>1,204</td>" */
void html_put_number(int64_t number);
/* A bar of that share of the width, and within it the darker part. */
void html_put_bar(int64_t number, int64_t part, int64_t most);
/* A line for each tier, by day, with a legend. */
void html_put_days(const struct summary *summary);

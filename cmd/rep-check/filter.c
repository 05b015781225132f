/* SPDX-License-Identifier: MIT */
#include "rep-check/filter.h"
#include <string.h>

bool filter_order(const char *text, int *ret_order)
{
	static const struct {
		const char *name;
		int order;
	} orders[] = {
		{ "announced", IPREP_BY_ANNOUNCING },
		{ "address", IPREP_BY_ADDRESS },
		{ "end", IPREP_BY_END },
	};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i].name, text))
			continue;
		*ret_order = orders[i].order;
		return true;
	}
	return false;
}

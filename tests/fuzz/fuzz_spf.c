/* SPDX-License-Identifier: MIT */
/* The text of an SPF record, as the DNS has it. */
#include "source/spf.h"
#include "fuzz.h"
#include <string.h>

static void check_name(const char *name)
{
	must(memchr(name, '\0', SPF_NAME_MAX) && *name && is_plain(name));
	must(!strchr(name, ' ') && !strchr(name, '%') && !strstr(name, ".."));
}

static void check_net(const struct prefix *net)
{
	static const struct addr any_v4 = { .bytes = { [10] = 0xff, [11] = 0xff } };
	struct addr first = addr_cut(&net->addr, net->bits);

	must(net->bits <= 128 && addr_equal(&first, &net->addr));
	if (addr_is_v4(&net->addr))
		must(net->bits >= 96 + SPF_V4_MIN);
	else
		must(net->bits >= SPF_V6_MIN && !prefix_has(net, &any_v4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spf_reader reader;
	struct spf_term term;
	size_t nterms = 0;
	enum spf_kind kind;

	if (!spf_is_record((const char *)data, size))
		return 0;
	spf_read(&reader, (const char *)data, size);
	do {
		memset(&term, 0xaa, sizeof(term));
		kind = spf_next(&reader, &term);
		if (kind == SPF_NET)
			check_net(&term.net);
		if (kind == SPF_INCLUDE || kind == SPF_REDIRECT)
			check_name(term.name);
		if (kind == SPF_REFUSED)
			must(memchr(term.why, '\0', sizeof(term.why)) && *term.why &&
			     is_plain(term.why));
		must(++nterms <= size);
	} while (kind != SPF_END && kind != SPF_REFUSED);
	return 0;
}

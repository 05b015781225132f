/* SPDX-License-Identifier: MIT */
/* Text where an address or a prefix is expected: what is taken comes back as itself. */
#include "base/addr.h"
#include "fuzz.h"
#include <arpa/inet.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[300], out[ADDR_TEXT_MAX], name[ADDR_REVERSE_MAX];
	struct prefix p;
	struct addr a, b;
	uint8_t raw[16];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (addr_parse(text, &a)) {
		must(inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1);
		must(addr_parse(addr_text(&a, out), &b));
		must(addr_equal(&a, &b));
		must(strlen(addr_reverse(&a, name)) < sizeof(name));
		must(strspn(name, "0123456789abcdef.") == strlen(name));
		b = addr_key(&a, 64);
		must(addr_is_v4(&a) ? addr_equal(&a, &b) : !memcmp(a.bytes, b.bytes, 8));
		must(strspn(addr_key_text(&b, 64, out), "0123456789abcdef:./") == strlen(out));
		addr_special(&a);
	} else {
		must(inet_pton(AF_INET, text, raw) != 1 && inet_pton(AF_INET6, text, raw) != 1);
	}
	if (prefix_parse(text, &p)) {
		must(p.bits >= 0 && p.bits <= 128);
		must(prefix_has(&p, &p.addr));
		b = addr_cut(&p.addr, p.bits);
		must(addr_equal(&b, &p.addr));
		b = addr_last(&p);
		must(prefix_has(&p, &b) && addr_compare(&p.addr, &b) <= 0);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A reply as it came from the network. Byte 0 chooses the question; the rest is the message. */
#include "net/dns_message.h"
#include "fuzz.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "7.1.1.45.zen.test", "a.b", "7.1.1.45.ZEN.test" };
	struct dns_answer a;
	size_t ntxts = 0;
	int type = NET_A;

	if (size < 1)
		return 0;
	if (data[0] & 1)
		type = NET_TXT;
	else if (data[0] & 0x80)
		type = NET_AAAA;
	memset(&a, 0xaa, sizeof(a));
	dns_message_parse(data + 1, size - 1, names[(data[0] >> 1) % 3], type, &a);
	must(a.status <= NET_BROKEN);
	must(a.na <= A_MAX);
	must(a.txt_len <= sizeof(a.txt));
	must(memchr(a.why, '\0', sizeof(a.why)) && is_plain(a.why));
	must(a.na6 <= ANSWERS_MAX);
	must(a.status == NET_OK || (!a.na && !a.na6 && !a.txt_len && !a.txts));
	for (const struct dns_txt *txt = a.txts; txt; txt = txt->next, ntxts++)
		must(txt->len <= TXT_MAX);
	must(ntxts <= TXTS_MAX);
	must(a.status != NET_OK || a.na || a.na6 || ntxts);
	must(a.status != NET_BROKEN || *a.why);
	dns_answer_done(&a);
	return 0;
}

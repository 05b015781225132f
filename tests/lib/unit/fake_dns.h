/* SPDX-License-Identifier: MIT */
/*
 * fake_dns.h - a DNS server in a thread, UDP and TCP on one free loopback port (for tests)
 *
 * What it does is in the first label of the name asked: good, text, nx, nodata, never, wrongid,
 * wrongname, tc (truncated over UDP, good over TCP), refused, servfail. kept: the first such
 * question over UDP is answered when a question named go comes, others never. A server with a mood
 * does that instead of all of them. Any other label is as good.
 */
#pragma once
#include "fake_server.h"

struct fake_dns {
	/* NULL: the first label decides; "hangup": TCP is closed immediately. */
	const char *_Atomic mood;
	struct fake_server server;
	unsigned char kept[600];
	size_t kept_len;
	struct sockaddr_in kept_from;
	atomic_int nudp, ntcp_asked;
};

static size_t fake_record(unsigned char *m, size_t len, const unsigned char *record, size_t n)
{
	memcpy(m + len, record, n);
	return len + n;
}

/* The reply in place of the question; returns its length, 0: say nothing. */
static size_t fake_reply(struct fake_dns *d, unsigned char *m, size_t len, bool is_tcp)
{
	static const unsigned char a_record[] = { 0xc0, 12, 0, 1, 0,   1, 0, 0,
						  1,	44, 0, 4, 127, 0, 0, 2 };
	static const unsigned char aaaa_record[] = { 0xc0, 12, 0,  28,	 0, 1,	 0,    0,	1,
						     44,   0,  16, 0x20, 1, 0xd, 0xb8, [27] = 2 };
	static const unsigned char txt_record[] = { 0xc0, 12, 0, 16, 0,	  1,   0,   0,	1,
						    44,	  0,  5, 4,  'w', 'h', 'y', '!' };
	char what[64] = "";
	size_t n = m[12] < sizeof(what) ? m[12] : 0;

	memcpy(what, m + 13, n);
	if (d->mood)
		snprintf(what, sizeof(what), "%s", d->mood);
	if (len < 17 || !strcmp(what, "never"))
		return 0;
	m[2] = 0x81;
	m[3] = 0x80;
	if (!strcmp(what, "wrongid"))
		m[0] ^= 0x55;
	if (!strcmp(what, "wrongname"))
		m[13] = 'x';
	if (!strcmp(what, "nx"))
		m[3] |= 3;
	if (!strcmp(what, "refused"))
		m[3] |= 5;
	if (!strcmp(what, "servfail"))
		m[3] |= 2;
	if (!strcmp(what, "tc") && !is_tcp)
		m[2] |= 2;
	if (m[3] != 0x80 || m[2] & 2 || !strcmp(what, "nodata"))
		return len;
	m[7] = 1;
	if (m[len - 3] == 16)
		return fake_record(m, len, txt_record, sizeof(txt_record));
	if (m[len - 3] == 28)
		return fake_record(m, len, aaaa_record, sizeof(aaaa_record));
	return fake_record(m, len, a_record, sizeof(a_record));
}

static bool fake_is(const unsigned char *m, const char *label)
{
	return m[12] == strlen(label) && !memcmp(m + 13, label, m[12]);
}

static void fake_dns_udp(struct fake_server *s)
{
	struct fake_dns *d = s->user;
	unsigned char m[600];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s->udp, m, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
	size_t len;

	if (n < 17)
		return;
	d->nudp++;
	len = fake_reply(d, m, (size_t)n, false);
	if (len && fake_is(m, "kept")) {
		if (d->kept_len)
			return;
		memcpy(d->kept, m, len);
		d->kept_len = len;
		d->kept_from = from;
		return;
	}
	if (d->kept_len && fake_is(m, "go"))
		sendto(s->udp, d->kept, d->kept_len, 0, (struct sockaddr *)&d->kept_from, from_len);
	if (len)
		sendto(s->udp, m, len, 0, (struct sockaddr *)&from, from_len);
}

/* False: the connection is over. A message on loopback comes whole. */
static bool fake_dns_tcp(struct fake_server *s, int fd)
{
	struct fake_dns *d = s->user;
	unsigned char m[2 + 600];
	size_t len;

	if (recv(fd, m, 2, MSG_WAITALL) != 2)
		return false;
	len = (size_t)m[0] << 8 | m[1];
	if (len < 17 || len > 512 || recv(fd, m + 2, len, MSG_WAITALL) != (ssize_t)len)
		return false;
	d->ntcp_asked++;
	len = fake_reply(d, m + 2, len, true);
	m[0] = (unsigned char)(len >> 8);
	m[1] = (unsigned char)len;
	if (len)
		send(fd, m, len + 2, MSG_NOSIGNAL);
	return true;
}

static bool fake_dns_accepts(struct fake_server *s)
{
	struct fake_dns *d = s->user;

	return !d->mood || strcmp(d->mood, "hangup") != 0;
}

static struct fake_dns *fake_dns_start(const char *mood)
{
	struct fake_dns *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->mood = mood;
	d->server = (struct fake_server){ .accepts = fake_dns_accepts,
					  .reads = fake_dns_tcp,
					  .reads_udp = fake_dns_udp,
					  .user = d };
	fake_server_start(&d->server);
	return d;
}

static struct fake_dns *fake_dns_stop(struct fake_dns *d)
{
	if (d)
		fake_server_stop(&d->server);
	free(d);
	return NULL;
}

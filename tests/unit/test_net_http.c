/* SPDX-License-Identifier: MIT */
/*
 * test_net_http.c - HTTP of the network module, against a server on loopback
 *
 * Every answer is counted per request, and must not come from inside http(). getaddrinfo(3) is
 * ours, so that a name can take its time without any network.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <time.h>
#include "base/clock.h"
#include "fake_http.h"
#include "net/net.h"
#include "unit.h"

#define KEY "0123456789abcdef-secret"

struct sent {
	struct world *w;
	int ncalls;
	int64_t at_ms;
	struct http_answer answer;
	char body[4096];
};
struct world {
	struct net *net;
	struct fake_http *h;
	bool is_inside;
	char trace[100000];
	struct sent s[100];
};

static atomic_int names_asked;

/* Visible, so that libcurl finds it before the C library's. */
__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct timespec second = { 1, 200 * 1000 * 1000 };

	if (host && strstr(host, ".test")) {
		names_asked++;
		nanosleep(&second, NULL);
		return EAI_NONAME;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(host, service, hints, ret);
}

static int watch_until = INT_MAX; /* calls that work; those after them fail */

__attribute__((visibility("default"))) int epoll_ctl(int epoll, int what, int fd,
						     struct epoll_event *event)
{
	int (*real)(int, int, int, struct epoll_event *);

	if (event && watch_until-- <= 0) {
		errno = ENOSPC;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	return real(epoll, what, fd, event);
}

static void answered(void *user, const struct http_answer *a)
{
	struct sent *s = user;

	assert_false(s->w->is_inside);
	s->ncalls++;
	s->at_ms = clock_mono_ms();
	s->answer = *a;
	if (a->body_len && a->body_len < sizeof(s->body))
		memcpy(s->body, a->body, a->body_len);
}

static void traced(void *user, int priority, const char *line)
{
	struct world *w = user;
	size_t n = strlen(w->trace);

	(void)priority;
	snprintf(w->trace + n, sizeof(w->trace) - n, "%s\n", line);
}

static struct world *open_world(const char *proxy, const char *ca_file)
{
	struct world *w = calloc(1, sizeof(*w));
	struct resolver nowhere;
	struct net_conf nc = { .resolvers = &nowhere,
			       .nresolvers = 1,
			       .ca_file = ca_file,
			       .proxy = proxy,
			       .user_agent = "iprep/test",
			       .now_ms = clock_mono_ms,
			       .log = { traced, w, LOG_DEBUG } };
	struct err e = { 0 };

	assert_non_null(w);
	assert_true(resolver_parse("127.0.0.1:1", &nowhere));
	for (size_t i = 0; i < sizeof(w->s) / sizeof(w->s[0]); i++)
		w->s[i].w = w;
	w->h = fake_http_start();
	if (iprep_net.open(&nc, &w->net, &e))
		fail_msg("open: %s", e.text);
	return w;
}

static int set_up(void **state)
{
	*state = open_world("", "");
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	assert_null(iprep_net.close(w->net));
	fake_http_stop(w->h);
	free(w);
	return 0;
}

FIXTURE(set_up, tear_down);

/* The strings of a request need not outlive the call: these do not. */
static void request(struct world *w, size_t i, const char *method, const char *url,
		    const char *body, int64_t ms)
{
	char *u = strdup(url), *b = body ? strdup(body) : NULL;
	char *key = strdup("Key: " KEY);
	const char *const headers[] = { key, "Accept: application/json", NULL };
	struct http_request r = { .method = method,
				  .url = u,
				  .headers = headers,
				  .body = b,
				  .body_len = body ? strlen(body) : 0,
				  .answer_max = 4000 };

	w->is_inside = true;
	iprep_net.http(w->net, &r, clock_mono_ms() + ms, answered, &w->s[i]);
	w->is_inside = false;
	free(u);
	free(b);
	free(key);
}

static void ask(struct world *w, size_t i, const char *method, const char *path, const char *body,
		int64_t ms)
{
	char url[200];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", w->h->port, path);
	request(w, i, method, url, body, ms);
}

static void run(struct world *w)
{
	int64_t end = clock_mono_ms() + 20000;

	while (iprep_net.turn(w->net, end))
		assert_true(clock_mono_ms() < end);
}

TEST(an_answer_comes_with_its_body_and_its_quota)
{
	struct world *w = *state;
	struct http_answer *a = &w->s[0].answer;

	ask(w, 0, "GET", "/ok", NULL, 5000);
	assert_int_equal(w->s[0].ncalls, 0);
	run(w);
	assert_int_equal(w->s[0].ncalls, 1);
	assert_int_equal(a->status, NET_OK);
	assert_int_equal(a->code, 200);
	assert_int_equal(a->limit, 1000);
	assert_int_equal(a->remaining, 998);
	assert_int_equal(a->reset_at, 1795478400);
	assert_int_equal(a->retry_after_s, 30);
	assert_int_equal(a->body_len, 7);
	assert_memory_equal(w->s[0].body, "{\"a\":1}", 7);
	assert_true(a->sent);
}

TEST(odd_quota_headers_count_as_absent)
{
	struct world *w = *state;
	struct http_answer *a = &w->s[0].answer;

	ask(w, 0, "GET", "/odd", NULL, 5000);
	run(w);
	assert_int_equal(a->status, NET_OK);
	assert_int_equal(a->code, 429);
	assert_int_equal(a->limit, -1);
	assert_int_equal(a->remaining, -1);
	assert_int_equal(a->reset_at, -1);
	assert_int_equal(a->retry_after_s, -1);
}

TEST(numbers_of_headers_have_a_limit)
{
	struct world *w = *state;
	struct http_answer *most = &w->s[0].answer, *more = &w->s[1].answer;

	ask(w, 0, "GET", "/most", NULL, 5000);
	ask(w, 1, "GET", "/more", NULL, 5000);
	run(w);
	assert_int_equal(most->limit, 100000000);
	assert_int_equal(most->remaining, 100000000);
	assert_int_equal(most->reset_at, 253402300799);
	assert_int_equal(most->retry_after_s, 31622400);
	assert_int_equal(more->code, 429);
	assert_int_equal(more->limit, -1);
	assert_int_equal(more->remaining, -1);
	assert_int_equal(more->reset_at, -1);
	assert_int_equal(more->retry_after_s, -1);
}

TEST(a_request_says_what_it_was_told_to)
{
	static const struct {
		const char *method, *body, *first, *last;
	} rows[] = {
		{ "GET", NULL, "GET /echo HTTP/1.1\r\n", "\r\n\r\n" },
		{ "POST", "ip=192.0.2.1", "POST /echo HTTP/1.1\r\n", "\r\n\r\nip=192.0.2.1" },
		{ "POST", NULL, "POST /echo HTTP/1.1\r\n", "Content-Length: 0\r\n" },
		{ "POST", "", "POST /echo HTTP/1.1\r\n", "Content-Length: 0\r\n" },
		{ "DELETE", NULL, "DELETE /echo HTTP/1.1\r\n", "\r\n\r\n" },
		{ "PUT", "x", "PUT /echo HTTP/1.1\r\n", "\r\n\r\nx" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(w, i, rows[i].method, "/echo", rows[i].body, 5000);
		run(w);
		assert_int_equal(w->s[i].answer.status, NET_OK);
		assert_memory_equal(w->s[i].body, rows[i].first, strlen(rows[i].first));
		assert_non_null(strstr(w->s[i].body, rows[i].last));
		assert_non_null(strstr(w->s[i].body, "\r\nKey: " KEY "\r\n"));
		assert_non_null(strstr(w->s[i].body, "\r\nUser-Agent: iprep/test\r\n"));
		assert_null(strstr(w->s[i].body, "Accept-Encoding"));
		assert_null(strstr(w->s[i].body, "Expect"));
	}
	assert_int_equal(w->h->nconnections, 1);
}

TEST(a_body_goes_as_a_file_of_a_form)
{
	struct world *w = *state;
	char url[64];
	struct http_request req = { .method = "POST",
				    .url = url,
				    .body = "IP\n45.1.1.1\n",
				    .body_len = 12,
				    .upload = "csv",
				    .answer_max = 1 << 16 };

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", w->h->port);
	iprep_net.http(w->net, &req, clock_mono_ms() + 2000, answered, &w->s[0]);
	run(w);
	assert_int_equal(w->s[0].answer.code, 200);
	assert_non_null(strstr(w->s[0].body, "POST /echo HTTP/1.1"));
	assert_non_null(strstr(w->s[0].body, "Content-Type: multipart/form-data; boundary="));
	assert_non_null(
		strstr(w->s[0].body,
		       "Content-Disposition: form-data; name=\"csv\"; filename=\"reports.csv\""));
	assert_non_null(strstr(w->s[0].body, "\r\n\r\nIP\n45.1.1.1\n\r\n--"));
}

TEST(connections_are_kept_and_few)
{
	struct world *w = *state;

	ask(w, 0, "GET", "/ok", NULL, 5000);
	run(w);
	ask(w, 1, "GET", "/ok", NULL, 5000);
	run(w);
	assert_int_equal(w->h->nrequests, 2);
	assert_int_equal(w->h->nconnections, 1);
	for (size_t i = 2; i < 100; i++)
		ask(w, i, "GET", "/ok", NULL, 15000);
	run(w);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(w->s[i].ncalls, 1);
		assert_int_equal(w->s[i].answer.code, 200);
	}
	assert_true(w->h->most >= 1 && w->h->most <= 8);
	assert_true(w->h->nconnections >= 1 && w->h->nconnections <= 8);
}

TEST(what_takes_too_long_ends_at_the_deadline)
{
	static const char *const paths[] = { "/slow", "/never" };
	struct world *w = *state;
	int64_t t = clock_mono_ms();

	for (size_t i = 0; i < 2; i++)
		ask(w, i, "POST", paths[i], "x=1", 300);
	request(w, 2, "GET", "https://stuck.test/", NULL, 300);
	ask(w, 3, "GET", "/ok", NULL, 0);
	run(w);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->s[i].ncalls, 1);
		if (w->s[i].answer.status != NET_TIMEOUT)
			fail_msg("request %zu: status %d, %s", i, (int)w->s[i].answer.status,
				 w->s[i].answer.why);
		assert_int_equal(w->s[i].answer.body_len, 0);
		assert_int_equal(w->s[i].answer.sent, i < 2);
		assert_true(w->s[i].at_ms - t >= (i < 3 ? 300 : 0));
	}
	assert_int_equal(names_asked, 1);
	ask(w, 4, "GET", "/ok", NULL, 5000);
	run(w);
	assert_int_equal(w->s[4].answer.code, 200);
}

TEST(what_goes_wrong_is_told_apart)
{
	struct world *w = *state;
	char url[100];
	int closed = 0, fd = fake_bind(SOCK_STREAM, &closed);

	close(fd);
	ask(w, 0, "GET", "/big", NULL, 5000);
	ask(w, 1, "POST", "/reset", "x", 5000);
	ask(w, 2, "POST", "/hangup", "x", 5000);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed);
	request(w, 3, "GET", url, NULL, 5000);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->h->port);
	request(w, 4, "GET", url, NULL, 2000);
	run(w);
	for (size_t i = 0; i < 5; i++) {
		struct http_answer *a = &w->s[i].answer;

		assert_int_equal(w->s[i].ncalls, 1);
		assert_true(a->status == NET_BROKEN || (i == 4 && a->status == NET_TIMEOUT));
		assert_int_equal(a->sent, i < 3);
		assert_true(*a->why);
	}
	assert_non_null(strstr(w->s[0].answer.why, "more than 4000 bytes"));
}

TEST(a_redirect_is_an_answer)
{
	struct world *w = *state;

	ask(w, 0, "GET", "/redirect", NULL, 5000);
	run(w);
	assert_int_equal(w->s[0].answer.status, NET_OK);
	assert_int_equal(w->s[0].answer.code, 302);
	assert_int_equal(w->h->nrequests, 1);
}

TEST(no_key_goes_out_in_the_clear_but_to_this_host)
{
	static const char *const urls[] = {
		"http://192.0.2.1:%d/",
		"http://127.0.0.1.stuck.test:%d/",
		"http://127.0.0.1@192.0.2.1:%d/",
		"http://127.0.0.1:%d@192.0.2.1/",
		"http://localhost.stuck.test:%d/",
		"http://[::ffff:192.0.2.1]:%d/",
		"http://0.0.0.0:%d/",
		"ftp://127.0.0.1:%d/",
		"file:///etc/hostname?%d",
		"127.0.0.1:%d/",
		"//127.0.0.1:%d/",
		"https://me:word@127.0.0.1:%d/",
		"",
		"http://127.0.0.1:%d/\r\nX: y",
		"http://127.0.0.1:%d\\@192.0.2.1/",
		"gopher://127.0.0.1:%d/",
		"http://:%d/",
		"http://127.0.0.1:%d999999/",
	};
	struct world *w = *state;
	size_t n = COUNT(urls);

	names_asked = 0;
	for (size_t i = 0; i < n; i++) {
		char url[200];

		memset(url, 0, sizeof(url));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), urls[i], w->h->port);
#pragma GCC diagnostic pop
		request(w, i, "GET", url, NULL, 3000);
	}
	assert_int_equal(iprep_net.turn(w->net, clock_mono_ms()), 0);
	for (size_t i = 0; i < n; i++) {
		if (w->s[i].ncalls != 1 || w->s[i].answer.status != NET_BROKEN ||
		    w->s[i].answer.sent)
			fail_msg("%s: %d calls, status %d", urls[i], w->s[i].ncalls,
				 (int)w->s[i].answer.status);
		assert_true(*w->s[i].answer.why);
	}
	assert_int_equal(w->h->nconnections, 0);
	assert_int_equal(names_asked, 0);
}

TEST(localhost_may_be_asked_in_the_clear)
{
	struct world *w = *state;
	char url[100];

	snprintf(url, sizeof(url), "http://localhost:%d/ok", w->h->port);
	request(w, 0, "GET", url, NULL, 5000);
	run(w);
	assert_int_equal(w->s[0].answer.code, 200);
}

TEST(a_request_that_smuggles_is_refused)
{
	struct world *w = *state;
	static const char *const methods[] = { "", "get", "GET /x HTTP/1.1\r\n", "G T" };
	const char *const headers[] = { "Key: a\r\nX: y", NULL };
	struct http_request r = { .method = "GET",
				  .url = "http://127.0.0.1:1/",
				  .headers = headers };

	for (size_t i = 0; i < 4; i++)
		ask(w, i, methods[i], "/ok", NULL, 5000);
	iprep_net.http(w->net, &r, clock_mono_ms() + 5000, answered, &w->s[4]);
	assert_int_equal(iprep_net.turn(w->net, clock_mono_ms()), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(w->s[i].ncalls, 1);
		assert_int_equal(w->s[i].answer.status, NET_BROKEN);
	}
	assert_int_equal(w->h->nconnections, 0);
}

TEST(the_environments_proxy_is_not_used_and_ours_is)
{
	struct world *w = *state, *w2;
	char proxy[64];

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", w->h->port);
	setenv("http_proxy", proxy, 1);
	setenv("https_proxy", proxy, 1);
	setenv("ALL_PROXY", proxy, 1);
	setenv("no_proxy", "*", 1);
	w2 = open_world("", "");
	ask(w2, 0, "GET", "/ok", NULL, 5000);
	request(w2, 1, "GET", "https://127.0.0.1:1/", NULL, 5000);
	run(w2);
	assert_int_equal(w2->s[0].answer.code, 200);
	assert_int_equal(w2->s[1].answer.status, NET_BROKEN);
	assert_int_equal(w->h->nconnections, 0);
	tear_down((void **)&w2);

	/* Ours: a tunnel is asked for, and the key is not for the proxy; loopback goes direct. */
	w2 = open_world(proxy, "");
	ask(w2, 0, "GET", "/ok", NULL, 5000);
	request(w2, 1, "GET", "https://192.0.2.1/echo", NULL, 2000);
	run(w2);
	assert_int_equal(w2->s[0].answer.code, 200);
	assert_int_equal(w2->h->nrequests, 1);
	assert_int_equal(w->h->nrequests, 1);
	assert_memory_equal(w->h->request, "CONNECT 192.0.2.1:443 ", 22);
	assert_null(strstr(w->h->request, KEY));
	assert_false(w2->s[1].answer.status == NET_OK);
	tear_down((void **)&w2);
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("no_proxy");
}

/* /echo sends the key back: as a body, and a proxy could do so in a header. */
TEST(the_trace_never_holds_the_key)
{
	struct world *w = *state;

	ask(w, 0, "POST", "/echo", "comment=" KEY, 5000);
	ask(w, 1, "GET", "/" KEY, NULL, 5000);
	ask(w, 2, "GET", "/reset", NULL, 5000);
	run(w);
	assert_non_null(strstr(w->s[0].body, KEY));
	assert_non_null(strstr(w->trace, "http: "));
	assert_non_null(strstr(w->trace, "HTTP/1.1 200 OK"));
	assert_null(strstr(w->trace, KEY));
	assert_null(strstr(w->s[2].answer.why, KEY));
}

TEST(a_missing_ca_file_is_said)
{
	struct world *w = open_world("", "/nonexistent/ca.pem");
	char url[100];

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", w->h->port);
	request(w, 0, "GET", url, NULL, 5000);
	run(w);
	assert_int_equal(w->s[0].answer.status, NET_BROKEN);
	assert_false(w->s[0].answer.sent);
	assert_non_null(strstr(w->s[0].answer.why, "/nonexistent/ca.pem"));
	tear_down((void **)&w);
}

TEST(close_answers_all_that_is_owed)
{
	struct world *w = *state;
	int64_t t;

	for (size_t i = 0; i < 20; i++)
		ask(w, i, "POST", "/never", "x", 60000);
	ask(w, 20, "get", "/ok", NULL, 60000);
	request(w, 21, "GET", "https://stuck.test/", NULL, 60000);
	while (w->h->nrequests < 8)
		iprep_net.turn(w->net, clock_mono_ms() + 20);
	ask(w, 22, "get", "/ok", NULL, 60000);
	t = clock_mono_ms();
	w->net = iprep_net.close(w->net);
	assert_true(clock_mono_ms() - t < 1000); /* the resolver's thread is not waited for */
	for (size_t i = 0; i < 23; i++)
		assert_int_equal(w->s[i].ncalls, 1);
	assert_int_equal(w->s[0].answer.status, NET_TIMEOUT);
	assert_true(w->s[0].answer.sent);
	assert_false(w->s[19].answer.sent); /* only eight at a time */
	assert_int_equal(w->s[22].answer.status, NET_BROKEN);
}

TEST(no_socket_is_inherited)
{
	struct world *w = *state;

	ask(w, 0, "GET", "/never", NULL, 200);
	while (!w->h->nrequests)
		iprep_net.turn(w->net, clock_mono_ms() + 20);
	for (int fd = 3; fd < 200; fd++) {
		struct sockaddr_storage a;
		socklen_t len = sizeof(a);

		if (!getsockname(fd, (struct sockaddr *)&a, &len) && a.ss_family == AF_INET)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	run(w);
}

TEST(a_socket_that_cannot_be_watched_ends_its_request_and_no_other)
{
	struct world *w = *state;

	for (int works = 0; works < 12; works++) {
		for (size_t i = 0; i < 4; i++) {
			w->s[i].ncalls = 0;
			ask(w, i, "GET", i % 2 ? "/ok" : "/never", NULL, 400);
		}
		watch_until = works;
		run(w);
		watch_until = INT_MAX;
		for (size_t i = 0; i < 4; i++) {
			const struct http_answer *answer = &w->s[i].answer;

			assert_int_equal(w->s[i].ncalls, 1);
			if (answer->status == NET_BROKEN)
				assert_string_equal(answer->why, "epoll: No space left on device");
			else
				assert_int_equal(answer->status, i % 2 ? NET_OK : NET_TIMEOUT);
		}
		assert_true(works || w->s[0].answer.status == NET_BROKEN);
	}
	w->s[0].ncalls = 0; /* it goes on when there is room again */
	ask(w, 0, "GET", "/ok", NULL, 5000);
	run(w);
	assert_int_equal(w->s[0].answer.status, NET_OK);
}

/* SPDX-License-Identifier: MIT */
/*
 * test_net_http.c - HTTP of the network module, against a server on loopback
 *
 * Every answer is counted per request, and must not come from inside http(). getaddrinfo(3) is
 * ours, so that a name can take its time without any network.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <time.h>
#include "fake_http.h"
#include "world.h"

#define KEY "0123456789abcdef-secret"

static struct sent {
	int ncalls;
	int64_t at_ms;
	struct http_answer answer;
	char body[4096];
} sent[100];
static struct net *net;
static struct fake_http *server;
static bool is_inside; /* of http() */
static char trace[100000];

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

	assert_false(is_inside);
	s->ncalls++;
	s->at_ms = clock_mono_ms();
	s->answer = *a;
	if (a->body_len && a->body_len < sizeof(s->body))
		memcpy(s->body, a->body, a->body_len);
}

static void traced(void *user, int priority, const char *line)
{
	size_t n = strlen(trace);

	(void)user;
	(void)priority;
	snprintf(trace + n, sizeof(trace) - n, "%s\n", line);
}

static void open_with(const char *proxy, const char *ca_file)
{
	static const char *const nowhere[] = { "127.0.0.1:1", NULL };

	assert_null(iprep_net.close(net));
	memset(sent, 0, sizeof(sent));
	net = world_open(nowhere, (struct net_conf){ .ca_file = ca_file,
						     .proxy = proxy,
						     .user_agent = "iprep/test",
						     .now_ms = clock_mono_ms,
						     .log = { traced, NULL, LOG_DEBUG } });
}

static int set_up(void **state)
{
	(void)state;
	trace[0] = '\0';
	names_asked = 0;
	server = fake_http_start();
	open_with("", "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net = iprep_net.close(net);
	assert_null(net);
	fake_http_stop(server);
	return 0;
}

FIXTURE(set_up, tear_down);

/* The strings of a request need not outlive the call: these do not. */
static void request(size_t i, const char *method, const char *url, const char *body, int64_t ms)
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

	is_inside = true;
	iprep_net.http(net, &r, clock_mono_ms() + ms, answered, &sent[i]);
	is_inside = false;
	free(u);
	free(b);
	free(key);
}

static void ask(size_t i, const char *method, const char *path, const char *body, int64_t ms)
{
	char url[200];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server->server.port, path);
	request(i, method, url, body, ms);
}

static void run(void)
{
	world_run(net, clock_mono_ms);
}

/* A request for a path of the server, and its answer. */
static const struct http_answer *one(const char *method, const char *path, const char *body)
{
	ask(0, method, path, body, 5000);
	run();
	assert_int_equal(sent[0].ncalls, 1);
	sent[0].ncalls = 0;
	return &sent[0].answer;
}

static void assert_answered_once(size_t i, enum net_status status)
{
	if (sent[i].ncalls != 1 || sent[i].answer.status != status)
		fail_msg("request %zu: %d calls, status %d: %s", i, sent[i].ncalls,
			 (int)sent[i].answer.status, sent[i].answer.why);
}

static void assert_quota(const struct http_answer *a, int64_t limit, int64_t remaining,
			 int64_t reset_at, int64_t retry_after_s)
{
	assert_int_equal(a->limit, limit);
	assert_int_equal(a->remaining, remaining);
	assert_int_equal(a->reset_at, reset_at);
	assert_int_equal(a->retry_after_s, retry_after_s);
}

TEST(an_answer_comes_with_its_body_and_its_quota)
{
	const struct http_answer *a = &sent[0].answer;

	ask(0, "GET", "/ok", NULL, 5000);
	assert_int_equal(sent[0].ncalls, 0);
	run();
	assert_answered_once(0, NET_OK);
	assert_int_equal(a->code, 200);
	assert_quota(a, 1000, 998, 1795478400, 30);
	assert_int_equal(a->body_len, 7);
	assert_memory_equal(sent[0].body, "{\"a\":1}", 7);
	assert_true(a->sent);
}

TEST(odd_quota_headers_count_as_absent_and_numbers_have_a_limit)
{
	static const char *const odd[] = { "/odd", "/more" };

	for (size_t i = 0; i < 2; i++) {
		const struct http_answer *a = one("GET", odd[i], NULL);

		assert_int_equal(a->status, NET_OK);
		assert_int_equal(a->code, 429);
		assert_quota(a, -1, -1, -1, -1);
	}
	assert_quota(one("GET", "/most", NULL), 100000000, 100000000, 253402300799, 31622400);
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

	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(i, rows[i].method, "/echo", rows[i].body, 5000);
		run();
		assert_int_equal(sent[i].answer.status, NET_OK);
		assert_memory_equal(sent[i].body, rows[i].first, strlen(rows[i].first));
		assert_has(sent[i].body, rows[i].last);
		assert_has(sent[i].body, "\r\nKey: " KEY "\r\n");
		assert_has(sent[i].body, "\r\nUser-Agent: iprep/test\r\n");
		assert_null(strstr(sent[i].body, "Accept-Encoding"));
		assert_null(strstr(sent[i].body, "Expect"));
	}
	assert_int_equal(server->server.nconnections, 1);
}

TEST(a_body_goes_as_a_file_of_a_form)
{
	char url[64];
	struct http_request req = { .method = "POST",
				    .url = url,
				    .body = "IP\n45.1.1.1\n",
				    .body_len = 12,
				    .upload = "csv",
				    .answer_max = 1 << 16 };

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", server->server.port);
	iprep_net.http(net, &req, clock_mono_ms() + 2000, answered, &sent[0]);
	run();
	assert_int_equal(sent[0].answer.code, 200);
	assert_has(sent[0].body, "POST /echo HTTP/1.1");
	assert_has(sent[0].body, "Content-Type: multipart/form-data; boundary=");
	assert_has(sent[0].body,
		   "Content-Disposition: form-data; name=\"csv\"; filename=\"reports.csv\"");
	assert_has(sent[0].body, "\r\n\r\nIP\n45.1.1.1\n\r\n--");
}

static void ask_for_given(const char *path, const char *bytes, size_t len)
{
	server->given = bytes;
	server->given_len = len;
	ask(0, "GET", path, NULL, 5000);
	run();
	assert_int_equal(sent[0].ncalls, 1);
}

ROWS(headers_are_read_as_their_row_says)
{
	const struct http_answer *answer = &sent[0].answer;
	char bytes[2048];

	snprintf(bytes, sizeof(bytes), "HTTP/1.1 200 OK\r\n%s\r\nContent-Length: 0\r\n\r\n",
		 row_text(row, "headers"));
	ask_for_given("/given", bytes, strlen(bytes));
	assert_int_equal(answer->status, NET_OK);
	assert_string_equal(answer->etag, row_text(row, "etag"));
	assert_string_equal(answer->last_modified, row_text(row, "last_modified"));
	assert_string_equal(answer->content_type, row_text(row, "content_type"));
	assert_string_equal(answer->generated_at, row_text(row, "generated_at"));
	assert_int_equal(answer->retry_after_s, row_number(row, "retry_after"));
}

TEST(a_date_in_retry_after_counts_from_now_if_the_answer_has_no_date)
{
	time_t at = time(NULL) + 3600;
	char date[64], bytes[256];
	struct tm tm;

	strftime(date, sizeof(date), "%a, %d %b %Y %T GMT", gmtime_r(&at, &tm));
	snprintf(bytes, sizeof(bytes),
		 "HTTP/1.1 429 Slow Down\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
	ask_for_given("/given", bytes, strlen(bytes));
	assert_in_range(sent[0].answer.retry_after_s, 3500, 3600);
}

/* What was sent before as an ETag is no secret, or an answer with it would have none. */
TEST(an_etag_that_was_sent_comes_back)
{
	static const char answer[] = "HTTP/1.1 304 Not Modified\r\nETag: \"0123456789-abcdef\"\r\n"
				     "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
	const char *const headers[] = { "If-None-Match: \"0123456789-abcdef\"",
					"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", NULL };
	struct http_request req = { .method = "GET", .headers = headers, .answer_max = 10 };
	char url[64];

	server->given = answer;
	server->given_len = sizeof(answer) - 1;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/given", server->server.port);
	req.url = url;
	iprep_net.http(net, &req, clock_mono_ms() + 5000, answered, &sent[0]);
	run();
	assert_answered_once(0, NET_OK);
	assert_int_equal(sent[0].answer.code, 304);
	assert_string_equal(sent[0].answer.etag, "\"0123456789-abcdef\"");
	assert_string_equal(sent[0].answer.last_modified, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_has(server->request, "If-None-Match: \"0123456789-abcdef\"\r\n");
}

/* ---- a body that is taken piece by piece ---- */

static size_t taken, taken_max;
static char taken_text[64]; /* its beginning */

static bool take(void *user, const char *bytes, size_t len)
{
	struct sent *s = user;

	assert_int_equal(s->ncalls, 0);
	assert_true(len);
	for (size_t i = 0; i < len && taken + i < sizeof(taken_text) - 1; i++)
		taken_text[taken + i] = bytes[i];
	taken += len;
	return taken < taken_max;
}

static void stream(const char *path, bool gzip, size_t answer_max, int64_t ms)
{
	struct http_request req = {
		.method = "GET", .gzip = gzip, .answer_max = answer_max, .take = take
	};
	char url[64];

	taken = 0;
	memset(taken_text, 0, sizeof(taken_text));
	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server->server.port, path);
	req.url = url;
	iprep_net.http(net, &req, clock_mono_ms() + ms, answered, &sent[0]);
	run();
	assert_int_equal(sent[0].ncalls, 1);
}

ROWS(a_body_is_taken_as_its_row_says)
{
	const struct http_answer *answer = &sent[0].answer;

	taken_max = row_has(row, "until") ? (size_t)row_number(row, "until") : SIZE_MAX;
	server->given = row_text(row, "bytes");
	server->given_len = row_length(row, "bytes");
	stream("/last", row_yes(row, "gzip"), (size_t)row_number(row, "max"), 5000);
	assert_int_equal(answer->status, row_choice(row, "status",
						    "ok nxdomain nodata timeout refused servfail "
						    "broken"));
	assert_int_equal(answer->code, row_number(row, "code"));
	assert_string_equal(taken_text, row_text(row, "taken"));
	assert_string_equal(sent[0].body, row_text(row, "body"));
	if (row_has(row, "why"))
		assert_has(answer->why, row_text(row, "why"));
	assert_int_equal(answer->status == NET_OK, !*answer->why);
	assert_int_equal(strstr(server->request, "\r\nAccept-Encoding: gzip\r\n") != NULL,
			 row_yes(row, "gzip"));
	assert_int_equal(server->nrequests, 1);
}

TEST(a_large_body_is_taken_and_not_kept)
{
	taken_max = SIZE_MAX;
	stream("/big", true, 100000, 5000);
	assert_answered_once(0, NET_OK);
	assert_int_equal(taken, 100000);
	assert_int_equal(sent[0].answer.body_len, 0);
}

TEST(what_is_taken_ends_at_the_deadline)
{
	taken_max = SIZE_MAX;
	stream("/slow", false, 1000, 300);
	assert_answered_once(0, NET_TIMEOUT);
	assert_string_equal(taken_text, "half");
}

/* A page that says "not found" is not too large to be known as one. */
TEST(the_body_of_an_error_is_cut_and_not_taken)
{
	static char bytes[6000] = "HTTP/1.1 404 Not Found\r\nContent-Length: 5000\r\n\r\n";
	size_t head = strlen(bytes);

	memset(bytes + head, 'x', 5000);
	server->given = bytes;
	server->given_len = head + 5000;
	stream("/given", false, 100000, 5000);
	assert_answered_once(0, NET_OK);
	assert_int_equal(sent[0].answer.code, 404);
	assert_int_equal(sent[0].answer.body_len, HTTP_OTHER_MAX);
	assert_int_equal(taken, 0);
}

TEST(connections_are_kept_and_few)
{
	ask(0, "GET", "/ok", NULL, 5000);
	run();
	ask(1, "GET", "/ok", NULL, 5000);
	run();
	assert_int_equal(server->nrequests, 2);
	assert_int_equal(server->server.nconnections, 1);
	for (size_t i = 2; i < 100; i++)
		ask(i, "GET", "/ok", NULL, 15000);
	run();
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(sent[i].ncalls, 1);
		assert_int_equal(sent[i].answer.code, 200);
	}
	assert_true(server->server.most >= 1 && server->server.most <= 8);
	assert_true(server->server.nconnections >= 1 && server->server.nconnections <= 8);
}

TEST(what_takes_too_long_ends_at_the_deadline)
{
	static const char *const paths[] = { "/slow", "/never" };
	int64_t t = clock_mono_ms();

	for (size_t i = 0; i < 2; i++)
		ask(i, "POST", paths[i], "x=1", 300);
	request(2, "GET", "https://stuck.test/", NULL, 300);
	ask(3, "GET", "/ok", NULL, 0);
	run();
	for (size_t i = 0; i < 4; i++) {
		assert_answered_once(i, NET_TIMEOUT);
		assert_int_equal(sent[i].answer.body_len, 0);
		assert_int_equal(sent[i].answer.sent, i < 2);
		assert_true(sent[i].at_ms - t >= (i < 3 ? 300 : 0));
	}
	assert_int_equal(names_asked, 1);
	ask(4, "GET", "/ok", NULL, 5000);
	run();
	assert_int_equal(sent[4].answer.code, 200);
}

TEST(what_goes_wrong_is_told_apart)
{
	char url[100];
	int closed = 0, fd = fake_bind(SOCK_STREAM, &closed);

	close(fd);
	ask(0, "GET", "/big", NULL, 5000);
	ask(1, "POST", "/reset", "x", 5000);
	ask(2, "POST", "/hangup", "x", 5000);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", closed);
	request(3, "GET", url, NULL, 5000);
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server->server.port);
	request(4, "GET", url, NULL, 2000);
	run();
	for (size_t i = 0; i < 5; i++) {
		struct http_answer *a = &sent[i].answer;

		assert_int_equal(sent[i].ncalls, 1);
		assert_true(a->status == NET_BROKEN || (i == 4 && a->status == NET_TIMEOUT));
		assert_int_equal(a->sent, i < 3);
		assert_true(*a->why);
	}
	assert_has(sent[0].answer.why, "more than 4000 bytes");
}

TEST(a_redirect_is_an_answer)
{
	assert_int_equal(one("GET", "/redirect", NULL)->code, 302);
	assert_int_equal(server->nrequests, 1);
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
	size_t n = COUNT(urls);

	for (size_t i = 0; i < n; i++) {
		char url[200];

		memset(url, 0, sizeof(url));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), urls[i], server->server.port);
#pragma GCC diagnostic pop
		request(i, "GET", url, NULL, 3000);
	}
	assert_int_equal(iprep_net.turn(net, clock_mono_ms()), 0);
	for (size_t i = 0; i < n; i++) {
		if (sent[i].ncalls != 1 || sent[i].answer.status != NET_BROKEN ||
		    sent[i].answer.sent)
			fail_msg("%s: %d calls, status %d", urls[i], sent[i].ncalls,
				 (int)sent[i].answer.status);
		assert_true(*sent[i].answer.why);
	}
	assert_int_equal(server->server.nconnections, 0);
	assert_int_equal(names_asked, 0);
}

TEST(localhost_may_be_asked_in_the_clear)
{
	char url[100];

	snprintf(url, sizeof(url), "http://localhost:%d/ok", server->server.port);
	request(0, "GET", url, NULL, 5000);
	run();
	assert_int_equal(sent[0].answer.code, 200);
}

TEST(a_request_that_smuggles_is_refused)
{
	static const char *const methods[] = { "", "get", "GET /x HTTP/1.1\r\n", "G T" };
	const char *const headers[] = { "Key: a\r\nX: y", NULL };
	struct http_request r = { .method = "GET",
				  .url = "http://127.0.0.1:1/",
				  .headers = headers };

	for (size_t i = 0; i < 4; i++)
		ask(i, methods[i], "/ok", NULL, 5000);
	iprep_net.http(net, &r, clock_mono_ms() + 5000, answered, &sent[4]);
	assert_int_equal(iprep_net.turn(net, clock_mono_ms()), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_answered_once(i, NET_BROKEN);
	}
	assert_int_equal(server->server.nconnections, 0);
}

TEST(the_environments_proxy_is_not_used_and_ours_is)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "ALL_PROXY" };
	struct fake_http *proxy_server = fake_http_start();
	char proxy[64];

	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", proxy_server->server.port);
	for (size_t i = 0; i < COUNT(names); i++)
		setenv(names[i], proxy, 1);
	setenv("no_proxy", "*", 1);
	open_with("", "");
	ask(0, "GET", "/ok", NULL, 5000);
	request(1, "GET", "https://127.0.0.1:1/", NULL, 5000);
	run();
	assert_int_equal(sent[0].answer.code, 200);
	assert_answered_once(1, NET_BROKEN);
	assert_int_equal(proxy_server->server.nconnections, 0);

	/* Ours: a tunnel is asked for, and the key is not for the proxy; loopback goes direct. */
	server->nrequests = 0;
	open_with(proxy, "");
	ask(0, "GET", "/ok", NULL, 5000);
	request(1, "GET", "https://192.0.2.1/echo", NULL, 2000);
	run();
	assert_int_equal(sent[0].answer.code, 200);
	assert_int_equal(server->nrequests, 1);
	assert_int_equal(proxy_server->nrequests, 1);
	assert_memory_equal(proxy_server->request, "CONNECT 192.0.2.1:443 ", 22);
	assert_null(strstr(proxy_server->request, KEY));
	assert_false(sent[1].answer.status == NET_OK);
	for (size_t i = 0; i < COUNT(names); i++)
		unsetenv(names[i]);
	unsetenv("no_proxy");
	net = iprep_net.close(net);
	fake_http_stop(proxy_server);
}

/* /echo sends the key back: as a body, and a proxy could do so in a header. */
TEST(the_trace_never_holds_the_key)
{
	ask(0, "POST", "/echo", "comment=" KEY, 5000);
	ask(1, "GET", "/" KEY, NULL, 5000);
	ask(2, "GET", "/reset", NULL, 5000);
	run();
	assert_has(sent[0].body, KEY);
	assert_has(trace, "http: ");
	assert_has(trace, "HTTP/1.1 200 OK");
	assert_null(strstr(trace, KEY));
	assert_null(strstr(sent[2].answer.why, KEY));
}

TEST(a_missing_ca_file_is_said)
{
	char url[100];

	open_with("", "/nonexistent/ca.pem");
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server->server.port);
	request(0, "GET", url, NULL, 5000);
	run();
	assert_int_equal(sent[0].answer.status, NET_BROKEN);
	assert_false(sent[0].answer.sent);
	assert_has(sent[0].answer.why, "/nonexistent/ca.pem");
}

TEST(close_answers_all_that_is_owed)
{
	int64_t t;

	for (size_t i = 0; i < 20; i++)
		ask(i, "POST", "/never", "x", 60000);
	ask(20, "get", "/ok", NULL, 60000);
	request(21, "GET", "https://stuck.test/", NULL, 60000);
	while (server->nrequests < 8)
		iprep_net.turn(net, clock_mono_ms() + 20);
	ask(22, "get", "/ok", NULL, 60000);
	t = clock_mono_ms();
	net = iprep_net.close(net);
	assert_true(clock_mono_ms() - t < 1000); /* the resolver's thread is not waited for */
	for (size_t i = 0; i < 23; i++)
		assert_int_equal(sent[i].ncalls, 1);
	assert_int_equal(sent[0].answer.status, NET_TIMEOUT);
	assert_true(sent[0].answer.sent);
	assert_false(sent[19].answer.sent); /* only eight at a time */
	assert_int_equal(sent[22].answer.status, NET_BROKEN);
}

TEST(no_socket_is_inherited)
{
	ask(0, "GET", "/never", NULL, 200);
	while (!server->nrequests)
		iprep_net.turn(net, clock_mono_ms() + 20);
	world_assert_nothing_is_inherited();
	run();
}

TEST(a_socket_that_cannot_be_watched_ends_its_request_and_no_other)
{
	for (int works = 0; works < 12; works++) {
		for (size_t i = 0; i < 4; i++) {
			sent[i].ncalls = 0;
			ask(i, "GET", i % 2 ? "/ok" : "/never", NULL, 400);
		}
		watch_until = works;
		run();
		watch_until = INT_MAX;
		for (size_t i = 0; i < 4; i++) {
			const struct http_answer *answer = &sent[i].answer;

			assert_int_equal(sent[i].ncalls, 1);
			if (answer->status == NET_BROKEN)
				assert_string_equal(answer->why, "epoll: No space left on device");
			else
				assert_int_equal(answer->status, i % 2 ? NET_OK : NET_TIMEOUT);
		}
		assert_true(works || sent[0].answer.status == NET_BROKEN);
	}
	sent[0].ncalls = 0; /* it goes on when there is room again */
	ask(0, "GET", "/ok", NULL, 5000);
	run();
	assert_int_equal(sent[0].answer.status, NET_OK);
}

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

#define KEY	 "0123456789abcdef-secret"
#define STATUSES "ok nxdomain nodata timeout refused servfail broken"

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

static void run(void)
{
	world_run(net, clock_mono_ms);
}

static void assert_answered_once(size_t i, enum net_status status)
{
	if (sent[i].ncalls != 1 || sent[i].answer.status != status)
		fail_msg("request %zu: %d calls, status %d: %s", i, sent[i].ncalls,
			 (int)sent[i].answer.status, sent[i].answer.why);
}

/* "/x" of the server, or a whole URL; PORT is the server's, CLOSED one where none listens. */
static const char *url_of(const char *text)
{
	static char url[200];
	const char *word = strstr(text, "PORT");
	int port = server->server.port, closed = 0, fd = fake_bind(SOCK_STREAM, &closed);

	close(fd);
	if (!word && (word = strstr(text, "CLOSED")))
		port = closed;
	if (*text == '/' && text[1] != '/')
		snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, text);
	else if (word)
		snprintf(url, sizeof(url), "%.*s%d%s", (int)(word - text), text, port,
			 word + strspn(word, "CDELOPRST"));
	else
		snprintf(url, sizeof(url), "%s", text);
	return url;
}

static void ask(size_t i, const char *method, const char *path, const char *body, int64_t ms)
{
	request(i, method, url_of(path), body, ms);
}

static void assert_body(const struct row *row, const struct http_answer *a)
{
	const char *body = sent[0].body, *begins = row_text(row, "begins");

	assert_int_equal(a->body_len, strlen(body));
	if (!begins)
		return;
	assert_memory_equal(body, begins, strlen(begins));
	if (!row_has(row, "has")) {
		assert_string_equal(body, begins);
		return;
	}
	assert_has(body, row_text(row, "has"));
	assert_has(body, "\r\nKey: " KEY "\r\n");
	assert_has(body, "\r\nUser-Agent: iprep/test\r\n");
	assert_null(strstr(body, "Accept-Encoding"));
	assert_null(strstr(body, "Expect"));
}

/* What is never sent is answered in the next turn, and no name is looked up for it. */
ROWS(a_request_ends_as_its_row_says)
{
	const struct http_answer *a = &sent[0].answer;
	const char *url = row_text(row, "url");
	int64_t start_ms = clock_mono_ms(), ms = row_number(row, "ms");
	bool is_refused = row_has(row, "connections") && !row_number(row, "connections");
	char quota[80];

	memset(sent, 0, sizeof(sent));
	request(0, row_text(row, "method"), url_of(url), row_text(row, "body"), ms);
	assert_int_equal(sent[0].ncalls, 0);
	if (is_refused)
		assert_int_equal(iprep_net.turn(net, clock_mono_ms()), 0);
	else
		run();
	assert_int_equal(sent[0].ncalls, 1);
	if (strcmp(row_text(row, "status"), "broken_or_timeout") != 0)
		assert_int_equal(a->status, row_choice(row, "status", STATUSES));
	assert_true(a->status != NET_TIMEOUT || sent[0].at_ms - start_ms >= ms);
	assert_int_equal(a->code, row_number(row, "code"));
	assert_int_equal(a->sent, row_yes(row, "sent"));
	assert_int_equal(*a->why != '\0', a->status != NET_OK);
	if (row_has(row, "why"))
		assert_has(a->why, row_text(row, "why"));
	snprintf(quota, sizeof(quota), "%lld %lld %lld %lld", (long long)a->limit,
		 (long long)a->remaining, (long long)a->reset_at, (long long)a->retry_after_s);
	if (row_has(row, "quota"))
		assert_string_equal(quota, row_text(row, "quota"));
	assert_body(row, a);
	if (row_has(row, "connections"))
		assert_int_equal(server->server.nconnections, row_number(row, "connections"));
	if (row_has(row, "requests"))
		assert_int_equal(server->nrequests, row_number(row, "requests"));
	assert_int_equal(names_asked, strstr(url, "https://stuck.test") != NULL);
}

TEST(a_body_goes_as_a_file_of_a_form)
{
	struct http_request req = { .method = "POST",
				    .url = url_of("/echo"),
				    .body = "IP\n45.1.1.1\n",
				    .body_len = 12,
				    .upload = "csv",
				    .answer_max = 1 << 16 };

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
	struct http_request req = {
		.method = "GET", .url = url_of("/given"), .headers = headers, .answer_max = 10
	};

	server->given = answer;
	server->given_len = sizeof(answer) - 1;
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
	struct http_request req = { .method = "GET",
				    .url = url_of(path),
				    .gzip = gzip,
				    .answer_max = answer_max,
				    .take = take };

	taken = 0;
	memset(taken_text, 0, sizeof(taken_text));
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
	assert_int_equal(answer->status, row_choice(row, "status", STATUSES));
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

TEST(a_request_that_smuggles_a_header_is_refused)
{
	const char *const headers[] = { "Key: a\r\nX: y", NULL };
	struct http_request r = { .method = "GET", .url = url_of("/ok"), .headers = headers };

	iprep_net.http(net, &r, clock_mono_ms() + 5000, answered, &sent[0]);
	assert_int_equal(iprep_net.turn(net, clock_mono_ms()), 0);
	assert_answered_once(0, NET_BROKEN);
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
	ask(1, "GET", "https://127.0.0.1:1/", NULL, 5000);
	run();
	assert_int_equal(sent[0].answer.code, 200);
	assert_answered_once(1, NET_BROKEN);
	assert_int_equal(proxy_server->server.nconnections, 0);

	/* Ours: a tunnel is asked for, and the key is not for the proxy; loopback goes direct. */
	server->nrequests = 0;
	open_with(proxy, "");
	ask(0, "GET", "/ok", NULL, 5000);
	ask(1, "GET", "https://192.0.2.1/echo", NULL, 2000);
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
	open_with("", "/nonexistent/ca.pem");
	ask(0, "GET", "https://127.0.0.1:PORT/", NULL, 5000);
	run();
	assert_answered_once(0, NET_BROKEN);
	assert_false(sent[0].answer.sent);
	assert_has(sent[0].answer.why, "/nonexistent/ca.pem");
}

TEST(close_answers_all_that_is_owed)
{
	int64_t t;

	for (size_t i = 0; i < 20; i++)
		ask(i, "POST", "/never", "x", 60000);
	ask(20, "get", "/ok", NULL, 60000);
	ask(21, "GET", "https://stuck.test/", NULL, 60000);
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

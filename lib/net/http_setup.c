/* SPDX-License-Identifier: MIT */
/*
 * http_setup.c - the settings of a request: what curl may do, and what it may not
 *
 * https only, http only to this host itself; verification always on; no redirects; neither the
 * environment nor ~/.netrc is read (CURLOPT_PROXY(3), CURLOPT_NOPROXY(3): an empty text keeps
 * http_proxy and no_proxy out). HTTP/1.1, because then "were bytes of it sent" has one answer.
 * What goes out (headers hold the key) and bodies are never traced.
 */
#include "net/http_private.h"
#include "base/buf.h"
#include "base/mask.h"
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/param.h>

#define METHOD_MAX 16
#define SECRET_MIN 6 /* shorter header values ("1", "*") are no secrets */

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

/* A literal or localhost, which curl itself resolves to loopback (since 7.78): no name server
 * decides where a key goes in the clear. */
static bool is_loopback_host(const char *host)
{
	struct in_addr in_addr;

	if (!strcasecmp(host, "localhost") || !strcmp(host, "[::1]"))
		return true;
	return inet_pton(AF_INET, host, &in_addr) == 1 && ntohl(in_addr.s_addr) >> 24 == 127;
}

/* Read by the parser that curl itself uses, or the two might differ on which part is the host. */
static const char *check_url(struct call *call, const char *url)
{
	char *scheme = NULL, *host = NULL, *user = NULL;
	const char *why = "not a URL";
	CURLU *u = curl_url();

	if (!u)
		return "out of memory";
	if (has_control(url) || curl_url_set(u, CURLUPART_URL, url, 0) ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0))
		goto out;
	call->is_plain = !strcmp(scheme, "http");
	if (!curl_url_get(u, CURLUPART_USER, &user, 0))
		why = "a URL with a user name";
	else if (!call->is_plain && strcmp(scheme, "https"))
		why = "neither https nor http";
	else if (call->is_plain && !is_loopback_host(host))
		why = "http only to this host itself; https elsewhere";
	else
		why = NULL;
out:
	curl_free(user);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(u);
	return why;
}

static bool is_method(const char *text)
{
	size_t len = strlen(text);

	return len && len <= METHOD_MAX && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static bool add_header(struct call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (longer)
		call->headers = longer;
	return longer;
}

static bool add_headers(struct call *call, const char *const *lines)
{
	for (; lines && *lines; lines++)
		if (!add_header(call, *lines))
			return false;
	/* No "100-continue" before a large body: it costs a round trip or a second. */
	return add_header(call, "Expect:");
}

/* The part of a header that must not appear in a message; unknown headers count as secret. */
static const char *secret_value(const char *line)
{
	/* An ETag comes back in the answer. */
	static const char *const known[] = { "Accept:", "Content-Type:", "If-None-Match:",
					     "If-Modified-Since:" };
	const char *pos = strchr(line, ':');

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncasecmp(line, known[i], strlen(known[i])))
			return "";
	if (!pos)
		return "";
	return pos + 1 + strspn(pos + 1, " \t");
}

bool http_shows_secret(const struct call *call, const char *text)
{
	for (const struct curl_slist *header = call->headers; header; header = header->next) {
		const char *value = secret_value(header->data);

		if (strlen(value) >= SECRET_MIN && text_shows(text, strlen(text), value))
			return true;
	}
	return false;
}

void http_mask(const struct call *call, char *dst, size_t room, const char *text, size_t len)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text_mask(dst, room, text, len);
	if (http_shows_secret(call, dst))
		text_mask(dst, room, "...", 3);
}

static int on_trace(CURL *easy, curl_infotype type, char *text, size_t len, void *user)
{
	struct call *call = user;
	char line[200];

	(void)easy;
	if (type != CURLINFO_TEXT && type != CURLINFO_HEADER_IN)
		return 0;
	http_mask(call, line, sizeof(line), text, len);
	if (*line)
		log_line(&call->net->conf.log, LOG_DEBUG, "http: %s%s",
			 type == CURLINFO_TEXT ? "" : "< ", line);
	return 0;
}

/* curl 7.88 sets close-on-exec on none of its sockets. */
static curl_socket_t on_open_socket(void *user, curlsocktype purpose,
				    struct curl_sockaddr *sockaddr)
{
	const struct call *call = user;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)&sockaddr->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&sockaddr->addr;
	bool is_loopback = (sockaddr->family == AF_INET &&
			    ntohl(in4->sin_addr.s_addr) >> 24 == 127) ||
			   (sockaddr->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));

	if (purpose != CURLSOCKTYPE_IPCXN || (call->is_plain && !is_loopback))
		return CURL_SOCKET_BAD;
	return socket(sockaddr->family, sockaddr->socktype | SOCK_CLOEXEC, sockaddr->protocol);
}

static bool collect_body(struct call *call, const char *bytes, size_t len)
{
	size_t max = call->body.max - call->body.len;

	if (call->take && len > max) /* of an error, which is to be known by its code */
		len = max;
	buf_add(&call->body, bytes, len);
	return !call->body.failed;
}

static bool stream_body(struct call *call, const char *bytes, size_t len)
{
	if (!len || call->take(call->user, bytes, len))
		return true;
	call->is_not_taken = true;
	return false;
}

/* Anything but its length ends the transfer. */
static size_t on_body(char *pos, size_t size, size_t count, void *user)
{
	struct call *call = user;
	size_t len = size * count;
	long code = 0;
	bool is_good;

	if (call->request.is_done)
		return CURL_WRITEFUNC_ERROR;
	call->too_big = len > call->answer_max - call->received;
	if (call->too_big)
		return CURL_WRITEFUNC_ERROR;
	call->received += len;
	if (call->take && curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK)
		return CURL_WRITEFUNC_ERROR;
	if (code >= 200 && code < 300)
		is_good = stream_body(call, pos, len);
	else
		is_good = collect_body(call, pos, len);
	return is_good ? len : CURL_WRITEFUNC_ERROR;
}

/* Of options that a libcurl without them would ignore: it is noted, and the request is not made. */
#define set_option(call, option, value)                                        \
	do {                                                                   \
		if (curl_easy_setopt((call)->easy, option, value) != CURLE_OK) \
			(call)->is_refused = true;                             \
	} while (0)

/* Options that copy text fail if out of memory. */
static bool set_text(CURL *easy, CURLoption option, const char *text)
{
	return curl_easy_setopt(easy, option, text) == CURLE_OK;
}

static bool set_form(struct call *call, const struct http_request *req)
{
	curl_mimepart *part;

	call->form = curl_mime_init(call->easy);
	if (!call->form)
		return false;
	part = curl_mime_addpart(call->form);
	return part && !curl_mime_name(part, req->upload) &&
	       !curl_mime_filename(part, "reports.csv") && !curl_mime_type(part, "text/csv") &&
	       !curl_mime_data(part, req->body, req->body_len) &&
	       curl_easy_setopt(call->easy, CURLOPT_MIMEPOST, call->form) == CURLE_OK;
}

static bool set_method(struct call *call, const struct http_request *req)
{
	bool is_post = !strcmp(req->method, "POST");
	CURL *easy = call->easy;

	if (req->upload)
		return set_form(call, req);
	if (is_post || req->body) {
		/* The size first: it says how much to copy. No body: curl would read stdin. */
		set_option(call, CURLOPT_POST, 1L);
		set_option(call, CURLOPT_POSTFIELDSIZE_LARGE,
			   (curl_off_t)(req->body ? req->body_len : 0));
		if (!set_text(easy, CURLOPT_COPYPOSTFIELDS, text_or(req->body, "")))
			return false;
	}
	if (is_post || (!req->body && !strcmp(req->method, "GET")))
		return true;
	return set_text(easy, CURLOPT_CUSTOMREQUEST, req->method);
}

static bool set_tls(struct call *call, const char *ca_file)
{
	set_option(call, CURLOPT_SSL_VERIFYPEER, 1L);
	set_option(call, CURLOPT_SSL_VERIFYHOST, 2L);
	set_option(call, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!*ca_file)
		return true;
	/* A configured file replaces the system's certificates; it does not add to them. */
	set_option(call, CURLOPT_CAPATH, NULL);
	return set_text(call->easy, CURLOPT_CAINFO, ca_file);
}

static void set_callbacks(struct call *call)
{
	set_option(call, CURLOPT_PRIVATE, call);
	set_option(call, CURLOPT_ERRORBUFFER, call->error);
	set_option(call, CURLOPT_WRITEFUNCTION, on_body);
	set_option(call, CURLOPT_WRITEDATA, call);
	set_option(call, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	set_option(call, CURLOPT_OPENSOCKETDATA, call);
	if (!log_wants(&call->net->conf.log, LOG_DEBUG))
		return;
	set_option(call, CURLOPT_DEBUGFUNCTION, on_trace);
	set_option(call, CURLOPT_DEBUGDATA, call);
	set_option(call, CURLOPT_VERBOSE, 1L);
}

static bool set_manners(struct call *call, bool gzip, int64_t left_ms)
{
	const struct net_conf *nc = &call->net->conf;
	CURL *easy = call->easy;

	set_option(call, CURLOPT_NOSIGNAL, 1L);
	set_option(call, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set_option(call, CURLOPT_FOLLOWLOCATION, 0L);
	set_option(call, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	set_option(call, CURLOPT_ACCEPT_ENCODING, gzip ? "gzip" : NULL);
	/* The key is for the server, not for the proxy on the way. */
	set_option(call, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	set_option(call, CURLOPT_HTTPHEADER, call->headers);
	set_option(call, CURLOPT_TIMEOUT_MS, (long)MIN(left_ms, INT_MAX));
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Otherwise a timeout waits for the thread that is in getaddrinfo(3), 10 s or more. */
	set_option(call, CURLOPT_QUICK_EXIT, 1L);
#endif
	return set_text(easy, CURLOPT_PROTOCOLS_STR, call->is_plain ? "http" : "https") &&
	       set_text(easy, CURLOPT_PROXY, call->is_plain ? "" : nc->proxy) &&
	       set_text(easy, CURLOPT_NOPROXY, "") &&
	       (!*nc->user_agent || set_text(easy, CURLOPT_USERAGENT, nc->user_agent)) &&
	       set_tls(call, nc->ca_file);
}

const char *http_set_up(struct call *call, const struct http_request *req, int64_t left_ms)
{
	const char *why = check_url(call, req->url);

	if (why)
		return why;
	if (!is_method(req->method))
		return "not an HTTP method";
	for (const char *const *host = req->headers; host && *host; host++)
		if (has_control(*host))
			return "a header with a control character";
	call->easy = curl_easy_init();
	if (!call->easy || !add_headers(call, req->headers) ||
	    !set_manners(call, req->gzip, left_ms) || !set_method(call, req) ||
	    !set_text(call->easy, CURLOPT_URL, req->url))
		return "out of memory";
	set_callbacks(call);
	if (call->is_refused)
		return "libcurl refuses one of the options";
	return NULL;
}

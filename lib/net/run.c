/* SPDX-License-Identifier: MIT */
/*
 * run.c - asks the runner, another process, to run a program of others
 *
 * Frames over a stream socket (iprep.h). One request is on its way at a time. If its time is over,
 * the runner may still answer: frames of a former id are read and dropped. A request of which only
 * a part could be written, or a socket that ended, is the end of the runner for this process.
 */
#include "base/random.h"
#include "net/net_private.h"
#include <errno.h>
#include <iprep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct run {
	struct request request; /* first */
	uint32_t id;
	char *bytes; /* of the request: frame and text */
	size_t len, sent;
	bool wants_more;
	bool (*take)(void *user, const char *bytes, size_t len);
	void (*cb)(void *user, const struct run_answer *answer);
	void *user;
	struct run_answer answer;
	char output[RUN_OUTPUT_MAX];
};
struct net_run {
	struct run *current; /* NULL: none is on its way */
	int fd;		     /* -1: not known yet */
	uint32_t last_id;
	bool is_broken;
	char head[sizeof(struct iprep_run_frame)];
	struct iprep_run_frame frame;
	size_t have, left; /* bytes of the head; of its text still to come */
};

static void run_end(struct net *net, enum net_status status, const char *why)
{
	struct run *run = net->run->current;

	if (!run)
		return;
	net->run->current = NULL;
	run->answer.status = status;
	snprintf(run->answer.why, sizeof(run->answer.why), "%s", why);
	net_done(net, &run->request);
}

static void run_break(struct net *net, const char *why)
{
	net->run->is_broken = true;
	net_watch(net, NET_RUN, 0, net->run->fd, false, false);
	run_end(net, NET_BROKEN, why);
}

/* ---- sending ---- */

static void run_send(struct net *net)
{
	struct run *run = net->run->current;

	while (run && run->sent < run->len) {
		ssize_t count = send(net->run->fd, run->bytes + run->sent, run->len - run->sent,
				     MSG_DONTWAIT | MSG_NOSIGNAL);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno != EAGAIN) {
			run_break(net, "the process that runs the client has ended");
			return;
		}
		if (count < 0)
			break;
		run->sent += (size_t)count;
	}
	if (!net_watch(net, NET_RUN, 0, net->run->fd, true, run && run->sent < run->len))
		run_break(net, "the process that runs the client cannot be watched");
}

/* ---- receiving ---- */

static void run_take(struct run *run, const char *bytes, size_t len)
{
	size_t room = sizeof(run->output) - run->answer.len;

	if (run->take) {
		if (run->wants_more)
			run->wants_more = run->take(run->user, bytes, len);
		return;
	}
	if (len > room)
		len = room;
	memcpy(run->output + run->answer.len, bytes, len);
	run->answer.len += len;
}

static void run_frame_done(struct net *net)
{
	struct net_run *all = net->run;

	if (all->current && all->frame.id == all->current->id && all->frame.kind == IPREP_RUN_END) {
		all->current->answer.exit_status = all->frame.value;
		run_end(net, NET_OK, "");
	}
	all->have = 0;
}

/* Bytes as they come: the head of a frame, then its text. */
static void run_parse(struct net *net, const char *bytes, size_t len)
{
	struct net_run *all = net->run;

	while (len) {
		size_t part = sizeof(all->head) - all->have;

		if (part) {
			part = part < len ? part : len;
			memcpy(all->head + all->have, bytes, part);
			all->have += part;
			if (all->have == sizeof(all->head)) {
				memcpy(&all->frame, all->head, sizeof(all->frame));
				all->left = all->frame.len;
			}
		} else {
			part = all->left < len ? all->left : len;
			if (all->current && all->frame.id == all->current->id)
				run_take(all->current, bytes, part);
			all->left -= part;
		}
		bytes += part;
		len -= part;
		if (all->have == sizeof(all->head) && !all->left)
			run_frame_done(net);
	}
}

static void run_receive(struct net *net)
{
	char bytes[16384];
	ssize_t count = recv(net->run->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (count > 0)
		run_parse(net, bytes, (size_t)count);
	else if (!count || (errno != EAGAIN && errno != EINTR))
		run_break(net, "the process that runs the client has ended");
}

/* ---- the driver ---- */

static void run_expire(struct net *net, struct request *request)
{
	struct run *run = (struct run *)(void *)request;

	run->answer.status = NET_TIMEOUT;
	if (net->run->current != run)
		return;
	net->run->current = NULL;
	if (run->sent && run->sent < run->len)
		net->run->is_broken = true;
}

static void run_deliver(struct net *net, struct request *request)
{
	struct run *run = (struct run *)(void *)request;

	(void)net;
	run->answer.output = run->output;
	run->cb(run->user, &run->answer);
	free(run->bytes);
	free(run);
}

static void refuse_run(const struct refusal *refusal)
{
	struct run_answer answer = { .status = NET_BROKEN, .why = "out of memory", .output = "" };

	refusal->run_cb(refusal->user, &answer);
}

static struct run *run_new(struct net *net, const struct run_request *request)
{
	struct run *run = calloc(1, sizeof(*run));
	struct iprep_run_frame frame = { .id = ++net->run->last_id,
					 .kind = (uint32_t)request->kind,
					 .value = request->value,
					 .len = (uint32_t)request->len };

	if (!run)
		return NULL;
	run->len = sizeof(frame) + request->len;
	run->bytes = malloc(run->len);
	if (!run->bytes) {
		free(run);
		return NULL;
	}
	memcpy(run->bytes, &frame, sizeof(frame));
	if (request->len)
		memcpy(run->bytes + sizeof(frame), request->text, request->len);
	run->id = frame.id;
	run->take = request->take;
	run->wants_more = true;
	return run;
}

void net_run_ask(struct net *net, int fd, const struct run_request *request, int64_t deadline_ms,
		 void (*cb)(void *user, const struct run_answer *answer), void *user)
{
	struct net_run *all = net->run;
	struct run *run = run_new(net, request);

	if (!run) {
		net_refuse(net,
			   &(struct refusal){ .deliver = refuse_run, .run_cb = cb, .user = user });
		return;
	}
	run->cb = cb;
	run->user = user;
	run->request.expire = run_expire;
	run->request.deliver = run_deliver;
	net_wait(net, &run->request, deadline_ms);
	if (all->current || all->is_broken || (all->fd >= 0 && all->fd != fd)) {
		run->answer.status = NET_BROKEN;
		snprintf(run->answer.why, sizeof(run->answer.why),
			 "the process that runs the client %s",
			 all->current ? "is busy" : "has ended");
		net_done(net, &run->request);
		return;
	}
	all->fd = fd;
	all->current = run;
	run_send(net);
}

static int run_open(struct net *net, const struct net_conf *conf, struct err *error)
{
	(void)conf;
	net->run = calloc(1, sizeof(*net->run));
	if (!net->run)
		return err_set(error, IPREP_E_NOMEM, "out of memory");
	net->run->fd = -1;
	net->run->last_id = random_below(UINT32_MAX); /* an answer to an earlier loop is not ours */
	return 0;
}

static void run_close(struct net *net)
{
	free(net->run);
	net->run = NULL;
}

static void run_event(struct net *net, int number, int fd, bool in, bool out)
{
	(void)number;
	(void)fd;
	if (net->run->is_broken)
		return;
	if (in)
		run_receive(net);
	if (out && !net->run->is_broken)
		run_send(net);
}

static int64_t run_next_ms(const struct net *net)
{
	(void)net;
	return INT64_MAX;
}

static void run_timers(struct net *net)
{
	(void)net;
}

const struct net_driver net_run_driver = {
	.open = run_open,
	.close = run_close,
	.event = run_event,
	.next_ms = run_next_ms,
	.timers = run_timers,
};

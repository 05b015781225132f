/* SPDX-License-Identifier: MIT */
#include "f2b_dump.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_S 30
#define OUTPUT_MAX ((size_t)16 << 20)      /* a thousand jails */
#define DEPTH_MAX 8                        /* of lists; fail2ban uses four */
#define NO_COMMAND 127

/* ---- the client ---- */

static void exec_client(const char *command, int out)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || setpgid(0, 0) || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(1);
	closefrom(3);
	alarm(READ_S + 5);                 /* we may not be allowed to end it by then: exec keeps this */
	execlp(command, command, "-d", (char *)NULL);
	_exit(errno == ENOENT && (!strchr(command, '/') || access(command, F_OK)) ? NO_COMMAND : NO_COMMAND - 1);
}

int f2b_dump_start(struct f2b_dump *d, const char *command)
{
	int ends[2], error = 0;

	if (pipe2(ends, O_CLOEXEC))
		return errno;
	d->pid = fork();
	if (d->pid == 0)
		exec_client(command, ends[1]);
	if (d->pid < 0)
		error = errno;
	close(ends[1]);
	d->fd = ends[0];
	if (error)
		close(d->fd);
	return error;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All of it, terminated; NULL: too slow, too long, or no memory. */
static char *read_all(int fd)
{
	long long end = now_ms() + READ_S * 1000;
	size_t len = 0, room = 1 << 16;
	char *text = malloc(room), *more;
	ssize_t n = 1;

	while (text && n) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		long long left = end - now_ms();

		if (left <= 0 || len >= OUTPUT_MAX) {
			free(text);
			return NULL;
		}
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, text + len, room - len - 1);
		if (n < 0 && errno != EINTR)
			n = 0;
		len += n > 0 ? (size_t)n : 0;
		if (room - len > 1)
			continue;
		more = realloc(text, room *= 2);
		if (!more)
			free(text);
		text = more;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* ---- Python's way of writing a list ---- */

static void free_values(struct f2b_value *v)
{
	while (v) {
		struct f2b_value *next = v->next;

		free_values(v->items);
		free(v);
		v = next;
	}
}

/* The text in quotes at *at, unescaped in place. Escapes of characters nobody looks for become '?'. */
static char *quoted(char **at)
{
	char quote = *(*at)++, *start = *at, *to = start, *p = start;

	while (*p && *p != quote) {
		if (*p != '\\') {
			*to++ = *p++;
			continue;
		}
		p++;
		*to++ = *p == 'n' ? '\n' : *p == 't' ? '\t' : strchr("\\'\"", *p) && *p ? *p : '?';
		p += *p != '\0';
	}
	if (!*p)
		return NULL;
	*at = p + 1;
	*to = '\0';
	return start;
}

/* A number, True, None: up to what ends it, which is returned and overwritten. */
static char *bare(char **at, char *ret_end)
{
	char *start = *at;

	*at += strcspn(start, ",]");
	*ret_end = **at;
	if (!**at)
		return NULL;
	*(*at)++ = '\0';
	return start;
}

/* The items up to the closing bracket. false: no list, or no memory. */
static bool list_of(char **at, struct f2b_value **ret, int depth)
{
	for (;;) {
		char end = '\0';
		struct f2b_value *v;

		*at += strspn(*at, " ,");
		if (**at == ']') {
			(*at)++;
			return true;
		}
		v = calloc(1, sizeof(*v));
		if (!v || !**at || depth > DEPTH_MAX) {
			free(v);
			return false;
		}
		*ret = v;
		ret = &v->next;
		if (**at == '[') {
			(*at)++;
			if (!list_of(at, &v->items, depth + 1))
				return false;
			continue;
		}
		v->text = **at == '\'' || **at == '"' ? quoted(at) : bare(at, &end);
		if (!v->text)
			return false;
		if (end == ']')
			return true;
	}
}

static void read_line(char *text, void (*line)(void *user, const struct f2b_value *list), void *user,
		      char *error, size_t room)
{
	struct f2b_value list = { 0 };
	char *at = text + 1;

	if (*text != '[') {                /* "DATE TIME NAME [PID]: ERROR   MESSAGE", and warnings alike */
		const char *from = strstr(text, "ERROR");

		if (from && !strstr(error, "ERROR"))
			snprintf(error, room, "%s", from);
		else if (*text && !*error)
			snprintf(error, room, "%s", text);
		return;
	}
	if (list_of(&at, &list.items, 0))
		line(user, &list);
	free_values(list.items);
}

int f2b_dump_read(struct f2b_dump *d, void (*line)(void *user, const struct f2b_value *list), void *user,
		  char *error, size_t room)
{
	char *all = read_all(d->fd), *rest = all, *text;
	int how;

	*error = '\0';
	close(d->fd);
	if (!all) {                        /* it is root's and we are not any more: it may outlive us */
		kill(-d->pid, SIGKILL);
		return -1;
	}
	while ((text = strsep(&rest, "\n")))
		read_line(text, line, user, error, room);
	free(all);
	while (waitpid(d->pid, &how, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

const struct f2b_value *f2b_item(const struct f2b_value *list, size_t n)
{
	const struct f2b_value *v = list ? list->items : NULL;

	while (v && n--)
		v = v->next;
	return v;
}

const char *f2b_text(const struct f2b_value *list, size_t n)
{
	const struct f2b_value *v = f2b_item(list, n);

	return v && v->text ? v->text : "";
}

/* TCP, and what comes over it or looks like it. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>

static void dial(int fd, const struct order *order)
{
	connect_to(fd, order);
	talk(fd);
}

static void plain(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM, 0);

	announce(1);
	dial(fd, order);
}

static void nonblocking(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM | SOCK_NONBLOCK, 0);

	announce(1);
	if (!connect(fd, (const struct sockaddr *)&order->to, order->length) || errno != EINPROGRESS)
		fail("connect, without waiting");
	wait_connected(fd);
	send_word(fd);
}

static void bound(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM, 0);

	bind_to(fd, argument(order, 0), number(argument(order, 1)));
	announce(1);
	dial(fd, order);
}

static void *thread(void *order)
{
	plain(order);
	return NULL;
}

/* A thread with open files of its own: they are not those of /proc/PID/fd. */
static void *thread_with_files(void *order)
{
	if (unshare(CLONE_FILES))
		fail("unshare");
	plain(order);
	return NULL;
}

static void in_thread(void *(*run)(void *), const struct order *order)
{
	pthread_t it;

	if (pthread_create(&it, NULL, run, (void *)order) || pthread_join(it, NULL))
		fail("a thread");
}

static void from_thread(const struct order *order)
{
	in_thread(thread, order);
}

static void from_thread_with_files(const struct order *order)
{
	in_thread(thread_with_files, order);
}

/* The first connection fetches the cookie; the second has data in its SYN, RFC 7413. */
static void fastopen_sendto(const struct order *order)
{
	announce(2);
	for (int i = 0; i < 2; i++) {
		int fd = open_socket(order, SOCK_STREAM, 0);

		if (sendto(fd, WORD, WORD_LENGTH, MSG_FASTOPEN, (const struct sockaddr *)&order->to,
			   order->length) != WORD_LENGTH)
			fail("sendto with MSG_FASTOPEN");
		talk(fd);
	}
}

/* With a cookie connect sends nothing; the first write does. */
static void fastopen_connect(const struct order *order)
{
	announce(2);
	for (int i = 0; i < 2; i++) {
		int fd = open_socket(order, SOCK_STREAM, 0);

		set_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
		dial(fd, order);
	}
}

static void mptcp(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM, IPPROTO_MPTCP);

	announce(1);
	dial(fd, order);
}

static void sctp(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_SCTP);

	announce(1);
	if (!connect(fd, (const struct sockaddr *)&order->to, order->length) || errno != EINPROGRESS)
		fail("connect over SCTP");
	sleep_ms(200);
}

const struct way_name tcp_ways[] = {
	{ "tcp", plain },
	{ "tcp-nonblocking", nonblocking },
	{ "tcp-bound", bound },
	{ "tcp-thread", from_thread },
	{ "tcp-thread-files", from_thread_with_files },
	{ "tcp-fastopen-sendto", fastopen_sendto },
	{ "tcp-fastopen-connect", fastopen_connect },
	{ "mptcp", mptcp },
	{ "sctp", sctp },
	{ NULL, NULL },
};

/* Processes that are gone when their packet is looked at, packets that are sent when nobody is
 * there, and programs that keep the processors busy meanwhile. */
#define _GNU_SOURCE
#include "common.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

/* Milliseconds: Linux sends the SYN again after one second, and then each second up to four times
 * (`tcp_syn_linear_timeouts`, ip-sysctl) or after two more. */
#define RETRANSMITS 3500
/* Milliseconds between two datagrams of a busy program. */
#define PAUSE 5

/* Runs `act` in so many processes, one after the other. */
static void in_children(const struct order *order, void (*act)(const struct order *))
{
	for (long left = number(argument(order, 0)); left > 0; left--) {
		int pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			act(order);
			_exit(0);
		}
		wait_for(pid);
	}
}

static void tcp_and_exit(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM | SOCK_NONBLOCK, 0);

	announce(1);
	connect(fd, (const struct sockaddr *)&order->to, order->length);
	_exit(0);
}

static void udp_and_exit(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	announce(1);
	sendto(fd, WORD, WORD_LENGTH, 0, (const struct sockaddr *)&order->to, order->length);
	_exit(0);
}

/* Its child outlives it, sends as an orphan, and ends. */
static void orphan_and_exit(const struct order *order)
{
	int pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		int parent = getppid();

		for (int i = 0; i < 50 && getppid() == parent; i++)
			usleep(200);
		udp_and_exit(order);
	}
	_exit(0);
}

static void exit_tcp(const struct order *order)
{
	in_children(order, tcp_and_exit);
}

static void exit_udp(const struct order *order)
{
	in_children(order, udp_and_exit);
}

static void exit_orphan(const struct order *order)
{
	in_children(order, orphan_and_exit);
}

/* To somebody who never answers. How many packets that makes is for others to count. */
static void retransmit(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd it = { .fd = fd, .events = POLLOUT };

	announce(0);
	connect(fd, (const struct sockaddr *)&order->to, order->length);
	if (poll(&it, 1, RETRANSMITS) != 0)
		fail("a connection to nobody");
}

/* Works, and sends a datagram now and then, for so many milliseconds. */
static void busy(const struct order *order)
{
	uint64_t end = now() + number(argument(order, 0)) * 1000000ull, next = 0;
	int fd = open_socket(order, SOCK_DGRAM, 0);
	unsigned sent = 0;

	while (now() < end) {
		if (now() < next)
			continue;
		next = now() + PAUSE * 1000000ull;
		send_word_to(fd, order);
		sent++;
	}
	announce(sent);
}

const struct way_name ending_ways[] = {
	{ "exit-tcp", exit_tcp },     { "exit-udp", exit_udp }, { "exit-orphan", exit_orphan },
	{ "retransmit", retransmit }, { "busy", busy },		{ NULL, NULL },
};

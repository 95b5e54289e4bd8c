/* Sockets that one program makes and another one uses, and programs that become another one: who
 * sends is who is to be named. */
#define _GNU_SOURCE
#include "common.h"

#include <string.h>
#include <unistd.h>

/* Where the second program finds what it was left. */
#define LEFT 9
/* Milliseconds for which the second program holds on to what the first has sent by. */
#define HOLD 500

/* Sends by a socket that this program has not made. */
static void use(int fd, const struct order *order)
{
	socklen_t length = sizeof(int);
	int type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length))
		fail("getsockopt of a socket that was passed on");
	announce(1);
	if (type == SOCK_STREAM) {
		connect_to(fd, order);
		talk(fd);
	} else {
		send_word_to(fd, order);
	}
}

static void use_inherited(const struct order *order)
{
	use(LEFT, order);
}

static void use_received(const struct order *order)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(LEFT, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		fail("recvmsg of a socket");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	use(fd, order);
}

static void pass(int over, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { "", 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(over, &message, 0) != 1)
		fail("sendmsg of a socket");
}

/* Runs the program that is to send, in a child: its path, its way, then address and port. */
static int start(const struct order *order, const char *way, int left)
{
	int pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		if (dup2(left, LEFT) != LEFT)
			fail("dup2");
		become(argument(order, 0), (char *[]){ (char *)argument(order, 0), (char *)way,
						       (char *)argument(order, 1),
						       (char *)argument(order, 2), NULL });
	}
	return pid;
}

/* The maker keeps the socket open as well: who holds it is no proof of who sends. */
static void leave(const struct order *order, int type)
{
	wait_for(start(order, "use-inherited", open_socket(order, type, 0)));
}

static void hand_over(const struct order *order, int type)
{
	int fd = open_socket(order, type, 0), ends[2], pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		fail("socketpair");
	pid = start(order, "use-received", ends[1]);
	pass(ends[0], fd);
	wait_for(pid);
}

static void leave_tcp(const struct order *order)
{
	leave(order, SOCK_STREAM);
}

static void leave_udp(const struct order *order)
{
	leave(order, SOCK_DGRAM);
}

static void hand_over_tcp(const struct order *order)
{
	hand_over(order, SOCK_STREAM | SOCK_CLOEXEC);
}

static void hand_over_udp(const struct order *order)
{
	hand_over(order, SOCK_DGRAM | SOCK_CLOEXEC);
}

/* What was sent before is not the second program's, although it now holds the socket. */
static void become_holder(const struct order *order)
{
	become(argument(order, 0), (char *[]){ (char *)argument(order, 0), "hold",
					       (char *)argument(order, 1), (char *)argument(order, 2), NULL });
}

static void hold(const struct order *order)
{
	(void)order;
	sleep_ms(HOLD);
}

static void tcp_then_become(const struct order *order)
{
	int fd = open_socket(order, SOCK_STREAM | SOCK_NONBLOCK, 0);

	announce(1);
	connect(fd, (const struct sockaddr *)&order->to, order->length);
	become_holder(order);
}

static void udp_then_become(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	announce(1);
	send_word_to(fd, order);
	become_holder(order);
}

const struct way_name passing_ways[] = {
	{ "leave-tcp", leave_tcp },
	{ "leave-udp", leave_udp },
	{ "hand-over-tcp", hand_over_tcp },
	{ "hand-over-udp", hand_over_udp },
	{ "use-inherited", use_inherited },
	{ "use-received", use_received },
	{ "tcp-then-become", tcp_then_become },
	{ "udp-then-become", udp_then_become },
	{ "hold", hold },
	{ NULL, NULL },
};

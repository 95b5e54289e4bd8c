/* Datagrams with ports. */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define MESSAGES 4
#define SEGMENT 500
/* Bytes: larger than any MTU of the tests' cables. */
#define LARGE 8000

static void connected(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	connect_to(fd, order);
	announce(1);
	send_word(fd);
}

static void unconnected(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	announce(1);
	send_word_to(fd, order);
}

static void bound(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	bind_to(fd, argument(order, 0), number(argument(order, 1)));
	announce(1);
	send_word_to(fd, order);
}

/* The same datagram over and over: a flow that nobody answers. */
static void repeated(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	announce(MESSAGES);
	for (int i = 0; i < MESSAGES; i++) {
		send_word_to(fd, order);
		sleep_ms(20);
	}
}

/* The packet's source address comes from the message, not from the socket. */
static void pktinfo(const struct order *order)
{
	char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = { 0 };
	struct iovec word = { WORD, WORD_LENGTH };
	struct msghdr message = { .msg_name = (void *)&order->to,
				  .msg_namelen = order->length,
				  .msg_iov = &word,
				  .msg_iovlen = 1,
				  .msg_control = control };
	int fd = open_socket(order, SOCK_DGRAM, 0);
	struct cmsghdr *header;

	message.msg_controllen = order->family == AF_INET ? CMSG_SPACE(sizeof(struct in_pktinfo)) :
							    sizeof(control);
	header = CMSG_FIRSTHDR(&message);
	if (order->family == AF_INET) {
		struct in_pktinfo info = { 0 };

		inet_pton(AF_INET, argument(order, 0), &info.ipi_spec_dst);
		*header = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { 0 };

		inet_pton(AF_INET6, argument(order, 0), &info.ipi6_addr);
		*header = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	}
	announce(1);
	if (sendmsg(fd, &message, 0) != WORD_LENGTH)
		fail("sendmsg with packet information");
}

static void more(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	connect_to(fd, order);
	announce(1);
	if (send(fd, "he", 2, MSG_MORE) != 2 || send(fd, "llo", 3, 0) != 3)
		fail("send with MSG_MORE");
}

static void corked(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	connect_to(fd, order);
	set_option(fd, IPPROTO_UDP, UDP_CORK, 1);
	announce(1);
	if (send(fd, "he", 2, 0) != 2 || send(fd, "llo", 3, 0) != 3)
		fail("send while corked");
	set_option(fd, IPPROTO_UDP, UDP_CORK, 0);
}

/* One call, one packet in the output hook, four on the wire. The queue hands them over one by
 * one. */
static void segmented(const struct order *order)
{
	static const char data[MESSAGES * SEGMENT];
	int fd = open_socket(order, SOCK_DGRAM, 0);

	connect_to(fd, order);
	set_option(fd, IPPROTO_UDP, UDP_SEGMENT, SEGMENT);
	announce(MESSAGES);
	if (send(fd, data, sizeof(data), 0) != sizeof(data))
		fail("send of segments");
}

static void large(const struct order *order)
{
	static const char data[LARGE];
	int fd = open_socket(order, SOCK_DGRAM, 0);

	announce(1);
	if (sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)&order->to, order->length) !=
	    sizeof(data))
		fail("sendto of a large datagram");
}

/* One call to four hosts. */
static void many(const struct order *order)
{
	struct iovec word = { WORD, WORD_LENGTH };
	struct mmsghdr messages[MESSAGES] = { 0 };
	struct order hosts[MESSAGES];
	int fd = open_socket(order, SOCK_DGRAM, 0);

	for (int i = 0; i < MESSAGES; i++) {
		hosts[i] = with_host(order, 201 + i);
		messages[i].msg_hdr.msg_name = &hosts[i].to;
		messages[i].msg_hdr.msg_namelen = order->length;
		messages[i].msg_hdr.msg_iov = &word;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	announce(MESSAGES);
	if (sendmmsg(fd, messages, MESSAGES, 0) != MESSAGES)
		fail("sendmmsg");
}

static void multicast(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	if (order->family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, if_nametoindex("eth0"));
	announce(1);
	send_word_to(fd, order);
}

static void broadcast(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, 0);

	set_option(fd, SOL_SOCKET, SO_BROADCAST, 1);
	announce(1);
	send_word_to(fd, order);
}

static void lite(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, IPPROTO_UDPLITE);

	announce(1);
	send_word_to(fd, order);
}

/* From a given port to somebody who answers; says whether an answer came within a second. */
static void exchange(const struct order *order)
{
	struct timeval second = { .tv_sec = 1 };
	int fd = open_socket(order, SOCK_DGRAM, 0);
	char answer[WORD_LENGTH];

	bind_to(fd, argument(order, 0), number(argument(order, 1)));
	connect_to(fd, order);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)))
		fail("setsockopt");
	announce(1);
	send_word(fd);
	printf("{\"answered\": %s}\n",
	       recv(fd, answer, sizeof(answer), 0) == WORD_LENGTH ? "true" : "false");
}

const struct way_name udp_ways[] = {
	{ "udp-connected", connected },
	{ "udp", unconnected },
	{ "udp-bound", bound },
	{ "udp-repeated", repeated },
	{ "udp-pktinfo", pktinfo },
	{ "udp-more", more },
	{ "udp-corked", corked },
	{ "udp-segmented", segmented },
	{ "udp-large", large },
	{ "udp-many", many },
	{ "udp-multicast", multicast },
	{ "udp-broadcast", broadcast },
	{ "udplite", lite },
	{ "udp-exchange", exchange },
	{ NULL, NULL },
};

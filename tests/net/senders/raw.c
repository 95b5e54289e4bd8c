/* Packets without ports, and packets whose header the program writes. */
#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

/* For experiments, RFC 3692. */
#define EXPERIMENT 253

static void send_all(int fd, const void *data, size_t length, const struct order *order)
{
	/* A raw socket takes a port for a protocol, and refuses. */
	struct order to = with_port(order, 0);

	if (sendto(fd, data, length, 0, (struct sockaddr *)&to.to, to.length) != (ssize_t)length)
		fail("sendto");
}

static void echo_request(int fd, const struct order *order)
{
	struct icmphdr v4 = { .type = ICMP_ECHO, .un.echo = { htons(77), htons(1) } };
	struct icmp6_hdr v6 = { .icmp6_type = ICMP6_ECHO_REQUEST };

	if (order->family == AF_INET) {
		v4.checksum = checksum(&v4, sizeof(v4));
		send_all(fd, &v4, sizeof(v4), order);
	} else {
		v6.icmp6_id = htons(77);
		v6.icmp6_seq = htons(1);
		/* The kernel sums ICMPv6 itself, RFC 3542. */
		send_all(fd, &v6, sizeof(v6), order);
	}
}

static int icmp(const struct order *order)
{
	return order->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

/* What ping does where it needs no rights: icmp(7). */
static void ping(const struct order *order)
{
	int fd = open_socket(order, SOCK_DGRAM, icmp(order));

	announce(1);
	echo_request(fd, order);
}

static void raw_icmp(const struct order *order)
{
	int fd = open_socket(order, SOCK_RAW, icmp(order));

	announce(1);
	echo_request(fd, order);
}

static void experiment(const struct order *order)
{
	int fd = open_socket(order, SOCK_RAW, EXPERIMENT);

	announce(1);
	send_all(fd, WORD, WORD_LENGTH, order);
}

struct v4_packet {
	struct iphdr ip;
	struct udphdr udp;
	char word[WORD_LENGTH];
} __attribute__((packed));

struct v6_packet {
	struct ip6_hdr ip;
	struct udphdr udp;
	char word[WORD_LENGTH];
} __attribute__((packed));

static struct udphdr udp_header(uint16_t from, uint16_t to)
{
	return (struct udphdr){ .source = htons(from), .dest = to, .len = htons(8 + WORD_LENGTH) };
}

/* A datagram that no UDP socket sends. Without a checksum, which IPv4 allows. */
static void header_v4(const struct order *order)
{
	const struct sockaddr_in *to = (const struct sockaddr_in *)&order->to;
	struct v4_packet packet = { .ip = { .version = 4,
					    .ihl = 5,
					    .tot_len = htons(sizeof(packet)),
					    .ttl = 64,
					    .protocol = IPPROTO_UDP,
					    .daddr = to->sin_addr.s_addr },
				    .udp = udp_header(40000, to->sin_port) };
	int fd = open_socket(order, SOCK_RAW, IPPROTO_RAW);

	memcpy(packet.word, WORD, WORD_LENGTH);
	inet_pton(AF_INET, argument(order, 0), &packet.ip.saddr);
	announce(1);
	send_all(fd, &packet, sizeof(packet), order);
}

static void header_v6(const struct order *order)
{
	const struct sockaddr_in6 *to = (const struct sockaddr_in6 *)&order->to;
	struct v6_packet packet = { .udp = udp_header(40000, to->sin6_port) };
	struct {
		struct in6_addr from, to;
		uint32_t length, protocol;
		struct udphdr udp;
		char word[WORD_LENGTH];
	} __attribute__((packed)) summed = { 0 };
	int fd = open_socket(order, SOCK_RAW, IPPROTO_RAW);

	packet.ip.ip6_flow = htonl(6u << 28);
	packet.ip.ip6_plen = htons(sizeof(packet) - sizeof(packet.ip));
	packet.ip.ip6_nxt = IPPROTO_UDP;
	packet.ip.ip6_hlim = 64;
	packet.ip.ip6_dst = to->sin6_addr;
	inet_pton(AF_INET6, argument(order, 0), &packet.ip.ip6_src);
	memcpy(packet.word, WORD, WORD_LENGTH);
	summed.from = packet.ip.ip6_src;
	summed.to = packet.ip.ip6_dst;
	summed.length = htonl(8 + WORD_LENGTH);
	summed.protocol = htonl(IPPROTO_UDP);
	summed.udp = packet.udp;
	memcpy(summed.word, WORD, WORD_LENGTH);
	packet.udp.check = checksum(&summed, sizeof(summed));
	announce(1);
	send_all(fd, &packet, sizeof(packet), order);
}

static void header(const struct order *order)
{
	if (order->family == AF_INET)
		header_v4(order);
	else
		header_v6(order);
}

const struct way_name raw_ways[] = {
	{ "ping", ping },
	{ "raw-icmp", raw_icmp },
	{ "raw-experiment", experiment },
	{ "raw-header", header },
	{ NULL, NULL },
};

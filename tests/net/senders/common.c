#define _GNU_SOURCE
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, errno ? strerrorname_np(errno) : "that makes no sense");
	exit(1);
}

void unsupported(const char *what)
{
	printf("{\"unsupported\": \"%s: %s\"}\n", what, strerrorname_np(errno));
	exit(0);
}

void announce(unsigned packets)
{
	char program[4096], line[4608];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	int written;

	if (length < 0)
		fail("readlink of /proc/self/exe");
	program[length] = '\0';
	written = snprintf(line, sizeof(line),
			   "{\"pid\": %d, \"uid\": %u, \"program\": \"%s\", \"packets\": %u}\n", getpid(),
			   getuid(), program, packets);
	/* One write: lines of several processes do not mix. */
	if (write(STDOUT_FILENO, line, written) != written)
		fail("write of the announcement");
}

const char *argument(const struct order *order, int index)
{
	if (index >= order->count) {
		errno = 0;
		fail("a missing argument");
	}
	return order->arguments[index];
}

long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end)
		fail(text);
	return value;
}

static uint16_t *port_of(struct order *order)
{
	if (order->family == AF_INET)
		return &((struct sockaddr_in *)&order->to)->sin_port;
	return &((struct sockaddr_in6 *)&order->to)->sin6_port;
}

void read_target(struct order *order, const char *address, const char *port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&order->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&order->to;

	memset(&order->to, 0, sizeof(order->to));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		order->family = AF_INET;
		order->length = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		order->family = AF_INET6;
		order->length = sizeof(*v6);
	} else {
		errno = 0;
		fail(address);
	}
	order->to.ss_family = order->family;
	*port_of(order) = htons(number(port));
}

struct order with_port(const struct order *order, uint16_t port)
{
	struct order other = *order;

	*port_of(&other) = htons(port);
	return other;
}

struct order with_host(const struct order *order, uint8_t host)
{
	struct order other = *order;

	if (order->family == AF_INET)
		((uint8_t *)&((struct sockaddr_in *)&other.to)->sin_addr)[3] = host;
	else
		((struct sockaddr_in6 *)&other.to)->sin6_addr.s6_addr[15] = host;
	return other;
}

int open_socket(const struct order *order, int type, int protocol)
{
	int fd = socket(order->family, type, protocol);

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT))
		unsupported("socket");
	if (fd < 0)
		fail("socket");
	return fd;
}

void bind_to(int fd, const char *address, uint16_t port)
{
	struct order from;
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	read_target(&from, address, text);
	if (bind(fd, (struct sockaddr *)&from.to, from.length))
		fail("bind");
}

void set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		fail("setsockopt");
}

void connect_to(int fd, const struct order *order)
{
	if (connect(fd, (const struct sockaddr *)&order->to, order->length))
		fail("connect");
}

void send_word(int fd)
{
	if (send(fd, WORD, WORD_LENGTH, MSG_NOSIGNAL) != WORD_LENGTH)
		fail("send");
}

void send_word_to(int fd, const struct order *order)
{
	if (sendto(fd, WORD, WORD_LENGTH, 0, (const struct sockaddr *)&order->to, order->length) !=
	    WORD_LENGTH)
		fail("sendto");
}

static void hear(int fd)
{
	char answer[WORD_LENGTH];

	if (recv(fd, answer, sizeof(answer), MSG_WAITALL) != WORD_LENGTH)
		fail("recv");
}

void talk(int fd)
{
	send_word(fd);
	hear(fd);
}

void wait_connected(int fd)
{
	struct pollfd it = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(errno);
	int error;

	if (poll(&it, 1, -1) != 1)
		fail("poll");
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length))
		fail("getsockopt");
	errno = error;
	if (error)
		fail("connect, later");
}

uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

void sleep_ms(long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

uint16_t checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

void become(const char *program, char *const arguments[])
{
	execv(program, arguments);
	fail(program);
}

void wait_for(int pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	errno = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail("a child");
}

/* The other end of many short connections: acceptor PORT. Takes connections and datagrams to any
 * of this machine's addresses, reads the note that each brings, and closes. At each line of the
 * input it prints what has come since the last, as one line of JSON: [DESTINATION, LETTER, STAMP,
 * CAME, TRANSPORT]…; of what brought no note, letter "?", and as stamp the time when it came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "note.h"

#define BACKLOG 4096
#define BUFFER (8 << 20)
#define EVENTS 256
#define DESCRIPTORS 20000

struct arrival {
	struct in6_addr to;
	struct note note;
	unsigned long long came;
	char transport;
};

static struct arrival *arrivals;
static size_t count, room;
/* Which arrival belongs to an open connection, by descriptor. */
static size_t places[DESCRIPTORS];
static int loop;

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct arrival *add(char transport)
{
	struct timespec time;
	unsigned long long now;

	if (count == room) {
		room = room ? 2 * room : 4096;
		arrivals = realloc(arrivals, room * sizeof(*arrivals));
		if (!arrivals)
			fail("realloc");
	}
	clock_gettime(CLOCK_MONOTONIC, &time);
	now = time.tv_sec * 1000000000ull + time.tv_nsec;
	arrivals[count] = (struct arrival){
		.note = { .letter = '?', .stamp = now },
		.came = now,
		.transport = transport
	};
	return &arrivals[count++];
}

static void set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		fail("setsockopt");
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
}

static int open_port(int type, int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (type == SOCK_DGRAM)
		set(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG)))
		fail("bind");
	watch(fd);
	return fd;
}

static void take_connections(int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct sockaddr_in6 to = { 0 };
		socklen_t length = sizeof(to);

		if (fd >= DESCRIPTORS)
			fail("too many connections");
		places[fd] = count;
		getsockname(fd, (struct sockaddr *)&to, &length);
		add('t')->to = to.sin6_addr;
		watch(fd);
	}
}

static void take_datagrams(int fd)
{
	struct note note;

	while (recv(fd, &note, sizeof(note), 0) == sizeof(note))
		add('u')->note = note;
}

/* The note comes in one segment, or not at all. */
static void read_note(int fd)
{
	struct note note;

	if (recv(fd, &note, sizeof(note), 0) == sizeof(note) && places[fd] < count)
		arrivals[places[fd]].note = note;
	close(fd);
}

static void report(void)
{
	char line[16], address[INET6_ADDRSTRLEN];

	if (!fgets(line, sizeof(line), stdin))
		exit(0);
	putchar('[');
	for (size_t i = 0; i < count; i++) {
		const struct arrival *it = &arrivals[i];
		const char *to = inet_ntop(AF_INET6, &it->to, address, sizeof(address));

		if (!strncmp(to, "::ffff:", 7))
			to += 7;
		printf("%s[\"%s\", \"%c\", %llu, %llu, \"%s\"]", i ? ", " : "", to,
		       it->note.letter, (unsigned long long)it->note.stamp, it->came,
		       it->transport == 't' ? "tcp" : "udp");
	}
	puts("]");
	fflush(stdout);
	count = 0;
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		places[fd] = SIZE_MAX;
}

int main(int argc, char *argv[])
{
	struct rlimit files = { DESCRIPTORS, DESCRIPTORS };
	struct epoll_event events[EVENTS];
	int listener, datagrams;

	if (argc != 2)
		return 2;
	setrlimit(RLIMIT_NOFILE, &files);
	loop = epoll_create1(0);
	listener = open_port(SOCK_STREAM, atoi(argv[1]));
	datagrams = open_port(SOCK_DGRAM, atoi(argv[1]));
	watch(STDIN_FILENO);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int ready = epoll_wait(loop, events, EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				take_connections(fd);
			else if (fd == datagrams)
				take_datagrams(fd);
			else if (fd != STDIN_FILENO)
				read_note(fd);
		}
		/* After all that has come. */
		for (int i = 0; i < ready; i++)
			if (events[i].data.fd == STDIN_FILENO)
				report();
	}
}

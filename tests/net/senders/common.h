/* What all ways of sending share. */
#ifndef SENDERS_COMMON_H
#define SENDERS_COMMON_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* What a program was told: where to send, and the rest of its arguments. */
struct order {
	struct sockaddr_storage to;
	socklen_t length;
	int family;
	int count;
	char **arguments;
};

/* A way of sending; it returns when all is sent. */
typedef void (*way)(const struct order *);

struct way_name {
	const char *name;
	way send;
};

/* Each ends with a name that is NULL. */
extern const struct way_name tcp_ways[], udp_ways[], raw_ways[], uring_ways[], passing_ways[],
	ending_ways[], stale_ways[];

/* Payload of what only has to arrive. */
#define WORD "hello"
#define WORD_LENGTH 5

/* Says what failed, and why (errno), and ends the program. */
_Noreturn void fail(const char *what);

/* Says that the kernel has no such thing, and ends the program with success: nothing can be sent
 * this way here. */
_Noreturn void unsupported(const char *what);

/* Says that this process is about to send so many packets, in one line of JSON: its number, its
 * user, its executable. */
void announce(unsigned packets);

/* The argument with this index; the program ends when there is none. */
const char *argument(const struct order *order, int index);
long number(const char *text);

/* Reads an address and a port; the program ends when that is not what they are. */
void read_target(struct order *order, const char *address, const char *port);

/* The same place with another port, or with another last byte of the address. */
struct order with_port(const struct order *order, uint16_t port);
struct order with_host(const struct order *order, uint8_t host);

/* A new socket of the order's family. It says `unsupported` if the kernel has no such protocol. */
int open_socket(const struct order *order, int type, int protocol);

/* Binds to an address of this machine that is not the one the kernel would choose, and to a port
 * that is free (0) or given. */
void bind_to(int fd, const char *address, uint16_t port);

void set_option(int fd, int level, int name, int value);
void connect_to(int fd, const struct order *order);
void send_word(int fd);
void send_word_to(int fd, const struct order *order);

/* Sends a word over a connection and waits until it comes back. */
void talk(int fd);

/* Waits until a connection that is being made stands. */
void wait_connected(int fd);

/* CLOCK_MONOTONIC in nanoseconds: the same in all machines of a host. */
uint64_t now(void);
void sleep_ms(long milliseconds);

/* RFC 1071; in network order. */
uint16_t checksum(const void *data, size_t length);

/* Runs another program in this process. */
_Noreturn void become(const char *program, char *const arguments[]);

/* Waits for a child that must end with success. */
void wait_for(int pid);

#endif

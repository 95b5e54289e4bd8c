/* Programs that would profit from a verdict that was meant for another one, or for another time. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "note.h"

/* Seconds: nothing that may pass takes so long. */
#define PATIENCE 3
#define THREADS 4
/* Where the caller has left the host's /proc. */
#define HOST_PROC 9
/* Where a program has left a socket. */
#define LEFT 9

static int open_dated(const struct order *order, int type, char letter, struct note *note)
{
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd = open_socket(order, type | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*note = (struct note){ .stamp = now(), .letter = letter };
	return fd;
}

/* Makes a connection and leaves a note. Whether it came about. The other end closes first, so
 * that no port of this one stays in use. */
static int leave_note(const struct order *order, char letter)
{
	struct note note;
	int fd = open_dated(order, SOCK_STREAM, letter, &note);
	int made = !connect(fd, (const struct sockaddr *)&order->to, order->length) &&
		   send(fd, &note, sizeof(note), MSG_NOSIGNAL) == sizeof(note);

	if (made)
		recv(fd, &note, sizeof(note), 0);
	close(fd);
	return made;
}

static void send_note(const struct order *order, char letter)
{
	struct note note;
	int fd = open_dated(order, SOCK_DGRAM, letter, &note);

	sendto(fd, &note, sizeof(note), 0, (const struct sockaddr *)&order->to, order->length);
	close(fd);
}

/* Sends in both ways. Whether the connection came about. */
static int try(const struct order *order, char letter)
{
	send_note(order, letter);
	return leave_note(order, letter);
}

/* ADDRESS PORT LETTER: tries once, and says whether it could. */
static void note_once(const struct order *order)
{
	announce(2);
	printf("{\"made\": %d}\n", try(order, *argument(order, 0)));
}

/* ADDRESS PORT LETTER: tries at each line of the input, and says whether it could. */
static void note_each(const struct order *order)
{
	char line[16];

	announce(0);
	while (fgets(line, sizeof(line), stdin)) {
		alarm(60);
		printf("{\"made\": %d}\n", try(order, *argument(order, 0)));
		fflush(stdout);
	}
}

/* ADDRESS PORT LEFT LETTER MADE OTHER-LETTER OTHER-MADE OTHER-PROGRAM ADDRESS PORT: tries, and
 * becomes the other program, which does the same, until LEFT is zero. In the end the last one says
 * how many connections each has made. */
static void alternate(const struct order *order)
{
	const char *letter = argument(order, 1), *other = argument(order, 3);
	long left = number(argument(order, 0)), made = number(argument(order, 2));
	char program[4096] = { 0 }, count[24], next[24];

	if (left == 0) {
		printf("{\"%s\": %ld, \"%s\": %s}\n", letter, made, other, argument(order, 4));
		return;
	}
	made += try(order, *letter);
	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		fail("readlink of /proc/self/exe");
	snprintf(count, sizeof(count), "%ld", made);
	snprintf(next, sizeof(next), "%ld", left - 1);
	become(argument(order, 5),
	       (char *[]){ (char *)argument(order, 5), "alternate", (char *)argument(order, 6),
			   (char *)argument(order, 7), next, (char *)other, (char *)argument(order, 4),
			   (char *)letter, count, program, (char *)argument(order, 6),
			   (char *)argument(order, 7), NULL });
}

static _Atomic int stopped;
static _Atomic unsigned long attempts, connections;

static void *keep_trying(void *order)
{
	while (!stopped) {
		attempts++;
		connections += try(order, 'f');
	}
	return NULL;
}

/* ADDRESS PORT OTHER-ADDRESS PORT: four threads make connections and send datagrams as fast as they
 * can, two to each address, until the input ends. */
static void flood(const struct order *order)
{
	struct order to[2] = { *order, *order };
	pthread_t threads[THREADS];
	char byte;

	read_target(&to[1], argument(order, 0), argument(order, 1));
	/* The test says when. */
	alarm(0);
	announce(0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, keep_trying, &to[i % 2]))
			fail("a thread");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	stopped = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("{\"attempts\": %lu, \"connections\": %lu}\n", attempts, connections);
}

/* ADDRESS PORT ROUNDS USER: tries as root ("a") and as this user ("b"), in turn. */
static void change_user(const struct order *order)
{
	long user = number(argument(order, 1)), made[2] = { 0 };

	for (long left = number(argument(order, 0)); left > 0; left--) {
		if (seteuid(0))
			fail("seteuid");
		made[0] += try(order, 'a');
		if (seteuid(user))
			fail("seteuid");
		made[1] += try(order, 'b');
	}
	printf("{\"a\": %ld, \"b\": %ld}\n", made[0], made[1]);
}

/* Sends a note by a socket that is connected already. */
static int send_note_by(int fd, char letter)
{
	struct note note = { .stamp = now(), .letter = letter };

	return send(fd, &note, sizeof(note), 0) == sizeof(note);
}

/* ADDRESS PORT: sends a note by the socket it was left. */
static void use_left(const struct order *order)
{
	(void)order;
	send_note_by(LEFT, 'b');
}

/* ADDRESS PORT ROUNDS PROGRAM: sends a datagram, and leaves the socket to the other program, which
 * sends by it to the same place. */
static void leave_socket(const struct order *order)
{
	const char *program = argument(order, 1);
	long sent = 0;

	for (long left = number(argument(order, 0)); left > 0; left--) {
		int fd = open_socket(order, SOCK_DGRAM, 0), pid;

		alarm(60);
		connect_to(fd, order);
		sent += send_note_by(fd, 'a');
		/* Until that is judged, by whatever means. */
		sleep_ms(10);
		pid = fork();
		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			if (dup2(fd, LEFT) != LEFT)
				fail("dup2");
			become(program, (char *[]){ (char *)program, "use-left", "::", "0", NULL });
		}
		wait_for(pid);
		close(fd);
	}
	printf("{\"sent\": %ld}\n", sent);
}

/* A child with the numbers it shall have: in this pid namespace, and in the host's. */
static int fork_as(const pid_t *numbers, size_t count, int *pidfd)
{
	struct clone_args args = { .flags = CLONE_PIDFD,
				   .pidfd = (uintptr_t)pidfd,
				   .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)numbers,
				   .set_tid_size = count };

	return syscall(SYS_clone3, &args, sizeof(args));
}

/* The number of a process of ours in the host's pid namespace. */
static pid_t host_number(int pidfd)
{
	char path[64], text[1024] = { 0 }, *line;
	int fd;

	snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
	fd = openat(HOST_PROC, path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		fail("what the host's /proc says of a child");
	close(fd);
	line = strstr(text, "\nPid:");
	if (!line)
		fail("a process number in what the host's /proc says");
	return strtol(line + 5, NULL, 10);
}

/* Lets a child become a program that tries once, and waits for its end. */
static void live(const char *program, const struct order *order, const char *letter,
		 const pid_t *numbers, size_t count, pid_t found[2])
{
	int pidfd = -1, go[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		fail("pipe");
	pid = fork_as(numbers, count, &pidfd);
	if (pid < 0)
		fail("clone3 with a given number");
	if (pid == 0) {
		char byte;

		close(go[1]);
		if (read(go[0], &byte, 1) != 0)
			fail("a child's start");
		become(program, (char *[]){ (char *)program, "note-once", (char *)argument(order, 2),
					    (char *)argument(order, 3), (char *)letter, NULL });
	}
	if (!count) {
		found[0] = pid;
		found[1] = host_number(pidfd);
	}
	close(go[0]);
	close(go[1]);
	wait_for(pid);
	close(pidfd);
}

/* ADDRESS PORT PROGRAM OTHER-PROGRAM ADDRESS PORT ROUNDS: in each round a process of the first
 * program lives and dies, and then one of the other has its numbers. */
static void reincarnate(const struct order *order)
{
	for (long left = number(argument(order, 4)); left > 0; left--) {
		pid_t numbers[2], none[2];

		alarm(60);
		live(argument(order, 0), order, "a", NULL, 0, numbers);
		live(argument(order, 1), order, "b", numbers, 2, none);
	}
}

const struct way_name stale_ways[] = {
	{ "note-once", note_once },	{ "note-each", note_each },
	{ "alternate", alternate },	{ "flood", flood },
	{ "change-user", change_user }, { "leave-socket", leave_socket },
	{ "use-left", use_left },	{ "reincarnate", reincarnate },
	{ NULL, NULL },
};

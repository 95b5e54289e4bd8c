/* Runs many programs, so many at a time: crowd DIRECTORY COUNT AT-ONCE NETWORK PORT CONNECTIONS.
 * Program N is DIRECTORY/N; it makes its connections to the address NETWORK + N. Prints one line of
 * JSON for each: {"member": N, "pid": PID}. Ends with failure if one of them does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char **environment(void)
{
	static char *none[] = { NULL };

	return none;
}

static void start(char *argv[], int member)
{
	char path[4096], address[INET_ADDRSTRLEN];
	char *arguments[] = { path, address, argv[5], argv[6], NULL };
	struct in_addr to;
	pid_t pid;
	int error;

	if (inet_pton(AF_INET, argv[4], &to) != 1)
		exit(2);
	to.s_addr = htonl(ntohl(to.s_addr) + member);
	inet_ntop(AF_INET, &to, address, sizeof(address));
	snprintf(path, sizeof(path), "%s/%d", argv[1], member);
	error = posix_spawn(&pid, path, NULL, NULL, arguments, environment());
	if (error) {
		fprintf(stderr, "%s: %s\n", path, strerror(error));
		exit(1);
	}
	printf("{\"member\": %d, \"pid\": %d}\n", member, pid);
}

int main(int argc, char *argv[])
{
	int next = 0, running = 0, failed = 0, count, at_once;

	if (argc != 7)
		return 2;
	count = atoi(argv[2]);
	at_once = atoi(argv[3]);
	while (next < count || running) {
		int status;

		for (; next < count && running < at_once; running++)
			start(argv, next++);
		if (wait(&status) < 0)
			return 1;
		running--;
		failed += status != 0;
	}
	if (failed)
		fprintf(stderr, "%d of %d programs could not make their connections\n", failed, count);
	return failed != 0;
}

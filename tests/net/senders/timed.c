/* timed COMMAND…: runs a command and prints, after what it prints, when it began and ended, as one
 * line of JSON: {"began": TIME, "ended": TIME}, nanoseconds of CLOCK_MONOTONIC, which is the same
 * in all machines of a host. Ends as the command does. */
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

int main(int argc, char *argv[])
{
	unsigned long long began = now(), ended;
	int pid, status;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	ended = now();
	printf("{\"began\": %llu, \"ended\": %llu}\n", began, ended);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

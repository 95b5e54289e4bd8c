/* One program of a crowd: member ADDRESS PORT COUNT makes so many connections and ends. As small
 * as can be: thousands of copies are made of it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons(atoi(argv[2]));
	for (int left = atoi(argv[3]); left > 0; left--) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return 1;
		close(fd);
	}
	return 0;
}

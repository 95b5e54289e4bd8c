/* Sends in one of many ways, as the program it was copied to: PROGRAM WAY ADDRESS PORT ARGUMENT…
 *
 * Each process that sends first says who it is, as one line of JSON: {"pid", "uid", "program",
 * "packets"}. Where the kernel has no such way to send, the line is {"unsupported": WHY}. */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Seconds after which something hangs. */
#define PATIENCE 60
/* Milliseconds for which a process stays when it has sent, and keeps its sockets: only where it is
 * said that it ends at once does it. */
#define STAY 50

static const struct way_name *const families[] = { tcp_ways,	 udp_ways,    raw_ways,	  uring_ways,
						   passing_ways, ending_ways, stale_ways };

int main(int count, char *arguments[])
{
	struct order order;

	if (count < 4) {
		fprintf(stderr, "usage: %s WAY ADDRESS PORT ARGUMENT…\n", arguments[0]);
		return 2;
	}
	alarm(PATIENCE);
	read_target(&order, arguments[2], arguments[3]);
	order.count = count - 4;
	order.arguments = arguments + 4;
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		for (const struct way_name *it = families[i]; it->name; it++) {
			if (!strcmp(it->name, arguments[1])) {
				it->send(&order);
				if (families[i] != stale_ways)
					sleep_ms(STAY);
				return 0;
			}
		}
	}
	errno = 0;
	fail(arguments[1]);
}

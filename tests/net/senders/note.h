/* What arrives at the acceptor: who says to have sent it, and when. */
#ifndef SENDERS_NOTE_H
#define SENDERS_NOTE_H

#include <stdint.h>

struct note {
	/* CLOCK_MONOTONIC in nanoseconds, taken before the socket was connected. */
	uint64_t stamp;
	/* The program that sends, by a letter. */
	char letter;
	char unused[7];
};

#endif

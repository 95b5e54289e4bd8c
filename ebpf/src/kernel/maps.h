/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the programs keep, and user space reads.
 */
#pragma once

#include "core.h"
#include "layout.h"

/* Twice as many as can wait in the queue, because the kernel evicts before a map is full. */
#define SENDERS 32768
/* Few enough to stay in the processor's cache: what passes shall cost little. They are needed until
 * a first packet can't be sent again any more, and until the helper has taken note of the
 * connection, which it does in time. */
#define PASSING 4096
#define FILES 2048
#define PASSES 16384
#define SOCKETS 65536

#define MAP(name, map_type, size, key_type, value_type) \
	struct { \
		__uint(type, map_type); \
		__uint(max_entries, size); \
		__type(key, key_type); \
		__type(value, value_type); \
	} name SEC(".maps")

MAP(CONTROL, BPF_MAP_TYPE_ARRAY, 1, __u32, struct bastion_control);
MAP(COUNTERS, BPF_MAP_TYPE_PERCPU_ARRAY, BASTION_COUNTERS, __u32, __u64);
/* Who sent the last new packet of each tuple, if it was queued; and if it was let pass, which is
 * then the later one. What passes takes no room from what waits. */
MAP(SENDER, BPF_MAP_TYPE_LRU_HASH, SENDERS, struct bastion_tuple, struct bastion_sender);
MAP(PASSED, BPF_MAP_TYPE_LRU_HASH, PASSING, struct bastion_tuple, struct bastion_sender);
/* Who sent each packet that is queued: several processes can send on one tuple. */
MAP(PACKET, BPF_MAP_TYPE_LRU_HASH, SENDERS, struct bastion_packet, struct bastion_sender);
/* What each image that has sent something runs. */
MAP(FILE, BPF_MAP_TYPE_LRU_HASH, FILES, struct bastion_image, struct bastion_file);
/* What may pass. */
MAP(PASS, BPF_MAP_TYPE_LRU_HASH, PASSES, struct bastion_pass, struct bastion_passed);
/* The cookie of the socket whose datagrams of a tuple were judged and may go on. */
MAP(JUDGED, BPF_MAP_TYPE_LRU_HASH, PASSES, struct bastion_tuple, __u64);
/* Cookies of the sockets that were there before the programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SOCKETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u8);
} BEFORE SEC(".maps");

/* Room for what is too big for the stack. */
struct bastion_room {
	__u64 busy;
	struct bastion_file file;
};

MAP(ROOM, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct bastion_room);

#define EVENTS_SIZE (1 << 19)
#define DNS_SIZE (1 << 20)

#define RING(name, size) \
	struct { \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, size); \
	} name SEC(".maps")

RING(EVENTS, EVENTS_SIZE);
RING(DNS, DNS_SIZE);

inlined const struct bastion_control *control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&CONTROL, &zero);
}

inlined void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&COUNTERS, &counter);

	if (value)
		*value += 1;
}

/* User space reads the rings whenever a packet has to be judged, and is woken only when one is
 * half full. */
inlined __u64 wake(void *ring, __u64 size)
{
	return bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > size / 2 ? BPF_RB_FORCE_WAKEUP :
								       BPF_RB_NO_WAKEUP;
}

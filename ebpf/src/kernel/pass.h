/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What may pass without being asked about. User space teaches what the rules allow a program of a
 * process to reach; each lesson holds for one generation of the rules, and a change of rules
 * begins another before it takes effect.
 *
 * No lesson outlives what it rests on: its key names the process by number and start, and the
 * program by the count of the process's execs.
 */
#pragma once

#include "sender.h"

inlined int passes_by(const struct bastion_pass *key, __u64 generation)
{
	struct bastion_passed *passed = bpf_map_lookup_elem(&PASS, key);

	if (!passed || passed->generation != generation)
		return 0;
	__sync_fetch_and_add(&passed->hits, 1);
	passed->last = bpf_ktime_get_boot_ns();
	count(BASTION_COUNT_PASSED);
	return 1;
}

/* True if this sender may reach this place, by any socket of its or by this one. */
inlined int passes(const struct bastion_sender *sender, const struct bastion_tuple *tuple,
			 __u64 generation)
{
	struct bastion_pass key;

	if (sender->kind != BASTION_PROCESS || !has_ports(tuple->protocol))
		return 0;
	__builtin_memset(&key, 0, sizeof(key));
	key.image = sender->image;
	__builtin_memcpy(key.destination, tuple->destination, sizeof(key.destination));
	key.uid = sender->uid;
	key.port = tuple->destination_port;
	key.protocol = tuple->protocol;
	key.family = tuple->family;
	if (passes_by(&key, generation))
		return 1;
	key.cookie = sender->cookie;
	return passes_by(&key, generation);
}

/* Datagrams have no connection that would end with its socket. So it is kept whose socket's
 * datagrams may go on, and another's on the same tuple are judged anew. */
inlined int is_datagram(__u8 protocol)
{
	return protocol == UDP || protocol == UDPLITE;
}

inlined void judged(const struct bastion_tuple *tuple, __u64 cookie)
{
	bpf_map_update_elem(&JUDGED, tuple, &cookie, BPF_ANY);
}

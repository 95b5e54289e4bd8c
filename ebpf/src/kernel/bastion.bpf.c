// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The kernel programs of Bastion Firewall. The helper loads those that the kernel takes; see
 * docs/architecture.md for which does what where.
 */
#include "pass.h"
#include "process.h"
#include "dns.h"
#include "queued.h"
#include "cookie.h"

char LICENSE[] SEC("license") = "GPL";

/* The context of a socket filter is the packet itself. */
inlined struct sk_buff *packet_in(struct __sk_buff *skb)
{
	return (void *)skb;
}

/* Asked by iptables about packets of new connections: 1 lets the packet pass. */
SEC("socket")
int bastion_pass(struct __sk_buff *skb)
{
	const struct bastion_control *known = control();
	struct bastion_tuple tuple;
	struct bastion_sender sender;

	if (!known)
		return 0;
	if (sender_of(packet_in(skb), skb, bpf_get_socket_cookie(skb), known->pids, &tuple, &sender))
		return 0;
	if (!passes(&sender, &tuple, known->generation)) {
		keep_queued(packet_in(skb), &tuple, &sender);
		return 0;
	}
	keep_passed(&tuple, &sender);
	if (is_datagram(tuple.protocol))
		judged(&tuple, sender.cookie);
	return 1;
}

/* Asked by iptables about datagrams that connection tracking takes for a connection's that was
 * judged: 1 if they are another socket's, and have to be judged. */
SEC("socket")
int bastion_taken_over(struct __sk_buff *skb)
{
	const struct bastion_control *known = control();
	struct packet packet = packet_of(packet_in(skb), skb);
	__u64 cookie = bpf_get_socket_cookie(skb);
	struct bastion_tuple tuple;
	struct bastion_sender sender;
	__u64 *owner;

	if (!known || !cookie || tuple_of(&packet, &tuple))
		return 0;
	owner = bpf_map_lookup_elem(&JUDGED, &tuple);
	if (owner && *owner == cookie)
		return 0;
	/* What was under way when the programs were loaded goes on. */
	if (!owner && bpf_map_lookup_elem(&BEFORE, &cookie)) {
		judged(&tuple, cookie);
		return 0;
	}
	if (sender_of(packet_in(skb), skb, cookie, known->pids, &tuple, &sender) ||
	    sender.kind == BASTION_KERNEL)
		return 0;
	if (passes(&sender, &tuple, known->generation)) {
		keep_passed(&tuple, &sender);
		judged(&tuple, cookie);
		return 0;
	}
	keep_queued(packet_in(skb), &tuple, &sender);
	return 1;
}

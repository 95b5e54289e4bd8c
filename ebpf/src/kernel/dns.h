/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to name servers and their answers, as sockets send and receive them, for user space
 * to read. What only arrives on the wire, with no socket to receive it, is not seen.
 */
#pragma once

#include "maps.h"

#define DNS_PORT bpf_htons(53)

/* Where the transport header is; 0 where there is none that is looked into. */
inlined __u32 transport(struct __sk_buff *skb, __u8 *protocol)
{
	__u8 head[10];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)))
		return 0;
	switch (head[0] >> 4) {
	case 4:
		*protocol = head[9];
		return (head[0] & 15) * 4;
	case 6:
		*protocol = head[6];
		return IPV6_HEADER;
	default:
		return 0;
	}
}

/* Room is taken by a fixed size; most packets fit into little. */
#define DNS_LITTLE 500

inlined void fill(struct __sk_buff *skb, struct bastion_dns *dns, __u32 received, __u32 room)
{
	/* Of bytes from 0 on: that a length is not 0 the verifier of Linux 6.1 does not learn. */
	__u64 last = skb->len - 1;

	if (!dns) {
		count(BASTION_COUNT_DNS_LOST);
		return;
	}
	if (last >= room)
		last = room - 1;
	barrier_var(last);
	dns->interface = skb->ifindex;
	dns->received = received;
	dns->length = last + 1;
	if (bpf_skb_load_bytes(skb, 0, dns->bytes, last + 1))
		bpf_ringbuf_discard(dns, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(dns, wake(&DNS, DNS_SIZE));
}

inlined void tell_dns(struct __sk_buff *skb, __u32 received)
{
	const __u32 head = __builtin_offsetof(struct bastion_dns, bytes);

	if (skb->len <= DNS_LITTLE)
		fill(skb, bpf_ringbuf_reserve(&DNS, head + DNS_LITTLE, 0), received, DNS_LITTLE);
	else
		fill(skb, bpf_ringbuf_reserve(&DNS, sizeof(struct bastion_dns), 0), received,
		     BASTION_DNS_MAX);
}

inlined void look(struct __sk_buff *skb, __u32 received)
{
	const struct bastion_control *known;
	const struct sock *sk;
	__be16 ports[2];
	__u8 protocol = 0;
	__u32 at = transport(skb, &protocol);

	if (!at || (protocol != UDP && protocol != TCP) ||
	    bpf_skb_load_bytes(skb, at, ports, sizeof(ports)) || ports[!received] != DNS_PORT)
		return;
	/* Anybody may make a network of their own with name servers of their own in it. */
	known = control();
	sk = BPF_CORE_READ((struct sk_buff *)skb, sk);
	if (known && sk && BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == known->network)
		tell_dns(skb, received);
}

SEC("cgroup_skb/ingress")
int bastion_dns_in(struct __sk_buff *skb)
{
	look(skb, 1);
	return 1;
}

SEC("cgroup_skb/egress")
int bastion_dns_out(struct __sk_buff *skb)
{
	look(skb, 0);
	return 1;
}

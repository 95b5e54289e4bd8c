/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the headers of a packet say. It is read as the helper reads a queued packet
 * (helper/src/packet), so that both speak of the same tuple; what can't be read gets no record,
 * and its sender stays unknown.
 */
#pragma once

#include "core.h"
#include "layout.h"

#define EXTENSIONS 8 /* IPv6 extension headers that are skipped */
#define FINGERPRINT 64 /* bytes of a packet that tell it from others of its tuple */

/* A packet in the OUTPUT hook: its network header is its first one, and all headers lie in its
 * linear part. */
struct packet {
	struct __sk_buff *context; /* where a program has the packet as such; reading is cheaper there */
	const void *start; /* elsewhere */
	__u32 length; /* of the linear part */
};

inlined struct packet linear_part(const struct sk_buff *skb)
{
	unsigned int length = BPF_CORE_READ(skb, len);
	struct packet packet = {
		.start = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header),
		.length = length - BPF_CORE_READ(skb, data_len),
	};
	return packet;
}

inlined struct packet packet_of(const struct sk_buff *skb, struct __sk_buff *context)
{
	struct packet packet = { .context = context };

	return context ? packet : linear_part(skb);
}

inlined int load(const struct packet *packet, __u32 offset, void *to, __u32 size)
{
	if (packet->context)
		return bpf_skb_load_bytes(packet->context, offset, to, size);
	if (offset + size > packet->length)
		return -1;
	return bpf_probe_read_kernel(to, size, packet->start + offset);
}

inlined int ports_of(const struct packet *packet, __u32 at, struct bastion_tuple *tuple)
{
	__u8 head[8];
	__u8 echo = tuple->protocol == ICMP ? 8 : 128;

	switch (tuple->protocol) {
	case TCP:
	case UDP:
	case UDPLITE:
	case SCTP:
		if (load(packet, at, head, 8))
			return -1;
		__builtin_memcpy(&tuple->source_port, head, 2);
		__builtin_memcpy(&tuple->destination_port, head + 2, 2);
		return 0;
	case ICMP:
	case ICMPV6:
		if (load(packet, at, head, 8))
			return -1;
		if (head[0] == echo && head[1] == 0)
			__builtin_memcpy(&tuple->source_port, head + 4, 2);
		return 0;
	default:
		return 0;
	}
}

inlined int tuple_ipv4(const struct packet *packet, const __u8 *ip, struct bastion_tuple *tuple)
{
	tuple->family = 4;
	tuple->protocol = ip[9];
	__builtin_memcpy(tuple->source, ip + 12, 4);
	__builtin_memcpy(tuple->destination, ip + 16, 4);
	/* Fragments after the first have no transport header. */
	if ((ip[6] & 0x1f) | ip[7])
		return 0;
	return ports_of(packet, (ip[0] & 15) * 4, tuple);
}

/* Skips one extension header: 1 if there may be another, 0 if what follows is the transport
 * header, negative if nothing that follows can be read. */
inlined int skip(const struct packet *packet, __u32 *at, __u8 *next)
{
	__u8 head[4];

	switch (*next) {
	case 0: /* hop-by-hop options */
	case 43: /* routing */
	case 60: /* destination options */
	case 44: /* fragment */
	case 51: /* authentication */
		break;
	default:
		return 0;
	}
	if (load(packet, *at, head, sizeof(head)))
		return -1;
	switch (*next) {
	case 44:
		*next = head[0];
		*at += 8;
		return (head[2] | (head[3] & 0xf8)) ? -2 : 1;
	case 51:
		*at += (head[1] + 2) * 4;
		break;
	default:
		*at += (head[1] + 1) * 8;
	}
	*next = head[0];
	return 1;
}

inlined int tuple_ipv6(const struct packet *packet, __u8 *ip, struct bastion_tuple *tuple)
{
	__u32 at = IPV6_HEADER;
	int more = 1;

	if (load(packet, IPV4_HEADER, ip + IPV4_HEADER, IPV6_HEADER - IPV4_HEADER))
		return -1;
	tuple->family = 6;
	tuple->protocol = ip[6];
	__builtin_memcpy(tuple->source, ip + 8, 16);
	__builtin_memcpy(tuple->destination, ip + 24, 16);
	for (int i = 0; i < EXTENSIONS && more > 0; i++)
		more = skip(packet, &at, &tuple->protocol);
	if (more == -2) /* a later fragment */
		return 0;
	return more ? -1 : ports_of(packet, at, tuple);
}

/* The tuple of a packet; 0 if there is one. */
inlined int tuple_of(const struct packet *packet, struct bastion_tuple *tuple)
{
	__u8 ip[IPV6_HEADER];

	__builtin_memset(tuple, 0, sizeof(*tuple));
	/* The shorter of both headers. */
	if (load(packet, 0, ip, IPV4_HEADER))
		return -1;
	switch (ip[0] >> 4) {
	case 4:
		return tuple_ipv4(packet, ip, tuple);
	case 6:
		return tuple_ipv6(packet, ip, tuple);
	default:
		return -1;
	}
}

/* A number that tells packets of one tuple apart; two that agree in it say the same in their
 * first bytes. The helper computes the same (helper/src/kernel/tuple.rs). FNV-1a over words. */
inlined __u32 fingerprint_of(const struct packet *packet)
{
	__u32 words[FINGERPRINT / 4] = {};
	__u32 size = packet->length;
	__u32 hash = 2166136261u;

	if (size > FINGERPRINT)
		size = FINGERPRINT;
	if (bpf_probe_read_kernel(words, size, packet->start))
		return 0;
	for (int i = 0; i < FINGERPRINT / 4; i++)
		hash = (hash ^ words[i]) * 16777619u;
	return hash;
}

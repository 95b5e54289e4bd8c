/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Records senders where iptables can't ask a program: as the kernel puts a packet into a queue,
 * which is in the packet's own path as well. By fentry or by a kprobe; which of them the kernel
 * takes depends on how it was built.
 */
#pragma once

#include "sender.h"

#include <bpf/bpf_tracing.h>

inlined int queued(struct sk_buff *skb, const struct nf_hook_state *state)
{
	const struct bastion_control *known = control();
	struct bastion_tuple tuple;
	struct bastion_sender sender;
	const struct sock *sk = BPF_CORE_READ(skb, sk);
	__u64 cookie = 0;

	if (!known || BPF_CORE_READ(state, hook) != NF_INET_LOCAL_OUT ||
	    BPF_CORE_READ(state, net, ns.inum) != known->network)
		return 0;
	/* 0 until somebody has asked for it (cookie.h); then nothing is kept for what is sent again. */
	if (sk)
		cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (!sender_of(skb, NULL, cookie, known->pids, &tuple, &sender))
		keep_queued(skb, &tuple, &sender);
	return 0;
}

/* The packet that the first of the two programs for fentry has seen and the second has not, on each
 * processor. */
MAP(TAKEN, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, __u64);

/* Records the sender of each packet in whichever of both programs is run first. There are two because
 * on a processor on which a program is interrupted it is not run a second time (prog->active,
 * kernel/bpf/trampoline.c): what a timer sends again just then is left to the other. */
inlined int queued_once(struct sk_buff *skb, const struct nf_hook_state *state)
{
	__u32 zero = 0;
	__u64 *taken = bpf_map_lookup_elem(&TAKEN, &zero);

	if (taken && *taken == (__u64)skb) {
		*taken = 0;
		return 0;
	}
	if (taken)
		*taken = (__u64)skb;
	return queued(skb, state);
}

SEC("fentry/nf_queue")
int BPF_PROG(bastion_queued_fentry, struct sk_buff *skb, struct nf_hook_state *state)
{
	return queued_once(skb, state);
}

SEC("fentry/nf_queue")
int BPF_PROG(bastion_queued_second, struct sk_buff *skb, struct nf_hook_state *state)
{
	return queued_once(skb, state);
}

SEC("kprobe/nf_queue")
int BPF_KPROBE(bastion_queued_kprobe, struct sk_buff *skb, struct nf_hook_state *state)
{
	return queued(skb, state);
}

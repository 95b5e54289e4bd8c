/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who sends a packet, found where the packet is: in the OUTPUT hook, mostly within the system
 * call of the process that sends it, which is then the running one. Mostly: what the kernel sends
 * again after a time-out, or wraps into a packet of its own, passes the hook while any process
 * may be running. So it takes a sign that this is the sender's own call:
 *
 * - TCP: a SYN of a connection that has nothing sent yet. tcp_connect() counts a SYN as sent only
 *   after it has gone (snd_nxt, net/ipv4/tcp_output.c), so one that is sent again shows.
 * - SCTP: a process owns the socket's lock. Timers don't.
 * - UDP, UDP-Lite, ping: the socket is open in some process, and wraps nothing. These are sent
 *   within the call, always.
 * - Raw sockets: likewise, if the packet's protocol is the socket's.
 *
 * What the kernel has wrapped around another packet is its own: it has another protocol than the
 * socket, or says that there is a header inside. (Another port alone is no sign: a program can
 * change that of its socket from another thread.)
 *
 * A thread of the kernel is never the sender; one that io_uring runs for a process is that
 * process's own.
 */
#pragma once

#include "file.h"
#include "image.h"
#include "tuple.h"

inlined int has_ports(__u8 protocol)
{
	return protocol == TCP || protocol == UDP || protocol == UDPLITE || protocol == SCTP;
}

/* True if the packet is what its socket sends. */
inlined int is_sockets_own(const struct sock *sk, const struct bastion_tuple *tuple)
{
	return !has_ports(tuple->protocol) ||
	       BPF_CORE_READ((const struct inet_sock *)sk, inet_sport) == tuple->source_port;
}

inlined int is_open(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);

	return socket && BPF_CORE_READ(socket, file);
}

/* True if a packet of this socket is being sent by a call of the running thread. */
inlined int is_own_call(const struct sock *sk, __u8 protocol, __u8 state)
{
	const struct tcp_sock *tcp = (const void *)sk;

	switch (protocol) {
	case TCP:
		/* Also of a socket that no process has open: MPTCP connects by such. */
		return state == TCP_SYN_SENT && BPF_CORE_READ(tcp, snd_nxt) == BPF_CORE_READ(tcp, snd_una);
	case SCTP:
		return is_open(sk) && BPF_CORE_READ(sk, sk_lock.owned);
	case UDP:
	case UDPLITE:
		/* Tunnels and IPsec send by the sockets of programs. */
		return is_open(sk) && !BPF_CORE_READ((const struct udp_sock *)sk, encap_type);
	case ICMP:
	case ICMPV6:
		return is_open(sk) && BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM;
	default:
		/* Others may send again by timers. */
		return 0;
	}
}

inlined int is_own_raw(const struct sock *sk, __u8 protocol)
{
	__u16 own = BPF_CORE_READ(sk, sk_protocol);

	return is_open(sk) && (own == RAW || own == protocol);
}

inlined __u32 kind_of(struct task_struct *current, const struct sk_buff *skb,
		      const struct sock *sk, const struct bastion_tuple *tuple)
{
	__u8 state;
	int own;

	if (!sk)
		return BASTION_UNPROVEN;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_NEW_SYN_RECV || state == TCP_TIME_WAIT)
		return BASTION_UNPROVEN;
	if (BPF_CORE_READ(sk, sk_type) == SOCK_RAW) {
		own = is_own_raw(sk, tuple->protocol);
	} else {
		if (BPF_CORE_READ(sk, sk_protocol) != tuple->protocol ||
		    BPF_CORE_READ(skb, inner_network_header))
			return BASTION_KERNEL;
		own = is_sockets_own(sk, tuple) && is_own_call(sk, tuple->protocol, state);
	}
	if (current->flags & PF_KTHREAD)
		return BASTION_UNPROVEN;
	return own ? BASTION_PROCESS : BASTION_UNPROVEN;
}

/* On whose behalf: as the queue tells it, whoever opened the socket's file (NFQA_UID,
 * net/netfilter/nfnetlink_queue.c); the owner of one that has none. */
inlined __u32 user_of(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct file *file = socket ? BPF_CORE_READ(socket, file) : NULL;

	return file ? BPF_CORE_READ(file, f_cred, fsuid.val) : BPF_CORE_READ(sk, sk_uid.val);
}

/* Keeps what an image runs, when it sends for the first time. A program may be interrupted by
 * itself, for another process on the same processor, while it uses the room: that one goes
 * without. */
inlined void keep_file(struct task_struct *task, const struct bastion_image *image)
{
	__u32 zero = 0;
	struct bastion_room *room;

	if (bpf_map_lookup_elem(&FILE, image))
		return;
	room = bpf_map_lookup_elem(&ROOM, &zero);
	if (!room || __sync_lock_test_and_set(&room->busy, 1))
		return;
	if (!read_file(task, &room->file))
		bpf_map_update_elem(&FILE, image, &room->file, BPF_NOEXIST);
	__sync_lock_test_and_set(&room->busy, 0);
}

inlined void running(struct bastion_sender *sender, struct task_struct *current,
		     const struct sock *sk, __u32 pids)
{
	struct mm_struct *mm = current->mm;
	struct file *exe = mm ? mm->exe_file : NULL;

	running_image(current, pids, &sender->image);
	sender->uid = user_of(sk);
	if (mm) {
		sender->stack = mm->start_stack;
		sender->arguments_end = mm->arg_end;
	}
	if (exe) {
		sender->inode = exe->f_inode->i_ino;
		sender->device = exe->f_inode->i_sb->s_dev;
	}
	keep_file(current, &sender->image);
}

/* True if it is known who sent the first packet of this tuple by this socket. */
inlined int known_sender(void *map, const struct bastion_tuple *tuple, __u64 cookie,
			 struct bastion_sender *sender)
{
	struct bastion_sender *known = bpf_map_lookup_elem(map, tuple);

	if (!known)
		return 0;
	/* It may become another tuple's while it is copied: a full map uses its elements again. Then it
	 * is not found a second time. */
	*sender = *known;
	return sender->cookie == cookie && bpf_map_lookup_elem(map, tuple) == known &&
	       known->cookie == cookie;
}

/* Finds who sends this packet: 0 if its headers can be read. The context is NULL for programs that
 * have none. */
inlined int sender_of(struct sk_buff *skb, struct __sk_buff *context, __u64 cookie, __u32 pids,
		      struct bastion_tuple *tuple, struct bastion_sender *sender)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct packet packet = packet_of(skb, context);
	struct sock *sk = BPF_CORE_READ(skb, sk);
	__u32 kind;

	if (tuple_of(&packet, tuple))
		return -1;
	kind = kind_of(current, skb, sk, tuple);
	/* Sent again, or late, by the socket whose sender is known. */
	if (kind == BASTION_UNPROVEN && cookie &&
	    (known_sender(&PASSED, tuple, cookie, sender) ||
	     known_sender(&SENDER, tuple, cookie, sender)))
		return 0;
	__builtin_memset(sender, 0, sizeof(*sender));
	sender->cookie = cookie;
	sender->kind = kind;
	if (kind == BASTION_PROCESS)
		running(sender, current, sk, pids);
	return 0;
}

/* Keeps it, unless it is there already. */
inlined void keep_sender(const struct bastion_tuple *tuple, const struct bastion_sender *sender)
{
	const struct bastion_sender *old = bpf_map_lookup_elem(&SENDER, tuple);

	if (!old || old->cookie != sender->cookie || old->kind != sender->kind ||
	    old->uid != sender->uid || !same_image(&old->image, &sender->image))
		bpf_map_update_elem(&SENDER, tuple, sender, BPF_ANY);
}

/* Keeps who sent a packet that passes, and takes away who sent one of the same tuple that was queued
 * before: there shall be none for what is sent again, once the later record has made room. Such
 * packets come once a connection, so that a look whether it is kept already would cost more than
 * it saves. */
inlined void keep_passed(const struct bastion_tuple *tuple, const struct bastion_sender *sender)
{
	bpf_map_update_elem(&PASSED, tuple, sender, BPF_ANY);
	if (bpf_map_lookup_elem(&SENDER, tuple))
		bpf_map_delete_elem(&SENDER, tuple);
}

/* Keeps for the helper who sent this packet, which is about to be queued. */
inlined void keep_queued(const struct sk_buff *skb, const struct bastion_tuple *tuple,
			 const struct bastion_sender *sender)
{
	struct packet packet = linear_part(skb);
	struct bastion_packet key;

	__builtin_memset(&key, 0, sizeof(key));
	key.tuple = *tuple;
	key.fingerprint = fingerprint_of(&packet);
	bpf_map_update_elem(&PACKET, &key, sender, BPF_ANY);
	bpf_map_delete_elem(&PASSED, tuple);
	keep_sender(tuple, sender);
}

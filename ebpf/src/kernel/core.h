/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parts of kernel structures that are read. Where each field lies is filled in when the
 * programs are loaded, from the type information of the running kernel (CO-RE: the kernel's
 * Documentation/bpf/libbpf/libbpf_overview.rst), so only names and types count here, and one
 * object serves all kernels. What follows three underscores in a name is not part of it.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u32 val;
} kuid_t;

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct cred {
	kuid_t fsuid;
};

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	const struct cred *f_cred;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct mm_struct {
	struct file *exe_file;
	unsigned long start_stack;
	unsigned long arg_start;
	unsigned long arg_end;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct signal_struct {
	atomic_t live;
};

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	__u64 start_boottime;
	__u64 self_exec_id;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct pid *thread_pid;
	struct mm_struct *mm;
	const struct cred *cred;
	struct signal_struct *signal;
};

struct socket {
	struct file *file;
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
};

typedef struct {
	int owned;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u16 sk_type;
	__u16 sk_protocol;
	kuid_t sk_uid;
	struct socket *sk_socket;
};

struct inet_sock {
	__be16 inet_sport;
};

struct tcp_sock {
	__u32 snd_una;
	__u32 snd_nxt;
};

struct udp_sock {
	__u8 encap_type;
};

struct sk_buff {
	struct sock *sk;
	unsigned char *head;
	unsigned int len;
	unsigned int data_len;
	__u16 network_header;
	__u16 inner_network_header;
};

struct nf_hook_state {
	__u8 hook;
	struct net *net;
};

#pragma clang attribute pop

/* The address of a field, for reading a string from it or telling it from others. */
#define field_address(object, type, field) \
	((void *)(object) + bpf_core_field_offset(type, field))

#define inlined static __always_inline

/* Sizes of headers, and numbers of protocols. */
enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ICMPV6 = 58,
	SCTP = 132,
	UDPLITE = 136,
	RAW = 255,
};

/* include/linux/sched.h: a thread of the kernel that works for no process. */
#define PF_KTHREAD 0x00200000
/* include/linux/net.h */
#define SOCK_DGRAM 2
#define SOCK_RAW 3
/* include/net/tcp_states.h. Sockets of the latter two are smaller, and nobody's. */
#define TCP_SYN_SENT 2
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
/* include/uapi/linux/netfilter.h */
#define NF_INET_LOCAL_OUT 3

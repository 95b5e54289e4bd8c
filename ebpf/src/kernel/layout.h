/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What kernel programs and user space share. src/layout.rs says the same in Rust; a test compares
 * the two by the sizes and offsets that clang writes into the object.
 *
 * Addresses and ports are in network order; an IPv4 address fills the first four bytes.
 */
#pragma once

#include <linux/types.h>

/* Packets of one tuple, in one direction. An ICMP echo request has its identifier for a source
 * port; what has no ports has zeros. */
struct bastion_tuple {
	__u8 source[16];
	__u8 destination[16];
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 family; /* 4 or 6 */
	__u16 unused;
};

/* One program that one process runs: its number and start name the process, the count of its
 * execs the program. None is ever used twice. */
struct bastion_image {
	__u64 start; /* nanoseconds since boot; of the thread group's leader */
	__u64 execs;
	__u32 pid; /* of the thread group, in the helper's pid namespace; 0 if it is not in it */
	__u32 unused;
};

/* Who sends. */
enum bastion_kind {
	BASTION_UNPROVEN, /* could not be told in the packet's own path */
	BASTION_PROCESS, /* the image, in a system call of its own */
	BASTION_KERNEL, /* the kernel, such as a tunnel around another packet */
};

struct bastion_sender {
	struct bastion_image image;
	__u64 cookie; /* the socket's, which no other socket ever has */
	__u64 stack; /* where the program's stack begins: another one after each exec */
	__u64 arguments_end;
	__u64 inode; /* the executable's */
	__u32 device; /* and its file system's, as the kernel numbers it */
	__u32 uid; /* on whose behalf */
	__u32 kind;
	__u32 unused;
};

/* One packet. */
struct bastion_packet {
	struct bastion_tuple tuple;
	__u32 fingerprint;
};

#define BASTION_PATH_MAX 1024 /* bytes of a path; longer ones are left out */
#define BASTION_PATH_DEPTH 48 /* components of a path, mount points among them */
#define BASTION_ARGUMENTS_MAX 512 /* bytes of arguments */

enum bastion_file_flags {
	BASTION_FILE_DELETED = 1,
	BASTION_FILE_NO_PATH = 2, /* it is too long, or changed while it was read */
};

/* The file an image runs, as it was when the image was first seen. */
struct bastion_file {
	__u64 inode;
	__u32 device;
	__u32 flags;
	__u16 path_length;
	__u16 arguments_length;
	__u32 unused;
	/* Components from the last to the first, each followed by a zero, up to the root of its file
	 * system. */
	char path[BASTION_PATH_MAX];
	char arguments[BASTION_ARGUMENTS_MAX];
};

/* What may pass without being asked about: a program of a process to a place, for a user. */
struct bastion_pass {
	struct bastion_image image;
	__u64 cookie; /* 0 for every socket */
	__u8 destination[16];
	__u32 uid;
	__be16 port;
	__u8 protocol;
	__u8 family;
};

struct bastion_passed {
	__u64 generation; /* counts only while it is that of the control */
	__u64 hits;
	__u64 last; /* hit, in nanoseconds since boot */
};

struct bastion_control {
	__u64 generation; /* of the rules in force */
	__u32 network; /* the number of the network namespace that is judged */
	__u32 pids; /* the number of the pid namespace in which processes are told */
};

enum bastion_event_kind {
	BASTION_EXEC = 1,
	BASTION_FORK = 2,
	BASTION_EXIT = 3,
};

/* What became of a process. Of an exec the file follows. */
struct bastion_event {
	__u32 kind;
	__u32 uid;
	struct bastion_image image;
	struct bastion_image parent;
};

struct bastion_exec {
	struct bastion_event event;
	struct bastion_file file;
};

#define BASTION_DNS_MAX 2036 /* bytes of a packet, from its IP header on */

/* A packet from or to port 53. */
struct bastion_dns {
	__u32 interface; /* by which it came in or goes out */
	__u32 received; /* 1 if it came in, 0 if it goes out */
	__u32 length; /* bytes of it that are told */
	__u8 bytes[BASTION_DNS_MAX];
};

enum bastion_counter {
	BASTION_COUNT_PASSED, /* let through without asking */
	BASTION_COUNT_LOST, /* events of processes for which there was no room */
	BASTION_COUNT_DNS_LOST,
	BASTION_COUNTERS,
};

/* The same numbers stand in src/layout.rs. */
#define SAME(condition) _Static_assert(condition, #condition)
#define AT(type, field, offset) SAME(__builtin_offsetof(struct type, field) == (offset))
SAME(sizeof(struct bastion_tuple) == 40);
AT(bastion_tuple, protocol, 36);
SAME(sizeof(struct bastion_image) == 24);
AT(bastion_image, pid, 16);
SAME(sizeof(struct bastion_sender) == 72);
AT(bastion_sender, device, 56);
SAME(sizeof(struct bastion_packet) == 44);
SAME(sizeof(struct bastion_file) == 1560);
AT(bastion_file, path_length, 16);
AT(bastion_file, arguments, 1048);
SAME(sizeof(struct bastion_pass) == 56);
AT(bastion_pass, uid, 48);
SAME(sizeof(struct bastion_passed) == 24);
SAME(sizeof(struct bastion_control) == 16);
SAME(sizeof(struct bastion_event) == 56);
AT(bastion_event, parent, 32);
SAME(sizeof(struct bastion_exec) == 1616);
AT(bastion_dns, bytes, 12);

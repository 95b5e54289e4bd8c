/* Sending by io_uring: the kernel does it in the program's name, from its own thread, from a
 * worker, or from a thread that polls. */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 4
/* Milliseconds until the polling thread sleeps. */
#define IDLE 50

struct ring {
	int fd;
	unsigned flags;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *entries;
};

static _Atomic unsigned *at(const struct ring *ring, unsigned offset)
{
	return (_Atomic unsigned *)(ring->rings + offset);
}

static void *map(const struct ring *ring, size_t length, off_t what)
{
	void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, what);

	if (mapped == MAP_FAILED)
		fail("mmap of a ring");
	return mapped;
}

static struct ring open_ring(unsigned flags)
{
	struct ring ring = { .flags = flags, .params = { .flags = flags, .sq_thread_idle = IDLE } };
	struct io_uring_params *params = &ring.params;
	size_t sq, cq;

	ring.fd = syscall(SYS_io_uring_setup, ENTRIES, params);
	if (ring.fd < 0 && errno == ENOSYS)
		unsupported("io_uring_setup");
	if (ring.fd < 0)
		fail("io_uring_setup");
	/* Since Linux 5.4 both rings lie in one mapping. */
	sq = params->sq_off.array + params->sq_entries * sizeof(unsigned);
	cq = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	ring.rings = map(&ring, sq > cq ? sq : cq, IORING_OFF_SQ_RING);
	ring.entries = map(&ring, params->sq_entries * sizeof(*ring.entries), IORING_OFF_SQES);
	return ring;
}

/* Has the kernel carry out one operation, and waits for its result. */
static int perform(struct ring *ring, const struct io_uring_sqe *operation)
{
	const struct io_sqring_offsets *sq = &ring->params.sq_off;
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	unsigned tail = *at(ring, sq->tail), slot = tail & *at(ring, sq->ring_mask);
	unsigned head = *at(ring, cq->head), enter = IORING_ENTER_GETEVENTS;
	struct io_uring_cqe *done;

	ring->entries[slot] = *operation;
	*at(ring, sq->array + slot * sizeof(unsigned)) = slot;
	atomic_store_explicit(at(ring, sq->tail), tail + 1, memory_order_release);
	if (ring->flags & IORING_SETUP_SQPOLL) {
		atomic_thread_fence(memory_order_seq_cst);
		if (*at(ring, sq->flags) & IORING_SQ_NEED_WAKEUP)
			enter |= IORING_ENTER_SQ_WAKEUP;
	}
	while (atomic_load_explicit(at(ring, cq->tail), memory_order_acquire) == head) {
		unsigned submit = ring->flags & IORING_SETUP_SQPOLL ? 0 : 1;

		if (syscall(SYS_io_uring_enter, ring->fd, submit, 1, enter, NULL, 0) < 0 && errno != EINTR)
			fail("io_uring_enter");
	}
	done = (struct io_uring_cqe *)(ring->rings + cq->cqes) + (head & *at(ring, cq->ring_mask));
	atomic_store_explicit(at(ring, cq->head), head + 1, memory_order_release);
	return done->res;
}

static void dial(const struct order *order, unsigned setup, unsigned char how)
{
	struct ring ring = open_ring(setup);
	int fd = open_socket(order, SOCK_STREAM, 0);
	struct io_uring_sqe operation = { .opcode = IORING_OP_CONNECT,
					  .flags = how,
					  .fd = fd,
					  .addr = (uintptr_t)&order->to,
					  .off = order->length };
	int result;

	announce(1);
	result = perform(&ring, &operation);
	errno = -result;
	if (result < 0)
		fail("connect by io_uring");
	talk(fd);
}

static void post(const struct order *order, unsigned setup, unsigned char how)
{
	struct ring ring = open_ring(setup);
	struct iovec word = { WORD, WORD_LENGTH };
	struct msghdr message = { .msg_name = (void *)&order->to,
				  .msg_namelen = order->length,
				  .msg_iov = &word,
				  .msg_iovlen = 1 };
	struct io_uring_sqe operation = { .opcode = IORING_OP_SENDMSG,
					  .flags = how,
					  .fd = open_socket(order, SOCK_DGRAM, 0),
					  .addr = (uintptr_t)&message,
					  .len = 1 };
	int result;

	announce(1);
	result = perform(&ring, &operation);
	errno = result < 0 ? -result : 0;
	if (result != WORD_LENGTH)
		fail("sendmsg by io_uring");
}

static void tcp(const struct order *order)
{
	dial(order, 0, 0);
}

static void tcp_async(const struct order *order)
{
	dial(order, 0, IOSQE_ASYNC);
}

static void tcp_polled(const struct order *order)
{
	dial(order, IORING_SETUP_SQPOLL, 0);
}

static void udp(const struct order *order)
{
	post(order, 0, 0);
}

static void udp_async(const struct order *order)
{
	post(order, 0, IOSQE_ASYNC);
}

static void udp_polled(const struct order *order)
{
	post(order, IORING_SETUP_SQPOLL, 0);
}

const struct way_name uring_ways[] = {
	{ "uring-tcp", tcp },
	{ "uring-tcp-async", tcp_async },
	{ "uring-tcp-polled", tcp_polled },
	{ "uring-udp", udp },
	{ "uring-udp-async", udp_async },
	{ "uring-udp-polled", udp_polled },
	{ NULL, NULL },
};

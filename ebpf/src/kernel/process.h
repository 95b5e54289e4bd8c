/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What becomes of processes: so that of one that is gone there is still known what it ran, with
 * which arguments, and who started it.
 */
#pragma once

#include "file.h"
#include "image.h"

inlined void describe(struct bastion_event *event, __u32 kind, struct task_struct *task,
			    struct task_struct *parent, __u32 pids)
{
	event->kind = kind;
	event->uid = BPF_CORE_READ(task, cred, fsuid.val);
	image_of(task, pids, &event->image);
	__builtin_memset(&event->parent, 0, sizeof(event->parent));
	if (parent)
		image_of(parent, pids, &event->parent);
}

inlined void told(struct bastion_event *event)
{
	bpf_ringbuf_submit(event, wake(&EVENTS, EVENTS_SIZE));
}

inlined int tell(__u32 kind, struct task_struct *task, struct task_struct *parent)
{
	const struct bastion_control *known = control();
	struct bastion_event *event;

	if (!known)
		return 0;
	event = bpf_ringbuf_reserve(&EVENTS, sizeof(*event), 0);
	if (!event) {
		count(BASTION_COUNT_LOST);
		return 0;
	}
	describe(event, kind, task, parent, known->pids);
	told(event);
	return 0;
}

/* The arguments of these are those of the trace points in include/trace/events/sched.h. */

SEC("raw_tp/sched_process_exec")
int bastion_exec(struct bpf_raw_tracepoint_args *arguments)
{
	struct task_struct *task = (void *)arguments->args[0];
	const struct bastion_control *known = control();
	struct bastion_exec *exec;

	if (!known)
		return 0;
	exec = bpf_ringbuf_reserve(&EVENTS, sizeof(*exec), 0);
	if (!exec) {
		count(BASTION_COUNT_LOST);
		return 0;
	}
	describe(&exec->event, BASTION_EXEC, task, BPF_CORE_READ(task, real_parent), known->pids);
	if (read_file(task, &exec->file)) {
		exec->file.flags = BASTION_FILE_NO_PATH;
		exec->file.path_length = 0;
		exec->file.arguments_length = 0;
	}
	told(&exec->event);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int bastion_fork(struct bpf_raw_tracepoint_args *arguments)
{
	struct task_struct *parent = (void *)arguments->args[0];
	struct task_struct *child = (void *)arguments->args[1];

	/* Threads are no processes. */
	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0;
	return tell(BASTION_FORK, child, parent);
}

SEC("raw_tp/sched_process_exit")
int bastion_exit(struct bpf_raw_tracepoint_args *arguments)
{
	struct task_struct *task = (void *)arguments->args[0];

	/* The last thread ends the process. */
	if (BPF_CORE_READ(task, signal, live.counter) > 0)
		return 0;
	return tell(BASTION_EXIT, task, NULL);
}

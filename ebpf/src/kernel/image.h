/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which program of which process runs.
 */
#pragma once

#include "maps.h"

#define PID_LEVELS 8

/* The number of a process in the pid namespace whose number is `pids`; 0 if it has none there.
 * Machines have one pid namespace at level 0, so that the first look finds it. */
inlined __u32 number_in(struct pid *pid, __u32 pids)
{
	unsigned int level;

	if (!pid) /* its parent has taken note of its end */
		return 0;
	level = BPF_CORE_READ(pid, level);
	/* Unrolled: clang would count up to the lesser of both bounds, and compare in a way from
	 * which the verifier of Linux 6.1 does not learn that this ends. */
#pragma unroll
	for (unsigned int i = 0; i < PID_LEVELS && i <= level; i++) {
		void *at = field_address(pid, struct pid, numbers) +
			   i * bpf_core_type_size(struct upid);
		struct pid_namespace *namespace;
		int nr;

		if (bpf_probe_read_kernel(&namespace, sizeof(namespace),
					  field_address(at, struct upid, ns)))
			return 0;
		if (BPF_CORE_READ(namespace, ns.inum) != pids)
			continue;
		if (bpf_probe_read_kernel(&nr, sizeof(nr), field_address(at, struct upid, nr)))
			return 0;
		return nr;
	}
	return 0;
}

/* The image of a thread. */
inlined void image_of(struct task_struct *task, __u32 pids, struct bastion_image *image)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	__builtin_memset(image, 0, sizeof(*image));
	image->start = BPF_CORE_READ(leader, start_boottime);
	image->execs = BPF_CORE_READ(leader, self_exec_id);
	image->pid = number_in(BPF_CORE_READ(leader, thread_pid), pids);
}

/* The same of the running thread. The verifier knows what `current` is, so that its fields are read
 * without a call for each. */
inlined void running_image(struct task_struct *current, __u32 pids, struct bastion_image *image)
{
	struct task_struct *leader = current->group_leader;

	__builtin_memset(image, 0, sizeof(*image));
	image->start = leader->start_boottime;
	image->execs = leader->self_exec_id;
	image->pid = number_in(leader->thread_pid, pids);
}

inlined int same_image(const struct bastion_image *a, const struct bastion_image *b)
{
	return a->start == b->start && a->execs == b->execs && a->pid == b->pid;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The file that a process runs: its number, and the path it has now within its file system.
 *
 * Not as the process sees it: anybody may make a mount namespace in which any file has any path.
 * User space knows where the machine has the file system mounted, and so what the path is there.
 *
 * A path is told from its last component to its first, so that each is written where the one
 * before has ended; in the other order the verifier would have to follow all lengths at once.
 */
#pragma once

#include "maps.h"

/* Room for the longest name (NAME_MAX, limits.h) and its zero. */
#define NAME_ROOM 256

/* Writes the name of a directory entry and goes one up: 1 if there is more above, 0 at the root
 * of the file system, negative if there is no room. */
inlined int step(struct dentry **at, struct bastion_file *file, __u32 *length)
{
	struct dentry *entry = *at;
	struct dentry *parent = BPF_CORE_READ(entry, d_parent);
	int written;

	if (parent == entry)
		return 0;
	if (*length > BASTION_PATH_MAX - NAME_ROOM)
		return -1;
	written = bpf_probe_read_kernel_str(&file->path[*length & (BASTION_PATH_MAX - 1)], NAME_ROOM,
					    BPF_CORE_READ(entry, d_name.name));
	if (written <= 1)
		return -1;
	*length += written;
	*at = parent;
	return 1;
}

inlined void read_path(struct file *exe, struct bastion_file *file)
{
	struct dentry *at = BPF_CORE_READ(exe, f_path.dentry);
	__u32 length = 0;
	int more = 1;

	/* d_unlinked (include/linux/dcache.h): out of the table of names. */
	if (!BPF_CORE_READ(at, d_hash.pprev) && BPF_CORE_READ(at, d_parent) != at)
		file->flags |= BASTION_FILE_DELETED;
	for (int i = 0; i < BASTION_PATH_DEPTH && more > 0; i++)
		more = step(&at, file, &length);
	if (more)
		file->flags |= BASTION_FILE_NO_PATH;
	else
		file->path_length = length;
}

/* Of memory that is not there now nothing is told: no packet waits for a disk. */
inlined void read_arguments(struct mm_struct *mm, struct bastion_file *file)
{
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long end = BPF_CORE_READ(mm, arg_end);
	unsigned long length = end - start;

	if (end <= start)
		return;
	if (length > BASTION_ARGUMENTS_MAX)
		length = BASTION_ARGUMENTS_MAX;
	if (!bpf_probe_read_user(file->arguments, length, (void *)start))
		file->arguments_length = length;
}

/* Fills in all about the file that the calling process runs; 0 if it runs one. */
inlined int read_file(struct task_struct *task, struct bastion_file *file)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct file *exe = mm ? BPF_CORE_READ(mm, exe_file) : NULL;

	if (!exe)
		return -1;
	file->inode = BPF_CORE_READ(exe, f_inode, i_ino);
	file->device = BPF_CORE_READ(exe, f_inode, i_sb, s_dev);
	file->flags = 0;
	file->path_length = 0;
	file->arguments_length = 0;
	read_path(exe, file);
	read_arguments(mm, file);
	return 0;
}

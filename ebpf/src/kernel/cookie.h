/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sockets get the number that no other ever has when somebody first asks for it, and what records
 * senders at nf_queue() may not ask. So it is asked for as a connection begins, before its first
 * packet: by it what is sent again is known to be the same socket's.
 */
#pragma once

#include "core.h"

SEC("sockops")
int bastion_cookie(struct bpf_sock_ops *connection)
{
	/* Called by tcp_connect(), net/ipv4/tcp_output.c. Of all else the answer stays as it was. */
	if (connection->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		bpf_get_socket_cookie(connection);
	return 1;
}

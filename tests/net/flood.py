#!/usr/bin/env python3
"""Sends datagrams without a pause until its input ends: flood.py PORT ADDRESS…
Then prints how many as {"sent": COUNT}, and waits to be killed. Says {"sent": 0}
when it begins."""

import json
import select
import signal
import socket
import sys


def main(port, *addresses):
    targets = [(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM), address)
               for address in addresses]
    sent = 0
    print(json.dumps({"sent": sent}), flush=True)
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        for sock, address in targets * 20:
            try:
                sent += bool(sock.sendto(b"hello", (address, int(port))))
            except OSError:
                pass  # told that it is denied
    print(json.dumps({"sent": sent}), flush=True)
    signal.pause()


main(*sys.argv[1:])

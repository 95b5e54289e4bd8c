#!/usr/bin/env python3
"""Sees every packet that comes over a cable: witness.py DEVICE. Obeys one JSON
object a line on standard input and answers each with one on standard output,
{"ok": RESULT} or {"error": TEXT}.

Operation: arrived {}, all that has come so far, as a list of {protocol, source,
source_port, destination, destination_port, kind, packets, bytes}: kind is the
type of an ICMP message, 4 for a reset of TCP, else 0; bytes are those after the
IP header. Counted are packets that begin something, or end it: of TCP resets and
segments with SYN alone, of a datagram the first fragment. What hosts of one cable
tell each other over ICMPv6 to find one another is left out."""

import collections
import ipaddress
import json
import select
import socket
import struct
import sys

RECEIVE_BUFFER = 32 * 1024 * 1024  # bytes
SO_RCVBUFFORCE = 33  # the module lacks it
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
TCP, ICMP, ICMPV6, FRAGMENT = 6, 1, 58, 44
SYN, RST, ACK = 0x02, 0x04, 0x10
WITH_PORTS = {TCP, 17, 132, 136}
NEIGHBOURHOOD = {130, 131, 132, 133, 134, 135, 136, 137, 143}  # ICMPv6 types


def transport(kind, packet):
    """Protocol, addresses and payload; None for what is no first packet."""
    if kind == ETH_P_IP:
        header = (packet[0] & 15) * 4
        total, fragment = struct.unpack_from("!HxxH", packet, 2)
        if fragment & 0x1FFF:
            return None
        return packet[9], packet[12:16], packet[16:20], packet[header:total]
    if kind == ETH_P_IPV6:
        protocol, payload = packet[6], packet[40:40 + struct.unpack_from("!H", packet, 4)[0]]
        if protocol == FRAGMENT:
            if struct.unpack_from("!H", payload, 2)[0] & 0xFFF8:
                return None
            protocol, payload = payload[0], payload[8:]
        return protocol, packet[8:24], packet[24:40], payload
    return None


def read(kind, packet):
    """What it is counted as, and its bytes; None when it is not counted."""
    found = transport(kind, packet)
    if found is None:
        return None
    protocol, source, destination, payload = found
    ports, message = (0, 0), 0
    if protocol in WITH_PORTS:
        ports = struct.unpack_from("!HH", payload)
    if protocol == TCP:
        message = payload[13] & RST
        if not message and payload[13] & (SYN | ACK) != SYN:
            return None
    if protocol in (ICMP, ICMPV6):
        message = payload[0]
    if protocol == ICMPV6 and message in NEIGHBOURHOOD:
        return None
    return (protocol, source, ports[0], destination, ports[1], message), len(payload)


class Witness:
    def __init__(self, device):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        self.sock.bind((device, ETH_P_ALL))
        self.packets = collections.Counter()
        self.bytes = collections.Counter()

    def look(self):
        while True:
            try:
                packet, (_, kind, direction, *_) = self.sock.recvfrom(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            seen = read(kind, packet) if direction != PACKET_OUTGOING else None
            if seen:
                self.packets[seen[0]] += 1
                self.bytes[seen[0]] += seen[1]

    def arrived(self):
        self.look()
        names = ("protocol", "source", "source_port", "destination", "destination_port", "kind")

        def shown(key):
            return [str(ipaddress.ip_address(part)) if isinstance(part, bytes) else part for part in key]

        return [dict(zip(names, shown(key)), packets=count, bytes=self.bytes[key])
                for key, count in self.packets.items()]


def main(device):
    witness = Witness(device)
    print(json.dumps({"ok": None}), flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, witness.sock], [], [])
        witness.look()
        if sys.stdin not in ready:
            continue
        line = sys.stdin.readline()
        if not line:
            return
        try:
            if json.loads(line)["op"] != "arrived":
                raise ValueError(f"there is no such operation: {line}")
            answer = {"ok": witness.arrived()}
        except Exception as error:  # whatever it is, the test must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])

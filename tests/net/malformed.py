#!/usr/bin/env python3
"""Packets that no honest program sends: malformed.py ADDRESS-4 SOURCE-4
ADDRESS-6 SOURCE-6 PORT. Headers cut and lying, odd protocols, chains of
extension headers, fragments; the same ones in each run. Prints one JSON object,
{"sent": COUNT, "refused": COUNT}: what the kernel took, and what it did not."""

import json
import random
import socket
import struct
import sys

RANDOM = random.Random(4)
UDP, UDPLITE, TCP, SCTP, DCCP, ICMP, ICMPV6 = 17, 136, 6, 132, 33, 1, 58
CHAIN = [0, 43, 44, 51, 60, 135, 139, 140]  # IPv6 headers that another one follows
LAST = [TCP, UDP, UDPLITE, SCTP, DCCP, ICMPV6, 50, 59, 253]


def noise(length):
    return RANDOM.randbytes(length)


def tcp(port, offset=5, flags=0x02):
    return struct.pack("!HHIIBBHHH", 40000, port, 1, 0, offset << 4, flags, 1024, 0, 0)


def udp(port, length=8):
    return struct.pack("!HHHH", 40000, port, length, 0)


def sctp(port):
    return struct.pack("!HHII", 40000, port, 0, 0) + b"\x01\x00\x00\x14" + noise(16)


def transports(port):
    """Protocol and payload."""
    whole = {TCP: tcp(port), UDP: udp(port), UDPLITE: udp(port), SCTP: sctp(port),
             DCCP: struct.pack("!HH", 40000, port) + noise(12), ICMP: b"\x08\x00\x00\x00" + noise(4),
             ICMPV6: b"\x80\x00\x00\x00" + noise(4)}
    for protocol, header in whole.items():
        for length in range(len(header)):
            yield protocol, header[:length]
    for offset in range(16):
        yield TCP, tcp(port, offset)
        yield TCP, tcp(port, offset) + noise(20)
    for flags in range(0, 256, 5):
        yield TCP, tcp(port, 5, flags)
    for length in (0, 1, 7, 9, 1000, 65535):
        yield UDP, udp(port, length)
        yield UDPLITE, udp(port, length) + noise(3)
    for protocol in range(2, 256):
        yield protocol, noise(RANDOM.choice([0, 1, 3, 4, 7, 8, 20, 40]))


def ipv4(source, to, protocol, payload, options=b"", fragment=0):
    options += bytes(-len(options) % 4)
    return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 0, RANDOM.randrange(65536), fragment, 64,
                       protocol, 0, source, to) + options + payload


def packets4(source, to, port):
    for protocol, payload in transports(port):
        yield ipv4(source, to, protocol, payload)
    for length in range(1, 41):
        yield ipv4(source, to, UDP, udp(port), noise(length))
    # Fragments alone, tiny, overlapping, and past the end.
    for fragment in (0x2000, 1, 0x2001, 0x1fff, 0x3fff, 0x8000, 0x4000):
        yield ipv4(source, to, UDP, udp(port, 64) + noise(8), fragment=fragment)
        yield ipv4(source, to, TCP, tcp(port)[:8], fragment=fragment)


def ipv6(source, to, following, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack("!IHBB16s16s", 6 << 28, length, following, 64, source, to) + payload


def chained(headers, last, payload):
    """Extension headers in this order, then the payload of protocol `last`."""
    for kind, after in reversed(list(zip(headers, headers[1:] + [last]))):
        body = noise(6) if kind != 44 else struct.pack("!xHI", RANDOM.choice([0, 1, 8, 9, 0xfff8]), 7)[:7]
        size = RANDOM.choice([0, 0, 0, 1, 2, 255])
        payload = struct.pack("!BB", after, size) + body[-6:] + (noise(8 * size) if size < 3 else b"") + payload
    return payload


def packets6(source, to, port):
    for protocol, payload in transports(port):
        yield ipv6(source, to, protocol, payload)
    for length in (0, 1, 7, 9, 1000, 65535):
        yield ipv6(source, to, UDP, udp(port), length)
    for _ in range(400):
        headers = RANDOM.choices(CHAIN, k=RANDOM.choice([1, 1, 2, 3, 8, 30]))
        payload = chained(headers, RANDOM.choice(LAST), RANDOM.choice([udp(port), tcp(port), b"", noise(5)]))
        cut = RANDOM.choice([len(payload), RANDOM.randrange(len(payload) + 1)])
        yield ipv6(source, to, headers[0], payload[:cut])
    mapped = bytes(10) + b"\xff\xff" + bytes([203, 0, 113, 3])
    yield ipv6(source, mapped, UDP, udp(port))


def main(to4, source4, to6, source6, port):
    count = {"sent": 0, "refused": 0}
    for family, to, source, packets in ((socket.AF_INET, to4, source4, packets4),
                                        (socket.AF_INET6, to6, source6, packets6)):
        raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for packet in packets(socket.inet_pton(family, source), socket.inet_pton(family, to), int(port)):
            try:
                raw.sendto(packet, (to, 0))
                count["sent"] += 1
            except OSError:
                count["refused"] += 1
    return count


print(json.dumps(main(*sys.argv[1:])), flush=True)

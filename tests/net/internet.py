#!/usr/bin/env python3
"""The internet of the tests: answers on the ports it is told to, over IPv4 and
IPv6, and counts what arrives. Obeys one JSON object a line on standard input
and answers each with one on standard output, {"ok": RESULT} or {"error": TEXT}.

Its arguments are its addresses, of both families.

Operations: listen {transport, port, manner: echo|http|silent}, arrived
{transport, family, port}, forget {}, name {name, addresses, server, alias,
long}, forge {server, to, name, address}.

A name is told by every server, or by the one at the address that is given; with
an alias its addresses are those of the alias; a long answer comes over TCP
alone. A forged answer is one that nobody has asked for."""

import asyncio
import collections
import ipaddress
import json
import resource
import socket
import struct
import sys

HTTP_BODY = b"hello from the internet\n"
HTTP_REPLY = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
              b"Content-Length: %d\r\n\r\n%s" % (len(HTTP_BODY), HTTP_BODY))
RECEIVE_BUFFER = 8 * 1024 * 1024  # bytes; a burst of datagrams is counted to the last
SO_RCVBUFFORCE = 33  # the module lacks it
FAST_OPENS = 64  # connections with data in their SYN that may wait, where the machine lets any
RECORD_TYPES = {1: 4, 28: 6}  # DNS: A, AAAA; 5 is CNAME


class Internet:
    def __init__(self, addresses):
        self.addresses = [(ipaddress.ip_address(address).version, address) for address in addresses]
        self.counts = collections.Counter()
        self.names = {}
        self.open = {}

    def count(self, what, transport, family, port, by=1):
        self.counts[what, transport, family, port] += by

    async def listen(self, transport, port, manner):
        if (transport, port) in self.open:
            raise ValueError(f"{transport} port {port} listens already")
        # A reply to a datagram must come from the address it was sent to, so
        # each address has a socket of its own.
        self.open[transport, port] = [
            await self._open(transport, family, address, port, manner) for family, address in self.addresses]

    async def _open(self, transport, family, address, port, manner):
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        sock = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if transport == "tcp":
            async def serve(reader, writer):
                self.count("connections", transport, family, port)
                await self._serve(reader, writer, family, port, manner)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, FAST_OPENS)
            return await asyncio.start_server(serve, sock=sock, backlog=4096)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        loop = asyncio.get_running_loop()
        return await loop.create_datagram_endpoint(lambda: Datagrams(self, family, port, manner), sock=sock)

    async def _serve(self, reader, writer, family, port, manner):
        try:
            request = b""
            while data := await reader.read(65536):
                self.count("bytes", "tcp", family, port, len(data))
                if manner == "echo":
                    writer.write(data)
                    await writer.drain()
                request = (request + data)[-4:]
                if manner == "dns":
                    await self._serve_names(reader, writer, data)
                    break
                if manner == "http" and request == b"\r\n\r\n":
                    writer.write(HTTP_REPLY)
                    await writer.drain()
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _serve_names(self, reader, writer, data):
        """Answers one query of a connection."""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = await reader.read(65536)
            if not more:
                return
            data += more
        answer = self.resolve(data[2:], writer.get_extra_info("sockname")[0], False)
        if answer is not None:
            writer.write(len(answer).to_bytes(2, "big") + answer)
            await writer.drain()

    async def arrived(self, transport, family, port):
        return {what: self.counts[what, transport, family, port] for what in ("connections", "datagrams", "bytes")}

    async def forget(self):
        self.counts.clear()

    async def name(self, name, addresses, server=None, alias=None, long=False):
        addresses = [ipaddress.ip_address(address) for address in addresses]
        self.names[server, name.lower()] = addresses, alias, long

    async def forge(self, server, to, name, address):
        address = ipaddress.ip_address(address)
        kind = {4: 1, 6: 28}[address.version]
        question = encoded(name) + struct.pack("!HH", kind, 1)
        header = struct.pack("!HHHHHH", 4711, 0x8580, 1, 1, 0, 0)
        for sock, _ in self.open["udp", 53]:
            if sock.get_extra_info("sockname")[0] == server:
                sock.sendto(header + question + record(kind, address.packed), tuple(to))
                return
        raise ValueError(f"there is no server at {server}")

    def resolve(self, query, server, datagram):
        """The reply of a server to a DNS query, None where it is none."""
        if len(query) < 12:
            return None
        labels, at = [], 12
        while at < len(query) and query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        question = query[12:at + 5]
        if len(question) < 6:
            return None
        (kind,) = struct.unpack("!H", question[-4:-2])
        name = ".".join(labels).lower()
        known = self.names.get((server, name), self.names.get((None, name)))
        addresses, alias, long = known or ([], None, False)
        records = [record(kind, a.packed) for a in addresses if a.version == RECORD_TYPES.get(kind)]
        if alias:
            alias = encoded(alias)
            records = [record(5, alias)] + [alias + r[2:] for r in records]
        code = 0 if known is not None else 3  # 3: no such name
        if long and datagram:
            code, records = code | 0x200, []  # truncated
        header = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        return header + question + b"".join(records)


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(kind, data):
    """A record of the name that was asked for."""
    return struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, internet, family, port, manner):
        self.internet, self.family, self.port, self.manner = internet, family, port, manner

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.internet.count("datagrams", "udp", self.family, self.port)
        self.internet.count("bytes", "udp", self.family, self.port, len(data))
        reply = {"echo": data, "dns": None, "silent": None}[self.manner]
        if self.manner == "dns":
            reply = self.internet.resolve(data, self.transport.get_extra_info("sockname")[0], True)
        if reply is not None:
            self.transport.sendto(reply, addr)


async def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    internet = Internet(sys.argv[1:])
    await internet.listen("udp", 53, "dns")
    await internet.listen("tcp", 53, "dns")
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"ok": None}), flush=True)
    operations = {"listen", "arrived", "forget", "name", "forge"}
    while line := await lines.readline():
        try:
            request = json.loads(line)
            operation = request.pop("op")
            if operation not in operations:
                raise ValueError(f"there is no operation {operation}")
            answer = {"ok": await getattr(internet, operation)(**request)}
        except Exception as error:  # whatever it is, the test must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())

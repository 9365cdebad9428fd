#!/usr/bin/python3
"""A WHEP server for tests: aiortc sends a moving picture (VP8) and a tone (Opus) to whoever asks with the token.

whep-server.py PORT TOKEN JOURNAL [CERTIFICATE KEY]

PORT may be 0; the port taken is the first line of standard output. With a certificate it speaks TLS.

POST /whep         a session: 201, Location relative to the request
POST /late         the same; the first session has no picture, and the server ends it after two seconds
POST /counter      406 with an offer of the server's; its session takes the answer by PATCH
POST /moved        307 to /whep
POST /garbage      201 with what is no session description, and no session
POST /long         201 with more than a session description needs
DELETE /s/NUMBER   ends it
SIGTERM ends all sessions as a server does that is stopped; SIGKILL as one that is no more. JOURNAL gets a line of JSON for each request.
"""
import asyncio
import fractions
import json
import math
import signal
import ssl
import sys

import aioice.ice
import av
import numpy
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack

# Left to itself it offers every address but this one.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

port, token, journal = int(sys.argv[1]), sys.argv[2], open(sys.argv[3], "a", buffering=1)
sessions = {}
reasons = {
    200: "OK", 201: "Created", 204: "No Content", 307: "Temporary Redirect", 401: "Unauthorized", 404: "Not Found", 406: "Not Acceptable",
}
sdp = "Content-Type: application/sdp"


class Picture(VideoStreamTrack):
    """A bar that moves over 320x240, at the 30 pictures a second of `next_timestamp`."""

    count = 0

    async def recv(self):
        pts, base = await self.next_timestamp()
        luma = numpy.full((360, 320), 128, numpy.uint8)
        luma[:240] = 40
        luma[:240, (4 * self.count) % 300 : (4 * self.count) % 300 + 20] = 220
        self.count += 1
        frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        frame.pts, frame.time_base = pts, base
        return frame


class Tone(MediaStreamTrack):
    """440 Hz in mono, 20 ms at a time."""

    kind = "audio"
    start = None
    at = 0

    async def recv(self):
        loop = asyncio.get_event_loop()
        if self.start is None:
            self.start = loop.time()
        await asyncio.sleep(max(0, self.start + self.at / 48000 - loop.time()))
        times = numpy.arange(self.at, self.at + 960)
        samples = (8000 * numpy.sin(times * 2 * math.pi * 440 / 48000)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.at, fractions.Fraction(1, 48000)
        self.at += 960
        return frame


async def answer(method, path, headers, body):
    """The status, further header lines and the body of the answer to a request."""
    if headers.get("authorization") != f"Bearer {token}":
        return 401, [], b""
    if method == "POST" and path == "/moved":
        return 307, ["Location: /whep"], b""
    if method == "POST" and path == "/garbage":
        return 201, [sdp, "Location: /s/none"], b"v=0\r\nnonsense\r\n"
    if method == "POST" and path == "/long":
        return 201, [sdp, "Location: /s/none"], b"v=0\r\n" + bytes(100_000)
    if method == "POST" and path in ("/whep", "/late", "/counter") and headers.get("content-type") == "application/sdp":
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        number = str(len(sessions) + 1)
        sessions[number] = connection
        is_brief = path == "/late" and number == "1"
        lines = [sdp, f"Location: s/{number}", "Link: <stun:stun.invalid>; rel=\"ice-server\"", "ETag: \"first\""]
        if path == "/counter":
            connection.addTransceiver(Picture(), direction="sendonly")
            connection.addTransceiver(Tone(), direction="sendonly")
            await connection.setLocalDescription(await connection.createOffer())
            return 406, lines, connection.localDescription.sdp.encode()
        connection.addTrack(Tone())
        if not is_brief:
            connection.addTrack(Picture())
        await connection.setRemoteDescription(RTCSessionDescription(body.decode(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        if is_brief:
            asyncio.get_event_loop().call_later(2, lambda: asyncio.ensure_future(connection.close()))
        return 201, lines, connection.localDescription.sdp.encode()
    if method == "PATCH" and path.startswith("/s/") and path[3:] in sessions and headers.get("if-match") == "\"first\"":
        await sessions[path[3:]].setRemoteDescription(RTCSessionDescription(body.decode(), "answer"))
        return 204, [], b""
    if method == "DELETE" and path.startswith("/s/") and path[3:] in sessions:
        await sessions[path[3:]].close()
        return 200, [], b""
    return 404, [], b""


async def serve(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status, lines, text = await answer(method, path.split("?")[0], headers, body)
        journal.write(json.dumps({"method": method, "path": path, "status": status}) + "\n")
        lines = [f"HTTP/1.1 {status} {reasons[status]}", f"Content-Length: {len(text)}", "Connection: close"] + lines
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + text)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    # The test's threads block signals, and a child inherits that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    stopped = asyncio.Event()
    asyncio.get_event_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    tls = None
    if len(sys.argv) > 5:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(sys.argv[4], sys.argv[5])
    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stopped.wait()
    server.close()
    await asyncio.gather(*(connection.close() for connection in sessions.values()))


asyncio.run(main())

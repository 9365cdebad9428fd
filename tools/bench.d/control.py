"""Tapedeck's control API over its Unix socket. Written on a bare socket, so that the client's own time stays out of what is measured."""

import json
import socket


class ControlError(Exception):
    pass


class Connection:
    """One connection; kept alive between calls until closed."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(str(path))

    def call(self, method, target, body=None):
        """The JSON of the answer; raises ControlError on a refusal."""
        self.socket.sendall(request(method, target, body))
        status, answer = self.read_answer()
        if status >= 400:
            raise ControlError(f"{method} {target}: {status} {answer.decode(errors='replace')}")
        return json.loads(answer) if answer else None

    def read_answer(self):
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.receive()
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
        while len(body) < length:
            body += self.receive()
        return int(lines[0].split()[1]), body

    def receive(self):
        received = self.socket.recv(1 << 16)
        if not received:
            raise ControlError("the daemon closed the connection")
        return received

    def close(self):
        self.socket.close()


def request(method, target, body):
    content = b"" if body is None else json.dumps(body).encode()
    return f"{method} {target} HTTP/1.1\r\nHost: tapedeck\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def start_body(room, has_video, number=None, srtp=None, hls=False):
    """The start of one participant's recording; `number` is the stream's in the sender, which decides its SSRCs."""
    tracks = [{"participant": "p", "kind": "audio", "codec": "opus", "payloadType": 111, "clockRate": 48000, "channels": 2}]
    if has_video:
        tracks.append({"participant": "p", "kind": "video", "codec": "VP8", "payloadType": 96, "clockRate": 90000})
    if number is not None:
        for track in tracks:
            track["ssrc"] = 0x10000000 + 2 * number + (1 if track["kind"] == "audio" else 0)
    source = {"type": "rtp", "tracks": tracks}
    if srtp:
        source["srtp"] = srtp
    body = {"room": room, "source": source}
    if not hls:
        body["outputs"] = {"file": {"container": "webm"}, "hls": None}
    return body

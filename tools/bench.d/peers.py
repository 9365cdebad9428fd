"""The receivers: how each is started for n streams, where it wants them, and how it ends.

Each has the same shape: `start` returns once every port is bound, `ports[i]` is the line that the sender wants for stream i, `stop` ends it
properly, `file(i)` is what it left of stream i.
"""

import base64
import glob
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time
import urllib.request

import accounting
import control

FIRST_PORT = 24000
KEY_BYTES = {"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AEAD_AES_128_GCM": 28, "AEAD_AES_256_GCM": 44}


class PeerError(Exception):
    pass


def srtp_key(suite):
    """A key of the right length; the same for every stream, which does for a measurement and for nothing else."""
    return bytes(range(KEY_BYTES[suite]))


class Peer:
    # What has to be installed, and whether the peer leaves one playable file a stream.
    program = None
    leaves_files = True
    # Media ended and the peer waits for more: it must be told that the sender is gone.
    wants_bye = False

    def __init__(self, name, count, media, folder, tools, suite=None, first_port=FIRST_PORT):
        self.name, self.count, self.media, self.folder, self.tools, self.suite = name, count, media, folder, tools, suite
        self.first_port = first_port
        self.processes = []
        self.ports = self.layout()

    def layout(self):
        """A port for sound and a port for picture, each with RTCP on the next: what FFmpeg and Janus expect."""
        out = []
        for i in range(self.count):
            port = self.first_port + 4 * i
            out.append((port + 2, port + 3, port, port + 1) if self.media.has_video else (0, 0, port, port + 1))
        return out

    def bound_ports(self):
        """The ports that must be bound before the sender starts."""
        return {port for line in self.ports for port in line if port}

    def spawn(self, command, **more):
        log = open(self.folder / "log", "ab")
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **more))

    def wait_until_bound(self, seconds=60):
        ports, deadline = self.bound_ports(), time.monotonic() + seconds
        while (bound := accounting.udp_sockets(ports)[0]) < len(ports):
            ended = [process.args for process in self.processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                raise PeerError(f"{self.name}: {bound} of {len(ports)} ports bound\n{(self.folder / 'log').read_text(errors='replace')[-600:]}")
            time.sleep(0.1)

    def tree(self):
        return accounting.tree(process.pid for process in self.processes)

    def start(self):
        raise NotImplementedError

    def stop(self):
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        self.wait()

    def wait(self):
        for process in self.processes:
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise PeerError(f"{self.name} did not end") from None

    def kill(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def file(self, i):
        return self.folder / f"{i}.webm"


class Tapedeck(Peer):
    """The daemon, driven over its control socket. One port a recording, RTCP on the same: its defaults."""

    def layout(self):
        return []

    def bound_ports(self):
        return {line[0] or line[2] for line in self.ports}

    def start(self):
        self.serve()
        srtp = {"cryptoSuite": self.suite, "keyBase64": base64.b64encode(srtp_key(self.suite)).decode()} if self.suite else None
        self.recordings = []
        for i in range(self.count):
            recording = self.connection.call("POST", "/v1/recordings", control.start_body(f"room-{i}", self.media.has_video, i, srtp))
            self.recordings.append(recording["id"])
            port = recording["sources"][0]["ports"][0]
            self.ports.append((port["port"], port["rtcpPort"]) * 2 if self.media.has_video else (0, 0, port["port"], port["rtcpPort"]))

    def serve(self):
        self.socket = self.folder / "control.sock"
        last_port = self.first_port + (4 * self.count or 4000) - 1
        self.spawn(
            [
                self.tools.tapedeck, "serve", "--control", str(self.socket), "--root", str(self.folder / "recordings"),
                "--port-range", f"{self.first_port}-{last_port}", "--max-recordings", "4000", "--log-level", "warning",
            ],
            env={**os.environ, **self.tools.environment},
        )
        deadline = time.monotonic() + 30
        while not self.answers():
            if self.processes[0].poll() is not None or time.monotonic() > deadline:
                raise PeerError(f"tapedeck serve: {(self.folder / 'log').read_text(errors='replace')[-600:]}")
            time.sleep(0.05)
        self.connection = control.Connection(self.socket)
        self.idle_memory = accounting.memory(self.tree())

    def answers(self):
        try:
            probe = control.Connection(self.socket)
            probe.call("GET", "/readyz")
            probe.close()
            return True
        except (OSError, control.ControlError):
            return False

    def stop(self):
        # The daemon closes connections that have long been idle.
        self.connection.close()
        self.connection = control.Connection(self.socket)
        began = time.monotonic()
        self.manifests = [self.connection.call("POST", f"/v1/recordings/{id}/stop?wait=true") for id in self.recordings]
        self.stop_seconds = time.monotonic() - began
        self.shut_down()

    def shut_down(self):
        self.connection.close()
        super().stop()

    def file(self, i):
        return self.folder / "recordings" / f"room-{i}" / self.recordings[i] / "recording.webm"


class FFmpeg(Peer):
    """`ffmpeg -c copy`, a process a recording."""

    program = "ffmpeg"
    wants_bye = True

    def start(self):
        for i, (video, _, audio, _) in enumerate(self.ports):
            lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
            lines += [f"m=audio {audio} RTP/{self.profile()} 111", "a=rtpmap:111 opus/48000/2", *self.crypto()]
            if video:
                lines += [f"m=video {video} RTP/{self.profile()} 96", "a=rtpmap:96 VP8/90000", *self.crypto()]
            (self.folder / f"{i}.sdp").write_text("\n".join(lines) + "\n")
            self.spawn(
                shlex.split(f"ffmpeg -v warning -nostdin -y -protocol_whitelist file,udp,rtp,srtp,crypto -i {i}.sdp -c copy {i}.webm")
            )
        self.wait_until_bound()

    def profile(self):
        return "SAVP" if self.suite else "AVP"

    def crypto(self):
        return [f"a=crypto:1 {self.suite} inline:{base64.b64encode(srtp_key(self.suite)).decode()}"] if self.suite else []

    def stop(self):
        # The BYE ends each by itself; without it a process waits ten seconds for more.
        deadline = time.monotonic() + 3
        while any(process.poll() is None for process in self.processes) and time.monotonic() < deadline:
            time.sleep(0.05)
        super().stop()


class GStreamer(Peer):
    """A receiving pipeline into `webmmux`, a process a recording."""

    program = "gst-launch-1.0"
    is_one_process = False

    def bound_ports(self):
        return {port for video, _, audio, _ in self.ports for port in (video, audio) if port}

    def start(self):
        pipelines = [self.pipeline(i) for i in range(self.count)]
        for pipeline in [" ".join(pipelines)] if self.is_one_process else pipelines:
            self.spawn(["gst-launch-1.0", "-q", "-e", *shlex.split(pipeline)])
        self.wait_until_bound()

    def pipeline(self, i):
        video, _, audio, _ = self.ports[i]

        def source(port, caps):
            return f'udpsrc address=127.0.0.1 port={port} caps="application/x-rtp,{caps}" ! rtpjitterbuffer latency=200'

        out = f"webmmux name=m{i} ! filesink location={i}.webm "
        if video:
            caps = "media=video,clock-rate=90000,encoding-name=VP8,payload=96"
            out += f"{source(video, caps)} ! rtpvp8depay ! queue ! m{i}.video_0 "
        caps = "media=audio,clock-rate=48000,encoding-name=OPUS,payload=111"
        return out + f"{source(audio, caps)} ! rtpopusdepay ! opusparse ! queue ! m{i}.audio_0"


class GStreamerOneProcess(GStreamer):
    """All pipelines in one process."""

    is_one_process = True


class Janus(Peer):
    """Janus's raw dump: a mountpoint of the Streaming plugin a recording, each told to record. What it leaves needs janus-pp-rec to be played."""

    program = "janus"
    API_PORT = 8288

    def bound_ports(self):
        return {port for video, _, audio, _ in self.ports for port in (video, audio) if port}

    def start(self):
        configuration = self.folder / "configuration"
        configuration.mkdir()
        library = next(iter(glob.glob("/usr/lib/*/janus")), "/usr/lib/janus")
        disabled = [pathlib.Path(path).name for path in glob.glob(f"{library}/plugins/*.so") if "streaming" not in path]
        transports = [pathlib.Path(path).name for path in glob.glob(f"{library}/transports/*.so") if "http" not in path]
        (configuration / "janus.jcfg").write_text(
            f'general: {{ configs_folder = "{configuration}" plugins_folder = "{library}/plugins" transports_folder = "{library}/transports" '
            f'events_folder = "{configuration}" loggers_folder = "{configuration}" debug_level = 3 }}\n'
            f'nat: {{ ice_enforce_list = "lo" }}\nplugins: {{ disable = "{",".join(disabled)}" }}\n'
            f'transports: {{ disable = "{",".join(transports)}" }}\n'
        )
        (configuration / "janus.transport.http.jcfg").write_text(
            f'general: {{ json = "compact" base_path = "/janus" http = true port = {self.API_PORT} ip = "127.0.0.1" https = false }}\n'
            "admin: { admin_http = false }\n"
        )
        mountpoints = ["general: {}"]
        for i, (video, _, audio, _) in enumerate(self.ports):
            tracks = [f'{{ type = "audio", mid = "a", port = {audio}, pt = 111, codec = "opus" }}']
            if video:
                tracks.append(f'{{ type = "video", mid = "v", port = {video}, pt = 96, codec = "vp8" }}')
            mountpoints.append(f'm{i}: {{ type = "rtp", id = {i + 1}, description = "{i}", media = ( {", ".join(tracks)} ) }}')
        (configuration / "janus.plugin.streaming.jcfg").write_text("\n".join(mountpoints) + "\n")
        self.spawn(["janus", "-F", str(configuration), "-C", str(configuration / "janus.jcfg")])
        self.wait_until_bound()
        self.handle = self.attach()
        self.record("start")

    def attach(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                session = self.call("", janus="create")["data"]["id"]
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        plugin = self.call(f"/{session}", janus="attach", plugin="janus.plugin.streaming")["data"]["id"]
        return f"/{session}/{plugin}"

    def call(self, path, **body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.API_PORT}/janus{path}", json.dumps({**body, "transaction": "t"}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def record(self, action):
        for i in range(self.count):
            tracks = [{"mid": mid, "filename": str(self.folder / f"{i}-{mid}")} for mid in ("av" if self.media.has_video else "a")]
            body = {"request": "recording", "action": action, "id": i + 1, "media": tracks}
            answer = self.call(self.handle, janus="message", body=body)
            if answer.get("plugindata", {}).get("data", {}).get("streaming") != "ok":
                raise PeerError(f"janus: recording {action}: {answer}")

    def stop(self):
        self.record("stop")
        super().stop()

    def file(self, i):
        """The dumps of stream i, made playable: a step of its own that the live figures do not hold."""
        parts = []
        for mid, suffix in (("v", "webm"), ("a", "opus")) if self.media.has_video else (("a", "opus"),):
            part = self.folder / f"{i}-{mid}.{suffix}"
            subprocess.run(["janus-pp-rec", str(self.folder / f"{i}-{mid}.mjr"), str(part)], capture_output=True)
            parts += ["-i", str(part)]
        out = self.folder / f"{i}.webm"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *parts, "-c", "copy", str(out)], capture_output=True)
        return out


class Floor(Peer):
    """Our own loop that receives and appends, no more: the least that any recorder can cost."""

    leaves_files = False
    tick = 0

    def layout(self):
        # One port a stream with RTCP on it, as Tapedeck has it.
        ports = range(self.first_port, self.first_port + self.count)
        return [(port,) * 4 if self.media.has_video else (0, 0, port, port) for port in ports]

    def start(self):
        ports = [str(line[2]) for line in self.ports]
        self.spawn([str(self.tools.floor), str(self.folder), str(self.tick), *ports])
        self.wait_until_bound()


class FloorInBatches(Floor):
    """The same loop, drained every 20 ms."""

    tick = 20


KINDS = {
    "tapedeck": Tapedeck,
    "ffmpeg": FFmpeg,
    "janus": Janus,
    "gstreamer": GStreamer,
    "gstreamer-one": GStreamerOneProcess,
    "floor": Floor,
    "floor-20ms": FloorInBatches,
}


def is_installed(name):
    program = KINDS[name].program
    return program is None or shutil.which(program) is not None

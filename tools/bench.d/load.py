"""One measurement: start a receiver, send to it, measure the window in which every stream sends, stop it, and check what it left."""

import json
import os
import shutil
import signal
import subprocess
import time

import accounting
import media as media_module
import peers

# Streams start within one distance of key frames, so that these spread; then come some seconds in which receivers probe and buffer.
SPREAD_SECONDS = 3
WARM_UP_SECONDS = 8
FILES_CHECKED = 4


class Sender:
    """The sending process. Its events are read as they come."""

    def __init__(self, tools, media, ports, seconds, suite=None):
        length = WARM_UP_SECONDS + seconds
        command = [str(tools.sender), str(media.file), str(length), str(SPREAD_SECONDS), str(WARM_UP_SECONDS), str(length)]
        if suite:
            command += [suite, peers.srtp_key(suite).hex()]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write("".join(" ".join(map(str, line)) + "\n" for line in ports) + "\n")
        self.process.stdin.flush()
        self.length = length

    def wait_for(self, event):
        line = self.process.stdout.readline()
        if not line:
            raise peers.PeerError("the sender ended early")
        told = json.loads(line)
        if told["event"] != event:
            raise peers.PeerError(f"the sender told {told['event']}, expected {event}")
        return told

    def finish(self, with_bye):
        self.process.stdin.write("bye\n" if with_bye else "end\n")
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Row:
    """A receiver at a number of recordings, through one measurement."""

    def __init__(self, name, count, suite, media, tools, folder, first_port):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.peer = peers.KINDS[name](name, count, media, folder, tools, suite, first_port)
        self.tools, self.folder, self.sender = tools, folder, None
        self.figures = {"peer": name, "recordings": count, "srtp": suite, "media": media.kind}

    def send(self, seconds):
        self.sender = Sender(self.tools, self.peer.media, self.peer.ports, seconds, self.peer.suite)

    def begin_window(self):
        self.began = self.sender.wait_for("from")
        self.first = look(self.peer, self.tools)

    def end_window(self):
        self.ended = self.sender.wait_for("to")
        self.last = look(self.peer, self.tools)
        tree = self.peer.tree()
        self.figures |= accounting.memory(tree) | {"threads": accounting.threads(tree), "processes": len(tree)}

    def end_sending(self):
        sent = self.sender.wait_for("end")
        self.figures |= {
            "sent": {"packets": sent["packets"], "perStream": sent["perStream"]},
            "senderLatestMilliseconds": sent["latestMilliseconds"],
            "senderErrors": sent["errors"],
        }
        if self.peer.wants_bye:
            self.sender.finish(with_bye=True)
        else:
            # What the last packets still wait for: a tick of the receiver.
            time.sleep(0.3)
            self.sender.finish(with_bye=False)

    def cost(self):
        """The figures of the window."""
        wall = self.last["at"] - self.first["at"]
        cpu = sum(seconds - self.first["threads"].get(thread, 0) for thread, seconds in self.last["threads"].items())
        packets = self.ended["packets"] - self.began["packets"]
        self.figures |= {
            "windowSeconds": wall,
            "packets": packets,
            "cpuSeconds": cpu,
            "cpuMillisecondsPerRecordedSecond": 1000 * cpu / wall / self.peer.count,
            "microsecondsPerPacket": 1e6 * cpu / packets,
            "senderCPUSeconds": self.ended["cpuSeconds"] - self.began["cpuSeconds"],
            "busySeconds": self.last["busy"] - self.first["busy"],
        }
        if "allocations" in self.first:
            for field in ("allocations", "bytes"):
                self.figures[f"{field}PerPacket"] = (self.last["allocations"][field] - self.first["allocations"][field]) / packets
        if hasattr(self.peer, "idle_memory"):
            self.figures["idleRSSMB"] = self.peer.idle_memory["rssMB"]

    def finish(self):
        """Stops the receiver and reads back what it left."""
        self.figures["kernelDrops"] = accounting.udp_sockets(self.peer.bound_ports())[1]
        began = time.monotonic()
        self.peer.stop()
        self.figures["stopSeconds"] = time.monotonic() - began
        if self.peer.name == "tapedeck":
            self.figures |= account(self.peer, self.figures["sent"])
        if self.peer.leaves_files:
            self.figures["files"] = check_files(self.peer, self.sender.length)

    def clear(self, keep):
        if self.sender:
            self.sender.kill()
        self.peer.kill()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def measure(wanted, seconds, media, tools, folder, keep=False):
    """Measures receivers at the same time, each (name, number of recordings, SRTP suite or None); answers their figures as dictionaries.

    One alone has the machine for itself. Several share its moods, which makes their ratios the more telling where others use it too."""
    rows = []
    try:
        for name, count, suite in wanted:
            place = folder / f"{name}-{count}{'-' + suite if suite else ''}"
            row = Row(name, count, suite, media, tools, place, peers.FIRST_PORT + sum(4 * row.peer.count for row in rows))
            rows.append(row)
            row.peer.start()
        time.sleep(0.5)
        for row in rows:
            row.send(seconds)
        for step in (Row.begin_window, Row.end_window, Row.end_sending, Row.cost, Row.finish):
            for row in rows:
                step(row)
        spent = sum(row.figures["cpuSeconds"] + row.figures["senderCPUSeconds"] for row in rows)
        for row in rows:
            row.figures["otherCPUSeconds"] = max(0.0, row.figures.pop("busySeconds") - spent)
        return [row.figures for row in rows]
    finally:
        for row in rows:
            row.clear(keep)


def look(peer, tools):
    """The costs until now."""
    out = {"at": time.monotonic(), "busy": accounting.machine_busy_seconds(), "threads": accounting.cpu_by_thread(peer.tree())}
    path = tools.environment.get("ALLOCATIONS_TO")
    if path and isinstance(peer, peers.Tapedeck):
        before = os.path.getsize(path)
        peer.processes[0].send_signal(signal.SIGRTMIN + 3)
        while os.path.getsize(path) == before:
            time.sleep(0.001)
        with open(path) as lines:
            out["allocations"] = json.loads(lines.read().splitlines()[-1])
    return out


def account(peer, sent):
    """What Tapedeck says it received against what was sent, recording by recording."""
    totals = {"received": 0, "lost": 0, "discarded": 0, "written": 0}
    wrong = []
    for manifest, (video, audio) in zip(peer.manifests, sent["perStream"], strict=True):
        tracks = {track["kind"]: track for track in manifest["sources"][0]["tracks"]}
        totals["lost"] += sum(track["packetsLost"] for track in tracks.values())
        totals["discarded"] += sum(track["packetsDiscarded"] for track in tracks.values())
        totals["written"] += sum(track["packetsWritten"] for track in tracks.values())
        totals["received"] += sum(track["packetsReceived"] for track in tracks.values())
        got = (tracks.get("video", {}).get("packetsReceived", 0), tracks["audio"]["packetsReceived"])
        if manifest["status"] != "completed" or got != (video, audio):
            wrong.append({"recording": manifest["id"], "status": manifest["status"], "sent": [video, audio], "received": list(got)})
    return {"accounts": totals, "wrongRecordings": wrong, "stopSecondsAll": peer.stop_seconds}


def check_files(peer, length):
    """Reads some of the files back: every frame there, in order, with the bytes that were sent, and decodable."""
    chosen = sorted({i * peer.count // FILES_CHECKED for i in range(FILES_CHECKED)})
    out = []
    for i in chosen:
        path = peer.file(i)
        facts = {"stream": i, "bytes": path.stat().st_size if path.exists() else 0}
        for track, kind, rate in ((media_module.VIDEO, "video", 30), (media_module.AUDIO, "audio", 50)):
            if track == media_module.VIDEO and not peer.media.has_video:
                continue
            hashes = file_hashes(path, kind)
            sent = round(length * rate)
            facts[kind] = {"sent": sent, "onTape": len(hashes), "wrong": wrong_frames(hashes, peer.media.hashes(track))}
        facts["decodeErrors"] = decode_errors(path)
        facts["decodes"] = not facts["decodeErrors"]
        out.append(facts)
    return out


def file_hashes(path, kind):
    """The hash of each packet of a track, in file order."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", f"0:{kind[0]}", "-c", "copy", "-f", "framehash", "-hash", "md5", "-"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [line.rsplit(",", 1)[1].strip() for line in lines if line and not line.startswith("#")]


def wrong_frames(hashes, loop):
    """How many frames are not the one that follows the frame before in what was sent; the first may be any."""
    if not hashes:
        return 0
    if hashes[0] not in loop:
        return len(hashes)
    first = loop.index(hashes[0])
    return sum(1 for k, found in enumerate(hashes) if found != loop[(first + k) % len(loop)])


def decode_errors(path):
    """What a decoder complains of; empty where all is well."""
    command = ["nice", "ffmpeg", "-v", "error", "-xerror", "-nostdin", "-i", str(path), "-f", "null", "-"]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.stderr.strip() or ("" if ended.returncode == 0 else f"status {ended.returncode}")

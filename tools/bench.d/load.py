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


def measure(name, count, seconds, media, tools, folder, suite=None, keep=False):
    """The figures of one receiver as a dictionary."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    peer = peers.KINDS[name](name, count, media, folder, tools, suite)
    sender = None
    try:
        peer.start()
        time.sleep(0.5)
        sender = Sender(tools, media, peer.ports, seconds, suite)
        figures = watch(peer, sender, tools)
        figures |= {"peer": name, "recordings": count, "srtp": suite, "media": media.kind}
        ending = time.monotonic()
        sender.finish(peer.wants_bye)
        if not peer.wants_bye:
            # What the last packets still wait for: a tick of the receiver.
            time.sleep(0.3)
        peer.stop()
        figures["stopSeconds"] = time.monotonic() - ending
        if name == "tapedeck":
            figures |= account(peer, figures["sent"])
        if peer.leaves_files:
            figures["files"] = check_files(peer, sender.length)
        return figures
    finally:
        if sender:
            sender.kill()
        peer.kill()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def watch(peer, sender, tools):
    """Measures the window, then waits for the end of sending."""
    began = sender.wait_for("from")
    first = look(peer, tools)
    ended = sender.wait_for("to")
    last = look(peer, tools)
    memory = accounting.memory(peer.tree())
    sent = sender.wait_for("end")
    wall = last["at"] - first["at"]
    cpu = sum(seconds - first["threads"].get(thread, 0) for thread, seconds in last["threads"].items())
    packets = ended["packets"] - began["packets"]
    sending = ended["cpuSeconds"] - began["cpuSeconds"]
    drops = accounting.udp_sockets(peer.bound_ports())[1]
    figures = {
        "windowSeconds": wall,
        "packets": packets,
        "cpuSeconds": cpu,
        "cpuMillisecondsPerRecordedSecond": 1000 * cpu / wall / peer.count,
        "microsecondsPerPacket": 1e6 * cpu / packets,
        "kernelDrops": drops,
        "senderCPUSeconds": sending,
        "senderLatestMilliseconds": sent["latestMilliseconds"],
        "senderErrors": sent["errors"],
        "otherCPUSeconds": max(0.0, last["busy"] - first["busy"] - cpu - sending),
        "threads": accounting.threads(peer.tree()),
        "processes": len(peer.tree()),
        "sent": {"packets": sent["packets"], "perStream": sent["perStream"]},
        **memory,
    }
    if "allocations" in first:
        for field in ("allocations", "bytes"):
            figures[f"{field}PerPacket"] = (last["allocations"][field] - first["allocations"][field]) / packets
    if hasattr(peer, "idle_memory"):
        figures["idleRSSMB"] = peer.idle_memory["rssMB"]
    return figures


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
        facts["decodes"] = decodes(path)
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


def decodes(path):
    command = ["nice", "ffmpeg", "-v", "error", "-xerror", "-nostdin", "-i", str(path), "-f", "null", "-"]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.returncode == 0 and not ended.stderr.strip()

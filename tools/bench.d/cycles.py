"""What start/stop cycles leave behind in the daemon: descriptors, threads, memory."""

import shutil
import socket
import struct

import accounting
import control
import media as media_module
import peers

# Pools and the bounded histories of events and ended recordings fill in the first cycles; what is compared comes after them.
WARM_UP = 1000


def measure(count, media, tools, folder, hls=False):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    peer = peers.Tapedeck("tapedeck", 0, media, folder, tools)
    try:
        peer.serve()
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        cycle(peer, wire, media, WARM_UP, hls)
        before = state(peer)
        points = []
        for _ in range(10):
            cycle(peer, wire, media, count // 10, hls)
            points.append(state(peer))
        return {"cycles": count // 10 * 10, "hls": hls, "before": before, "after": points[-1], "every": points}
    finally:
        peer.kill()
        shutil.rmtree(folder, ignore_errors=True)


def cycle(peer, wire, media, count, hls):
    """A start, a key frame and some sound, a stop that waits for the files, and their removal."""
    for _ in range(count):
        recording = peer.connection.call("POST", "/v1/recordings", control.start_body("cycle", has_video=True, number=0, hls=hls))
        port = recording["sources"][0]["ports"][0]["port"]
        for packet in burst(media):
            wire.sendto(packet, ("127.0.0.1", port))
        manifest = peer.connection.call("POST", f"/v1/recordings/{recording['id']}/stop?wait=true")
        frames = {track["kind"]: track["framesWritten"] for track in manifest["sources"][0]["tracks"]}
        if manifest["status"] != "completed" or frames != {"audio": 5, "video": 1}:
            raise peers.PeerError(f"a cycle ended as {manifest['status']} with {frames}")
        peer.connection.call("DELETE", f"/v1/recordings/{recording['id']}")


def burst(media):
    """One picture and five packets of sound, as RTP."""
    payloads = list(media_module.vp8_payloads(media.pictures[0], 0))
    for i, payload in enumerate(payloads):
        marker = 0x80 if i == len(payloads) - 1 else 0
        yield struct.pack(">BBHII", 0x80, 96 | marker, i, 0, 0x10000000) + payload
    for i in range(5):
        yield struct.pack(">BBHII", 0x80, 111, i, 960 * i, 0x10000001) + media.sounds[i]


def state(peer):
    process = peer.processes[0].pid
    return {
        "descriptors": accounting.descriptors(process),
        "threads": accounting.threads([process]),
        "udpSockets": accounting.udp_sockets(set(range(peers.FIRST_PORT, peers.FIRST_PORT + 4000)))[0],
        **accounting.memory([process]),
    }

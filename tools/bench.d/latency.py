"""How long a start takes to be answered, and whether a packet that leaves with the answer is on tape."""

import shutil
import socket
import struct
import time

import control
import media as media_module
import peers


def opus_packet(number, payload):
    """The first packet of stream `number`."""
    return struct.pack(">BBHII", 0x80, 111, 1, 960, 0x10000000 + 2 * number + 1) + payload


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(count, media, tools, folder):
    """`count` starts on one kept connection, then `count` on a fresh one each; all recordings stay open until the end of their round."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    peer = peers.Tapedeck("tapedeck", 0, media, folder, tools)
    try:
        peer.serve()
        return {"starts": count, "rounds": [one_round(peer, count, media, way) for way in ("kept connection", "fresh connections")]}
    finally:
        peer.kill()
        shutil.rmtree(folder, ignore_errors=True)


def one_round(peer, count, media, way):
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    times, ids = [], []
    for number in range(count):
        body = control.start_body(f"{way} {number}", has_video=True, number=number)
        content = control.request("POST", "/v1/recordings", body)
        packet = opus_packet(number, media.sounds[number % len(media.sounds)])
        began = time.perf_counter_ns()
        connection = peer.connection if way == "kept connection" else control.Connection(peer.socket)
        connection.socket.sendall(content)
        status, answer = connection.read_answer()
        times.append((time.perf_counter_ns() - began) / 1e6)
        if status != 201:
            raise peers.PeerError(f"start {number}: {status} {answer.decode(errors='replace')}")
        recording = control.json.loads(answer)
        wire.sendto(packet, ("127.0.0.1", recording["sources"][0]["ports"][0]["port"]))
        ids.append(recording["id"])
        if connection is not peer.connection:
            connection.close()
    on_tape = stop_all(peer, ids)
    on_file = sum(1 for number in range(0, count, max(1, count // 20)) if is_in_file(peer, way, number, ids[number], media))
    return {
        "way": way,
        "p50Milliseconds": percentile(times, 0.5),
        "p99Milliseconds": percentile(times, 0.99),
        "maximumMilliseconds": max(times),
        "firstPacketsOnTape": on_tape,
        "filesReadBack": len(range(0, count, max(1, count // 20))),
        "filesRight": on_file,
    }


def stop_all(peer, ids):
    """Stops every recording; answers how many hold exactly the one packet that was sent."""
    right = 0
    for id in ids:
        manifest = peer.connection.call("POST", f"/v1/recordings/{id}/stop?wait=true")
        audio = next(track for track in manifest["sources"][0]["tracks"] if track["kind"] == "audio")
        right += manifest["status"] == "completed" and (audio["packetsReceived"], audio["packetsWritten"], audio["framesWritten"]) == (1, 1, 1)
    return right


def is_in_file(peer, way, number, id, media):
    """The file holds one packet of sound, and it is the one that was sent."""
    import load

    found = list((peer.folder / "recordings").glob(f"*/{id}/recording.webm"))
    expected = media.hashes(media_module.AUDIO)[number % len(media.sounds)]
    return len(found) == 1 and load.file_hashes(found[0], "audio") == [expected]

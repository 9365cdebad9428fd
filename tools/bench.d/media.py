"""What is sent: real VP8 and Opus, made once by ffmpeg, cut into RTP payloads with the times at which a browser's pacer would send them.

A stream repeats the media as often as it lasts; frame k of any stream is therefore frame k mod M of the media, which is how a file is checked.
"""

import hashlib
import pathlib
import struct
import subprocess

LOOP_SECONDS = 30
PICTURES_PER_SECOND = 30
SOUNDS_PER_SECOND = 50
VIDEO_BITS = 2_000_000
PAYLOAD_BYTES = 1180
# libwebrtc sends the packets of a picture at 2.5 times the stream's bitrate.
PACING_FACTOR = 2.5
VIDEO, AUDIO = 0, 1
MARKER, FIRST = 1, 2

KINDS = ("720p", "audio")


def ivf_frames(path):
    """The frames of an IVF file."""
    data = path.read_bytes()
    at = struct.unpack_from("<H", data, 6)[0]
    while at + 12 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        yield data[at + 12 : at + 12 + size]
        at += 12 + size


def ogg_packets(path):
    """The packets of an Ogg file's only stream, without the two headers of Opus."""
    data = path.read_bytes()
    at, number, packet = 0, 0, b""
    while at + 27 <= len(data):
        segments = data[at + 27 : at + 27 + data[at + 26]]
        at += 27 + len(segments)
        for size in segments:
            packet += data[at : at + size]
            at += size
            if size < 255:
                if number >= 2:
                    yield packet
                number, packet = number + 1, b""


class Media:
    """The frames of a kind of media, and the file that the sender plays."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.has_video = kind == "720p"
        self.file = folder / f"{kind}.paced"
        picture_file, sound_file = folder / "pictures.ivf", folder / "sounds.ogg"
        if self.has_video and not picture_file.exists():
            make(pictures(), picture_file)
        if not sound_file.exists():
            make(sounds(), sound_file)
        self.pictures = list(ivf_frames(picture_file)) if self.has_video else []
        self.sounds = list(ogg_packets(sound_file))[: LOOP_SECONDS * SOUNDS_PER_SECOND]
        if self.has_video and len(self.pictures) != LOOP_SECONDS * PICTURES_PER_SECOND or len(self.sounds) != LOOP_SECONDS * SOUNDS_PER_SECOND:
            raise SystemExit(f"tools/bench: ffmpeg made {len(self.pictures)} pictures and {len(self.sounds)} sounds; remove {folder} and try again")
        if not self.file.exists():
            write_schedule(self)

    def hashes(self, track):
        """The hash of each frame of one repetition."""
        return [hashlib.md5(frame).hexdigest() for frame in (self.pictures if track == VIDEO else self.sounds)]


def pictures():
    bits = VIDEO_BITS // 1000
    return (
        f"-f lavfi -i testsrc2=size=1280x720:rate={PICTURES_PER_SECOND},noise=alls=12:allf=t -t {LOOP_SECONDS} -c:v libvpx -deadline realtime "
        f"-cpu-used 8 -b:v {bits}k -minrate {bits}k -maxrate {bits}k -bufsize {bits // 2}k -g 90 -keyint_min 90 -lag-in-frames 0 "
        "-auto-alt-ref 0 -error-resilient 1 -threads 2"
    ).split()


def sounds():
    # A little longer than the loop: the encoder's look-ahead takes from the end.
    return (
        f"-f lavfi -i anoisesrc=color=pink:amplitude=0.3:r=48000,tremolo=f=3:d=0.5 -t {LOOP_SECONDS + 1} -ac 2 -c:a libopus -b:a 64k "
        "-vbr constrained -frame_duration 20 -application voip"
    ).split()


def make(arguments, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished-" + path.name)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, str(unfinished)], check=True)
    unfinished.rename(path)


def vp8_payloads(frame, number):
    """A VP8 frame's RTP payloads (RFC 7741), of equal size, with the descriptor that libwebrtc writes."""
    count = -(-len(frame) // PAYLOAD_BYTES)
    for i in range(count):
        begin, end = i * len(frame) // count, (i + 1) * len(frame) // count
        start_of_partition = 0x10 if i == 0 else 0
        descriptor = struct.pack(">BBHBB", 0x80 | start_of_partition, 0xE0, 0x8000 | (number & 0x7FFF), number & 0xFF, 0x20)
        yield descriptor + frame[begin:end]


def write_schedule(media):
    """Writes the file that the sender maps: a header, records in the order of their times, payloads."""
    items = []
    microseconds_per_byte = 8e6 / (PACING_FACTOR * VIDEO_BITS)
    free = 0.0
    for number, frame in enumerate(media.pictures):
        free = max(free, number * 1e6 / PICTURES_PER_SECOND)
        payloads = list(vp8_payloads(frame, number))
        for i, payload in enumerate(payloads):
            marks = (FIRST if i == 0 else 0) | (MARKER if i == len(payloads) - 1 else 0)
            items.append((free, number * 90000 // PICTURES_PER_SECOND, VIDEO, marks, payload))
            free += len(payload) * microseconds_per_byte
    if free >= LOOP_SECONDS * 1e6:
        raise SystemExit("tools/bench: the pictures do not fit their pace")
    for number, packet in enumerate(media.sounds):
        items.append((number * 1e6 / SOUNDS_PER_SECOND, number * 48000 // SOUNDS_PER_SECOND, AUDIO, FIRST | MARKER, packet))
    items.sort(key=lambda item: item[0])
    head = struct.pack("<8sIIII", b"PACED001", len(items), LOOP_SECONDS * 1_000_000, len(media.pictures), len(media.sounds))
    records, payloads, offset = [], [], 0
    for at, timestamp, track, marks, payload in items:
        records.append(struct.pack("<IIIHBB", round(at), timestamp, offset, len(payload), track, marks))
        payloads.append(payload)
        offset += len(payload)
    media.file.write_bytes(head + b"".join(records) + b"".join(payloads))

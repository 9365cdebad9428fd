#!/usr/bin/python3
"""Sends test pictures and a tone with aiortc, and tells what it sent.

    DECK_TOKEN=... publish.py whip URL SECONDS        publishes by WHIP
    DECK_TOKEN=... publish.py answer API ROOM SECONDS [CODEC,CODEC]
        has the deck offer, by its control API, these codecs where they are named, and answers

The report is the last line of standard output: one JSON object. aiortc asks its tracks for media once it is connected, so that all that
they made was sent.
"""
import asyncio
import fractions
import json
import math
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

WIDTH, HEIGHT, RATE = 320, 240, 30
SAMPLE_RATE, SOUND_SAMPLES = 48000, 960


class Clocked(MediaStreamTrack):
    """Media that comes at its own pace until it is told to end."""

    def __init__(self):
        super().__init__()
        self.made, self.began, self.is_over = 0, None, False

    async def turn(self, seconds):
        if self.is_over:
            raise MediaStreamError
        self.began = self.began or time.monotonic()
        await asyncio.sleep(max(0, self.began + self.made * seconds - time.monotonic()))
        if self.is_over:
            raise MediaStreamError
        self.made += 1
        return self.made - 1


class Pictures(Clocked):
    kind = "video"

    async def recv(self):
        number = await self.turn(1 / RATE)
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        left = number * 4 % (WIDTH - 32)
        # The bar moves, and each time it begins again the ground is a little brighter: no picture is like another.
        ground = bytes([40 + number * 4 // (WIDTH - 32) % 100])
        row = ground * left + bytes([220]) * 32 + ground * (WIDTH - 32 - left)
        frame.planes[0].update(row * HEIGHT)
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = number * 90000 // RATE, fractions.Fraction(1, 90000)
        return frame


class Tone(Clocked):
    kind = "audio"

    async def recv(self):
        number = await self.turn(SOUND_SAMPLES / SAMPLE_RATE)
        first = number * SOUND_SAMPLES
        wave = (int(12000 * math.sin(2 * math.pi * 440 * (first + i) / SAMPLE_RATE)) for i in range(SOUND_SAMPLES))
        frame = av.AudioFrame(format="s16", layout="stereo", samples=SOUND_SAMPLES)
        frame.planes[0].update(b"".join(value.to_bytes(2, "little", signed=True) * 2 for value in wave))
        frame.pts, frame.time_base, frame.sample_rate = first, fractions.Fraction(1, SAMPLE_RATE), SAMPLE_RATE
        return frame


def ask(method, url, body=None, kind="application/sdp"):
    request = urllib.request.Request(url, body and body.encode(), {"Authorization": f"Bearer {os.environ['DECK_TOKEN']}"}, method=method)
    if body:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


class Peer:
    def __init__(self):
        self.connection = RTCPeerConnection()
        self.tracks = {"video": Pictures(), "audio": Tone()}
        self.report = {"error": None, "posted": None, "deleted": None, "states": [], "framesSent": 0, "soundsSent": 0}
        self.connection.on("connectionstatechange", lambda: self.report["states"].append(self.connection.connectionState))

    async def ask(self, *arguments):
        status, headers, body = await asyncio.to_thread(ask, *arguments)
        if status >= 300:
            raise RuntimeError(f"{status}: {body}")
        return status, headers, body

    async def send(self, seconds):
        for _ in range(200):
            if self.connection.connectionState in ("connected", "failed"):
                break
            await asyncio.sleep(0.05)
        if self.connection.connectionState != "connected":
            raise RuntimeError(f"not connected, but {self.connection.connectionState}")
        await asyncio.sleep(seconds)
        for track in self.tracks.values():
            track.is_over = True
        await asyncio.sleep(0.5)
        self.report["framesSent"], self.report["soundsSent"] = self.tracks["video"].made, self.tracks["audio"].made

    async def whip(self, url, seconds):
        for track in self.tracks.values():
            self.connection.addTransceiver(track, "sendonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        status, headers, answer = await self.ask("POST", url, self.connection.localDescription.sdp)
        self.report["posted"] = status
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.send(float(seconds))
        self.report["deleted"] = (await self.ask("DELETE", urllib.parse.urljoin(url, headers["Location"])))[0]

    async def answer(self, api, room, seconds, codecs=None):
        wish = {"room": room, "source": {"type": "webrtc", "makeOffer": {}, "participant": "ada"}, "outputs": {"hls": None}}
        if codecs:
            wish["source"]["codecs"] = codecs.split(",")
        status, _, started = await self.ask("POST", f"{api}/v1/recordings", json.dumps(wish), "application/json")
        self.report["posted"] = status
        recording = json.loads(started)
        source = recording["sources"][0]
        await self.connection.setRemoteDescription(RTCSessionDescription(source["offer"], "offer"))
        for transceiver in self.connection.getTransceivers():
            transceiver.sender.replaceTrack(self.tracks[transceiver.kind])
            transceiver.direction = "sendonly"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        place = f"{api}/v1/recordings/{recording['id']}"
        await self.ask("PUT", f"{place}/sources/{source['id']}/answer", self.connection.localDescription.sdp)
        await self.send(float(seconds))
        self.report["deleted"] = (await self.ask("POST", f"{place}/stop?wait=true", "{}", "application/json"))[0]


async def main(way, *arguments):
    peer = Peer()
    try:
        await getattr(peer, way)(*arguments)
    except Exception as error:
        peer.report["error"] = f"{type(error).__name__}: {error}"
    await peer.connection.close()
    print(json.dumps(peer.report), flush=True)


asyncio.run(main(*sys.argv[1:]))

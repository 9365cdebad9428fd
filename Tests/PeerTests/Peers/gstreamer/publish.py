#!/usr/bin/python3
"""Publishes test pictures and a tone by WHIP with GStreamer's webrtcbin, and tells what it sent.

    DECK_TOKEN=... publish.py URL SECONDS

The report is the last line of standard output: one JSON object. Counts begin with the connection.
"""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

import gi

for name, version in (("Gst", "1.0"), ("GstWebRTC", "1.0"), ("GstSdp", "1.0")):
    gi.require_version(name, version)
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=peer bundle-policy=max-bundle
videotestsrc name=pictures is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1
  ! vp8enc name=video deadline=1 cpu-used=8 target-bitrate=300000 keyframe-max-dist=60 error-resilient=default
  ! rtpvp8pay pt=96 picture-id-mode=15-bit ! application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000 ! peer.
audiotestsrc name=tone is-live=true wave=sine freq=440 volume=0.5 ! audio/x-raw,rate=48000,channels=2
  ! opusenc name=audio ! rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000 ! peer.
"""


class Publisher:
    def __init__(self, url, token, seconds):
        self.url, self.token, self.seconds = url, token, seconds
        self.report = {"error": None, "posted": None, "deleted": None, "states": [], "framesSent": 0, "soundsSent": 0}
        self.location = None
        self.has_posted = self.is_counting = self.is_muted = False
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.peer = self.pipeline.get_by_name("peer")
        # The agent is kept, for its binding takes webrtcbin's own reference over and would free it.
        self.agent = self.peer.get_property("ice-agent")
        self.agent.get_property("agent").set_property("upnp", False)
        # A deck on loopback is reached from loopback, of which libnice offers no address by itself.
        if urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost"):
            self.agent.emit("add-local-ip-address", "127.0.0.1")
        self.peer.connect("on-negotiation-needed", self.negotiate)
        self.peer.connect("notify::ice-gathering-state", self.gathered)
        self.peer.connect("notify::connection-state", self.state_changed)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, message: self.fail(str(message.parse_error()[0])))
        for encoder, field in (("video", "framesSent"), ("audio", "soundsSent")):
            pad = self.pipeline.get_by_name(encoder).get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.BUFFER, self.count, field)
        for source in ("pictures", "tone"):
            pad = self.pipeline.get_by_name(source).get_static_pad("src")
            pad.add_probe(Gst.PadProbeType.BUFFER, lambda *_: Gst.PadProbeReturn.DROP if self.is_muted else Gst.PadProbeReturn.OK)

    def count(self, _pad, _info, field):
        if self.is_counting:
            self.report[field] += 1
        return Gst.PadProbeReturn.OK

    def fail(self, reason):
        self.report["error"] = self.report["error"] or reason
        self.loop.quit()

    def request(self, method, url, body=None):
        request = urllib.request.Request(url, body, {"Authorization": f"Bearer {self.token}"}, method=method)
        if body:
            request.add_header("Content-Type", "application/sdp")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def negotiate(self, *_):
        for index in range(2):
            transceiver = self.peer.emit("get-transceiver", index)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
            transceiver.set_property("do-nack", True)
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise, *_):
        # The description belongs to the promise's reply and goes with it: each has its name here, and the text makes another.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.describe("local", GstWebRTC.WebRTCSDPType.OFFER, offer.sdp.as_text())

    def describe(self, side, kind, text):
        _, message = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self.peer.emit(f"set-{side}-description", description, Gst.Promise.new())

    def gathered(self, *_):
        if self.peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE and not self.has_posted:
            self.has_posted = True
            GLib.idle_add(self.post)

    def post(self):
        offer = self.peer.get_property("local-description").sdp.as_text()
        status, headers, body = self.request("POST", self.url, offer.encode())
        self.report["posted"] = status
        if status != 201:
            self.fail(body)
            return
        self.location = urllib.parse.urljoin(self.url, headers["Location"])
        self.describe("remote", GstWebRTC.WebRTCSDPType.ANSWER, body)

    def state_changed(self, *_):
        state = self.peer.get_property("connection-state").value_nick
        self.report["states"].append(state)
        if state == "connected":
            self.is_counting = True
            GLib.timeout_add(int(self.seconds * 1000), self.mute)

    def mute(self):
        """Makes no more, and gives what is on its way the time to leave."""
        self.is_muted = True
        GLib.timeout_add(500, self.end)

    def end(self):
        self.is_counting = False
        self.report["deleted"] = self.request("DELETE", self.location)[0]
        self.loop.quit()

    def run(self):
        GLib.timeout_add_seconds(30 + int(self.seconds), self.fail, "it took too long")
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.report), flush=True)


Gst.init(None)
Publisher(sys.argv[1], os.environ["DECK_TOKEN"], float(sys.argv[2])).run()

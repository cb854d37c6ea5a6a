"""GStreamer's webrtcbin as a WHIP publisher and as a WHEP viewer: webrtcbin_peer.py publish|watch URL VIDEO AUDIO, e.g. VP9 opus. Ends on SIGINT."""
import signal
import sys
import threading
import time

import gi
import numpy

gi.require_version('Gst', '1.0')
gi.require_version('GstApp', '1.0')
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import GLib, Gst, GstApp, GstSdp, GstWebRTC  # noqa: E402
from content import FPS, HEIGHT, RATE, WIDTH, Endpoint, Observer, picture, say, sound  # noqa: E402

SOUND_S = 0.02
VIDEO_SOURCE = f'appsrc name=video is-live=true format=time caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1 ! queue'
AUDIO_SOURCE = f'appsrc name=audio is-live=true format=time caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate={RATE} ! queue ! audioconvert ! audioresample'
ENCODERS = {
    'H264': 'x264enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=60 ! video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency',
    'H265': 'x265enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=60 option-string=open-gop=0:pools=none:frame-threads=1 ! rtph265pay config-interval=-1 aggregate-mode=zero-latency',
    'VP8': 'vp8enc deadline=1 cpu-used=8 target-bitrate=400000 keyframe-max-dist=60 ! rtpvp8pay picture-id-mode=15-bit',
    'VP9': 'vp9enc deadline=1 cpu-used=8 target-bitrate=400000 keyframe-max-dist=60 ! rtpvp9pay picture-id-mode=15-bit',
    'opus': 'opusenc ! rtpopuspay', 'PCMU': 'mulawenc ! rtppcmupay', 'PCMA': 'alawenc ! rtppcmapay', 'G722': 'avenc_g722 ! rtpg722pay'
}
PAYLOAD_TYPES = {'H264': 96, 'H265': 96, 'VP8': 96, 'VP9': 96, 'opus': 111, 'PCMU': 0, 'PCMA': 8, 'G722': 9}
CLOCK_RATES = {'opus': 48_000, 'PCMU': 8000, 'PCMA': 8000, 'G722': 8000}
SINKS = {
    'video': 'queue ! videoconvert ! videoscale ! video/x-raw,format=GRAY8,width=16,height=9 ! appsink name=sink emit-signals=true sync=false',
    'audio': f'queue ! audioconvert ! audioresample ! audio/x-raw,format=F32LE,layout=interleaved,channels=1,rate={RATE} ! appsink name=sink emit-signals=true sync=false'
}


def sent_as(codec):
    return f'application/x-rtp,media={"audio" if codec in CLOCK_RATES else "video"},encoding-name={codec.upper()},payload={PAYLOAD_TYPES[codec]}'


def received_as(codec):
    more = {'H264': ',packetization-mode=(string)1,profile-level-id=(string)42e01f', 'opus': ',encoding-params=(string)2'}.get(codec, '')
    return f'{sent_as(codec)},clock-rate={CLOCK_RATES.get(codec, 90_000)}{more}'


class Peer:
    def __init__(self, role, url, video, audio):
        self.endpoint, self.observer, self.loop = Endpoint(url), Observer(), GLib.MainLoop()
        if role == 'publish':
            chains = [f'{source} ! {ENCODERS[codec]} pt={PAYLOAD_TYPES[codec]} ! {sent_as(codec)} ! webrtc.' for codec, source in ((audio, AUDIO_SOURCE), (video, VIDEO_SOURCE))]
            self.pipeline = Gst.parse_launch(f'webrtcbin name=webrtc bundle-policy=max-bundle {" ".join(chains)}')
            self.webrtc = self.pipeline.get_by_name('webrtc')
        else:
            self.pipeline, self.webrtc = Gst.Pipeline.new(), Gst.ElementFactory.make('webrtcbin')
            Gst.util_set_object_arg(self.webrtc, 'bundle-policy', 'max-bundle')
            self.pipeline.add(self.webrtc)
            for codec in (audio, video):
                transceiver = self.webrtc.emit('add-transceiver', GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(received_as(codec)))
                transceiver.set_property('do-nack', codec == video)
            self.webrtc.connect('pad-added', self.receive)
        self.webrtc.connect('notify::connection-state', self.changed)
        self.webrtc.connect('notify::ice-gathering-state', self.gathered)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message::error', lambda _bus, message: self.fail(str(message.parse_error())))
        bus.connect('message::latency', lambda *_: self.pipeline.recalculate_latency())
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, self.leave)
        self.pipeline.set_state(Gst.State.PLAYING)
        for kind in ('video', 'audio') if role == 'publish' else ():
            threading.Thread(target=self.produce, args=(kind,), daemon=True).start()
        self.offer()

    def running_time(self):
        """Seconds, as buffers are stamped."""
        return (self.pipeline.get_clock().get_time() - self.pipeline.get_base_time()) / Gst.SECOND

    def produce(self, kind):
        source = self.pipeline.get_by_name(kind)
        while self.pipeline.get_clock() is None or self.pipeline.get_base_time() == 0:
            time.sleep(0.01)
        every = 1 / FPS if kind == 'video' else SOUND_S
        begun = time.time()
        origin = begun - self.running_time()
        for count in range(1 << 62):
            at = begun + count * every
            time.sleep(max(0, at - time.time()))
            data = picture(at) if kind == 'video' else sound(at, int(RATE * SOUND_S))
            buffer = Gst.Buffer.new_wrapped(data.tobytes())
            buffer.pts, buffer.duration = int((at - origin) * Gst.SECOND), int(every * Gst.SECOND)
            if source.push_buffer(buffer) != Gst.FlowReturn.OK:
                return

    def offer(self):
        def created(promise):
            reply = promise.get_reply()  # The offer lives as long as this.
            self.webrtc.emit('set-local-description', reply.get_value('offer'), Gst.Promise.new())
        self.webrtc.emit('create-offer', None, Gst.Promise.new_with_change_func(created))

    def gathered(self, *_):
        if self.webrtc.get_property('ice-gathering-state') != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        threading.Thread(target=self.exchange, daemon=True).start()

    def exchange(self):
        try:
            text = self.endpoint.post(self.webrtc.get_property('local-description').sdp.as_text())
        except SystemExit as refused:
            return self.fail(str(refused))
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.webrtc.emit('set-remote-description', answer, Gst.Promise.new())

    def changed(self, *_):
        say(self.webrtc.get_property('connection-state').value_nick)

    def receive(self, _webrtc, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decoder = Gst.ElementFactory.make('decodebin')
        decoder.connect('pad-added', self.decoded)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad('sink'))

    def decoded(self, _decoder, pad):
        kind = 'video' if pad.get_current_caps().to_string().startswith('video/') else 'audio'
        branch = Gst.parse_bin_from_description(SINKS[kind], True)
        branch.get_by_name('sink').connect('new-sample', self.take, kind)
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad('sink'))

    def take(self, sink, kind):
        """When it is to be shown, not when it was decoded: what webrtcbin says of its time, sound and picture by the sender's reports."""
        sample = sink.emit('pull-sample')
        buffer = sample.get_buffer()
        shown = sample.get_segment().to_running_time(Gst.Format.TIME, buffer.pts)
        if shown == Gst.CLOCK_TIME_NONE:
            return Gst.FlowReturn.OK  # Of before the beginning: nobody is shown it.
        at = shown / Gst.SECOND + time.time() - self.running_time()
        data = buffer.extract_dup(0, buffer.get_size())
        if kind == 'video':
            self.observer.look(numpy.frombuffer(data, numpy.uint8)[:12 * 16].mean(), at)
        else:
            self.observer.listen(numpy.frombuffer(data, numpy.float32), RATE, at)
        return Gst.FlowReturn.OK

    def leave(self):
        status = self.endpoint.delete() if self.endpoint.session else None
        self.pipeline.set_state(Gst.State.NULL)
        say('left', status=status, frames=self.observer.frames, sounds=self.observer.sounds)
        self.loop.quit()

    def fail(self, why):
        print(why, file=sys.stderr, flush=True)
        GLib.idle_add(self.loop.quit)
        self.failed = True


Gst.init(None)
peer = Peer(*sys.argv[1:])
peer.loop.run()
sys.exit(1 if getattr(peer, 'failed', False) else 0)

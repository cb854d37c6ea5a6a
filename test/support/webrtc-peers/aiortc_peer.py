"""aiortc as a WHIP publisher and as a WHEP viewer: aiortc_peer.py publish|watch URL VIDEO AUDIO, e.g. VP8 opus. Ends on SIGINT."""
import asyncio
import fractions
import signal
import sys
import time

import av
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from content import FPS, HEIGHT, RATE, WIDTH, Endpoint, Observer, picture, say, sound

SOUND_S = 0.02


class Picture(MediaStreamTrack):
    kind = 'video'

    def __init__(self, codec):
        super().__init__()
        self.begun = time.time()
        self.count = 0
        # aiortc 1.4 does not answer requests for a keyframe in H.264, and makes one in 8 s. It also sends what is encoded already.
        self.encoder = keyframe_each_second() if codec == 'H264' else None

    async def recv(self):
        at = self.begun + self.count / FPS
        await asyncio.sleep(max(0, at - time.time()))
        frame = av.VideoFrame.from_ndarray(picture(at).reshape(HEIGHT * 3 // 2, WIDTH), 'yuv420p')
        frame.pts, frame.time_base = self.count, fractions.Fraction(1, FPS)
        self.count += 1
        return self.encoder.encode(frame)[0] if self.encoder else frame


def keyframe_each_second():
    codec = av.CodecContext.create('libx264', 'w')
    codec.width, codec.height, codec.pix_fmt, codec.bit_rate = WIDTH, HEIGHT, 'yuv420p', 400_000
    codec.framerate, codec.time_base, codec.gop_size = fractions.Fraction(FPS), fractions.Fraction(1, FPS), FPS
    codec.options = {'profile': 'baseline', 'preset': 'ultrafast', 'tune': 'zerolatency'}
    return codec


class Sound(MediaStreamTrack):
    kind = 'audio'

    def __init__(self, begun):
        super().__init__()
        self.begun = begun
        self.count = 0

    async def recv(self):
        samples = int(RATE * SOUND_S)
        at = self.begun + self.count * SOUND_S
        await asyncio.sleep(max(0, at - time.time()))
        frame = av.AudioFrame.from_ndarray(sound(at, samples).reshape(1, -1), 's16', 'mono')
        frame.pts, frame.sample_rate, frame.time_base = self.count * samples, RATE, fractions.Fraction(1, RATE)
        self.count += 1
        return frame


async def watch(track, observer):
    try:
        while True:
            frame = await track.recv()
            at = time.time()
            if track.kind == 'video':
                observer.look(frame.reformat(16, 9, 'gray').to_ndarray().mean(), at)
            else:
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0] / 32768
                observer.listen(samples, frame.sample_rate, at)
    except MediaStreamError:
        pass


def prefer(transceiver, capabilities, codec):
    """Offers that codec alone, and what repairs it."""
    wanted = [one for one in capabilities.codecs if one.name.lower() in (codec.lower(), 'rtx')]
    transceiver.setCodecPreferences(wanted)


async def main(role, url, video, audio):
    peer, observer, endpoint, tasks = RTCPeerConnection(), Observer(), Endpoint(url), []
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    if role == 'publish':
        pictures = Picture(video)
        prefer(peer.addTransceiver(Sound(pictures.begun), 'sendonly'), RTCRtpSender.getCapabilities('audio'), audio)
        prefer(peer.addTransceiver(pictures, 'sendonly'), RTCRtpSender.getCapabilities('video'), video)
    else:
        peer.on('track', lambda track: tasks.append(asyncio.ensure_future(watch(track, observer))))
        for kind, codec in (('audio', audio), ('video', video)):
            prefer(peer.addTransceiver(kind, 'recvonly'), RTCRtpReceiver.getCapabilities(kind), codec)

    @peer.on('connectionstatechange')
    def changed():
        say(peer.connectionState)

    await peer.setLocalDescription(await peer.createOffer())
    answer = await loop.run_in_executor(None, endpoint.post, peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, 'answer'))
    await stop.wait()
    status = await loop.run_in_executor(None, endpoint.delete)
    await peer.close()
    say('left', status=status, frames=observer.frames, sounds=observer.sounds)


asyncio.run(main(*sys.argv[1:]))

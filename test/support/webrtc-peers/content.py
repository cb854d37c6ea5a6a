"""What the peers publish and look for: at each full second of the wall clock a white picture and a tone of 1 kHz, both for 100 ms."""
import json
import math
import sys
import threading
import time
import urllib.parse
import urllib.request

import numpy

WIDTH, HEIGHT, FPS = 320, 180, 30
RATE, TONE_HZ = 48_000, 1000
SIGNAL_S = 0.1
# Between the two of each pair nothing changes: noise makes no second flash.
FLASH_ON, FLASH_OFF = 170, 110
BEEP_ON, QUIET_S = 0.1, 0.05


one_at_a_time = threading.Lock()


def say(event, **more):
    """One JSON line; times are in seconds since 1970. Sound and picture may be decoded in threads of their own."""
    with one_at_a_time:
        print(json.dumps({'event': event, **more}), flush=True)


def picture(at):
    """The picture (I420) of a moment: something moves, so that an encoder has something to do."""
    luma = numpy.full((HEIGHT, WIDTH), 235 if at % 1 < SIGNAL_S else 40, numpy.uint8)
    if at % 1 >= SIGNAL_S:
        left = int(at * 100) % (WIDTH - 40)
        luma[60:100, left:left + 40] = 90
    return numpy.concatenate([luma.reshape(-1), numpy.full(WIDTH * HEIGHT // 2, 128, numpy.uint8)])


def sound(at, samples):
    """So many samples (16 bit, one channel) from a moment on."""
    times = at + numpy.arange(samples) / RATE
    return (numpy.sin(2 * math.pi * TONE_HZ * times) * 16_000 * (times % 1 < SIGNAL_S)).astype(numpy.int16)


class Observer:
    """Says when flashes and beeps begin, and counts what was decoded."""

    def __init__(self):
        self.frames = self.sounds = 0
        self.bright = False
        self.heard = 0.0
        self.loud_at = -math.inf

    def look(self, luma, at):
        """A picture's mean brightness (0..255)."""
        self.frames += 1
        if not self.bright and luma > FLASH_ON:
            say('flash', at=at)
        self.bright = luma > (FLASH_OFF if self.bright else FLASH_ON)

    def listen(self, samples, rate, at):
        """Samples (-1..1) of one channel, the first of which is heard at that time."""
        self.sounds += 1
        for index in numpy.flatnonzero(numpy.abs(samples) > BEEP_ON):
            # By what was heard so far: a busy machine may take its time between two halves of a beep.
            loud_at = self.heard + index / rate
            if loud_at - self.loud_at > QUIET_S:
                say('beep', at=at + index / rate)
            self.loud_at = loud_at
        self.heard += len(samples) / rate


class Endpoint:
    """The HTTP side of WHIP and WHEP: an offer goes out, an answer comes back, and at the end the session is deleted."""

    def __init__(self, url):
        self.url = url
        self.session = None

    def post(self, offer):
        request = urllib.request.Request(self.url, offer.encode(), {'content-type': 'application/sdp'}, method='POST')
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                self.session = urllib.parse.urljoin(self.url, answer.headers['location'])
                say('answered', at=time.time())
                return answer.read().decode()
        except urllib.error.HTTPError as refused:
            sys.exit(f'{refused.code} {refused.read().decode()}')

    def delete(self):
        with urllib.request.urlopen(urllib.request.Request(self.session, method='DELETE'), timeout=20) as answer:
            return answer.status

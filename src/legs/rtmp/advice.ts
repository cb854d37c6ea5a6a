import type { Advice } from '../../room/leg.ts'
import type { AudioIntake } from './audio.ts'
import type { VideoIntake } from './video.ts'

/** A viewer who cannot be served from the backlog waits this long; also what streaming platforms ask for at most. */
const MAX_KEYFRAME_INTERVAL_MS = 4000

/** What the encoder could do better, with the words of its own settings. */
export function advise (video: VideoIntake | undefined, audio: AudioIntake | undefined): Advice[] {
  const advice: Advice[] = []
  if (video) advice.push(...adviseVideo(video))
  if (audio?.foreign !== undefined) {
    advice.push({
      code: 'audio_codec',
      message: `The sound is ${audio.foreign}; only AAC is carried over RTMP, so nobody hears it.`,
      remedy: 'OBS: Settings > Output, set the audio encoder to AAC. ffmpeg: -c:a aac.'
    })
  }
  return advice
}

function * adviseVideo (video: VideoIntake): Generator<Advice> {
  const { bySps, byTime } = video.reordering
  if (byTime || bySps) {
    yield {
      code: 'b_frames',
      message: byTime
        ? 'The video has B-frames. WebRTC viewers get the pictures in the wrong order: the motion stutters. Recordings are right.'
        : 'The video announces B-frames. WebRTC viewers may see it later than they could.',
      remedy: 'OBS: Settings > Output > Advanced, set B-frames (or Max B-frames) to 0; with x264, Tune zerolatency or the option bframes=0. ' +
        'ffmpeg: -bf 0.'
    }
  }
  const interval = video.longestWaitMs
  if (interval > MAX_KEYFRAME_INTERVAL_MS) {
    yield {
      code: 'keyframe_interval',
      message: `Keyframes are ${(interval / 1000).toFixed(1)} s apart: whoever joins, or loses a packet, may have to wait that long for a picture.`,
      remedy: 'OBS: Settings > Output > Advanced, set Keyframe Interval to 2 s. ffmpeg: -g with twice the frame rate, e.g. -g 60.'
    }
  }
  if (video.info?.interlaced) {
    yield {
      code: 'interlaced',
      message: 'The video is interlaced: viewers see combed edges wherever something moves.',
      remedy: 'Deinterlace before encoding. OBS: right-click the source > Deinterlacing. ffmpeg: -vf yadif.'
    }
  }
}

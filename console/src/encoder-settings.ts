/** What a person types into an encoder. Every line here is complete: it runs as it is. */

/** Good on any network today, and what a browser can show without transcoding. */
export const advised = { width: 1280, height: 720, fps: 30, videoKbps: 2500, audioKbps: 128, keyframeSeconds: 2 } as const

const gop = advised.fps * advised.keyframeSeconds

/** `rtmp://host:port/live` and the key, as OBS wants them. */
export type Door = { readonly server: string, readonly key: string }

/** One word for a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

export const publishUrl = ({ server, key }: Door): string => `${server}/${key}`

const testPicture = `-re -f lavfi -i testsrc2=size=${advised.width}x${advised.height}:rate=${advised.fps}`
const testSound = '-f lavfi -i sine=frequency=440:beep_factor=4:sample_rate=48000'

export const ffmpegSources = {
  test: { name: 'a test picture', input: `${testPicture} ${testSound}` },
  file: { name: 'a file', input: '-re -stream_loop -1 -i video.mp4' },
  camera: { name: 'a Linux webcam', input: '-f v4l2 -i /dev/video0 -f pulse -i default' }
} as const
export type FfmpegSource = keyof typeof ffmpegSources

export function ffmpegLine (door: Door, source: FfmpegSource = 'test'): string {
  const rate = `${advised.videoKbps}k`
  return [
    `ffmpeg ${ffmpegSources[source].input}`,
    `-c:v libx264 -preset veryfast -tune zerolatency -bf 0 -g ${gop} -pix_fmt yuv420p`,
    `-b:v ${rate} -maxrate ${rate} -bufsize ${rate}`,
    `-c:a aac -b:a ${advised.audioKbps}k -ar 48000 -ac 2`,
    `-f flv ${quoted(publishUrl(door))}`
  ].join(' ')
}

export function gstreamerLine (door: Door): string {
  const { width, height, fps, videoKbps, audioKbps } = advised
  return [
    `gst-launch-1.0 flvmux name=mux streamable=true ! rtmp2sink location=${quoted(publishUrl(door))}`,
    `videotestsrc is-live=true pattern=ball ! video/x-raw,width=${width},height=${height},framerate=${fps}/1 !`,
    `x264enc tune=zerolatency speed-preset=veryfast bframes=0 key-int-max=${gop} bitrate=${videoKbps} ! h264parse ! queue ! mux.`,
    'audiotestsrc is-live=true wave=ticks ! audioconvert ! audio/x-raw,rate=48000,channels=2 !',
    `avenc_aac bitrate=${audioKbps * 1000} ! aacparse ! queue ! mux.`
  ].join(' ')
}

/** Settings > Output > Streaming, in OBS’s own words, each with its reason. */
export const obsSettings: readonly (readonly [name: string, value: string, why: string])[] = [
  ['Output mode', 'Advanced', 'Simple mode hides the settings that matter here'],
  ['Video encoder', 'x264, or your hardware’s H.264', 'Every browser can show it'],
  ['Rate control', `CBR, ${advised.videoKbps} Kbps`, 'A steady stream: no bursts, no stutter'],
  ['Keyframe interval', `${advised.keyframeSeconds} s`, 'A viewer’s picture starts at a keyframe'],
  ['Tune', 'zerolatency', 'Half a second less delay'],
  ['B-frames', '0; with x264, options: bframes=0', 'Browsers cannot put reordered frames in order'],
  ['Audio', `AAC, ${advised.audioKbps} Kbps, 48 kHz`, 'Goes into recordings as it is']
]

/** `rtmp://host:1935/live/KEY` -> its two halves; a URL without the key is only the server. */
export function doorOf (url: string, streamKey: string): Door {
  const server = url.endsWith(`/${streamKey}`) ? url.slice(0, -streamKey.length - 1) : url.replace(/\/$/, '')
  return { server, key: streamKey }
}

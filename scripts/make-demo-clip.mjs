// Makes src/dev/demo-clip.flv with ffmpeg and Debian's fonts-dejavu: run by a developer when the clip should look different.
// 64 s: the shortest time above a minute that is a whole number of pictures (30/s) and of AAC frames (1024 samples at 48 kHz),
// so that the clip can be repeated without a seam.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseFlv, printFlv } from '../src/dev/flv-file.ts'
import { parseAudioTag, parseVideoTag } from '../src/media/flv.ts'

const SECONDS = 64
const FPS = 30
const [WIDTH, HEIGHT] = [768, 432]
const BACKGROUND = '0x10141f'
const ACCENT = '0x5eead4'
const FONTS = '/usr/share/fonts/truetype/dejavu'
const TARGET = path.join(import.meta.dirname, '../src/dev/demo-clip.flv')

/** Three pictures at the start of each second. */
const flash = `lt(mod(n\\,${FPS})\\,3)`
const clock = `%{eif\\:trunc(n/${FPS * 60})\\:d\\:2}\\:%{eif\\:mod(trunc(n/${FPS})\\,60)\\:d\\:2}.%{eif\\:trunc(mod(n\\,${FPS})/3)\\:d}`
/** Text that is light, and dark on the flash. */
const text = (content, font, size, y, colour) => [`not(${flash})`, flash].map((when, dark) =>
  `drawtext=fontfile=${FONTS}/${font}.ttf:text='${content}':fontsize=${size}:fontcolor=${dark ? BACKGROUND : colour}:x=(w-text_w)/2:y=${y}:enable='${when}'`)
const picture = [
  `color=${BACKGROUND}:s=${WIDTH}x${HEIGHT}:r=${FPS}:d=${SECONDS}[ground]`,
  `color=${ACCENT}:s=${WIDTH}x6:r=${FPS}:d=${SECONDS}[bar]`,
  [`[ground]drawbox=color=white:t=fill:enable='${flash}'`,
    ...text('AuraLink demo', 'DejaVuSans-Bold', 32, 60, 'white'),
    ...text(clock, 'DejaVuSansMono-Bold', 124, '(h-text_h)/2', ACCENT),
    ...text('a beep and a flash every second', 'DejaVuSans', 18, 'h-86', '0x94a3b8')].join(',') + '[card]',
  `[card][bar]overlay=x='-W+W*mod(n\\,${FPS})/${FPS - 1}':y=H-36,format=yuv420p[picture]`
].join(';')
/** 100 ms with 4 ms to swell and to die away: no click. */
const beep = "0.2*sin(2*PI*1000*t)*min(1\\,min(mod(t\\,1)/0.004\\,max(0\\,(0.1-mod(t\\,1))/0.004)))"

const folder = mkdtempSync(path.join(tmpdir(), 'auralink-demo-'))
try {
  const file = path.join(folder, 'clip.flv')
  execFileSync('ffmpeg', [
    '-loglevel', 'error', '-filter_complex', `${picture};aevalsrc='${beep}|${beep}':s=48000:d=${SECONDS}[sound]`, '-map', '[picture]', '-map', '[sound]',
    '-c:v', 'libx264', '-profile:v', 'baseline', '-preset', 'veryslow', '-tune', 'animation', '-crf', '31', '-g', String(2 * FPS), '-sc_threshold', '0',
    '-c:a', 'aac', '-b:a', '32k', '-ac', '2', '-bitexact', '-f', 'flv', file
  ], { stdio: ['ignore', 'inherit', 'inherit'] })
  const clip = printFlv(seamless(parseFlv(readFileSync(file))))
  writeFileSync(TARGET, clip)
  console.log(`${TARGET}: ${clip.length} bytes`)
} finally {
  rmSync(folder, { recursive: true })
}

/** Exact times from zero on, and without the silence that FFmpeg's AAC encoder puts before the first sound. */
function seamless (tags) {
  const kindOf = ({ type, body }) => type === 'script' ? 'other' : type === 'video' ? parseVideoTag(body).kind : parseAudioTag(body).kind
  const timed = (type, frames, ms) => frames.map(({ body }, index) => ({ type, timestamp: Math.round(index * ms), body }))
  const of = (type, kind) => tags.filter(tag => tag.type === type && kindOf(tag) === kind)
  const pictures = of('video', 'frame')
  const sounds = of('audio', 'frame').slice(1, 1 + SECONDS * 48_000 / 1024)
  if (pictures.length !== SECONDS * FPS || sounds.length !== SECONDS * 48_000 / 1024) throw new Error(`${pictures.length} pictures, ${sounds.length} frames of sound`)
  const configs = [...of('video', 'config'), ...of('audio', 'config')].map(tag => ({ ...tag, timestamp: 0 }))
  return [...configs, ...[...timed('video', pictures, 1000 / FPS), ...timed('audio', sounds, 1024 / 48)].sort((a, b) => a.timestamp - b.timestamp)]
}

import assert from 'node:assert/strict'
import { ffmpeg, ffprobe, type Program } from './ffmpeg.ts'

export type ProbedPacket = { readonly pts: number, readonly dts: number, readonly duration: number, readonly flags: string }
export type ProbedStream = { readonly codec_name: string, readonly nb_read_frames: string, readonly start_time: string, readonly duration: string, readonly has_b_frames: number, readonly width?: number }
export type ProbedMovie = { readonly streams: readonly ProbedStream[], readonly seconds: number, readonly video: readonly ProbedPacket[], readonly audio: readonly ProbedPacket[] }

/** Decodes all of a file with ffmpeg and reads all of its boxes with ffprobe; a single complaint of either fails the test. */
export async function probeMovie (file: string): Promise<ProbedMovie> {
  await silent(ffmpeg('-xerror', '-i', file, '-f', 'null', '-'), file)
  const probe = async <T>(...args: string[]): Promise<T> => JSON.parse(await silent(ffprobe(...args, '-of', 'json', file), file)) as T
  const [{ streams, format }, video, audio] = await Promise.all([
    probe<{ streams: ProbedStream[], format: { duration: string } }>('-count_frames', '-show_streams', '-show_format'),
    probe<{ packets: ProbedPacket[] }>('-select_streams', 'v', '-show_packets'),
    probe<{ packets: ProbedPacket[] }>('-select_streams', 'a', '-show_packets')
  ])
  return { streams, seconds: Number(format.duration), video: video.packets, audio: audio.packets }
}

async function silent (program: Program, file: string): Promise<string> {
  const output = await program.succeeded()
  assert.equal(program.stderr, '', file)
  return output
}

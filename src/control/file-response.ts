import type { FastifyReply, FastifyRequest } from 'fastify'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import path from 'node:path'
import { AppError } from '../lib/errors.ts'
import type { RecordingFile } from './parts.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.mp4': 'video/mp4', '.m4a': 'audio/mp4', '.webm': 'video/webm', '.mkv': 'video/matroska', '.ts': 'video/mp2t', '.json': 'application/json'
}

export type Range = { readonly start: number, readonly end: number }

/**
 * One range of bytes (RFC 9110 section 14). Several at once, other units and nonsense mean the whole file, as the RFC allows.
 * @returns 'unsatisfiable' when none of it is in the file.
 */
export function parseRange (header: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return undefined
  if (from === '') return Number(to) === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(to)), end: size - 1 }
  const start = Number(from)
  const end = to === '' ? size - 1 : Number(to)
  if (to !== '' && end < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(end, size - 1) }
}

/** Answers GET and HEAD for a file: whole, a range of it, or "you have it already". */
export async function sendFile (request: FastifyRequest, reply: FastifyReply, file: RecordingFile, download: boolean): Promise<FastifyReply> {
  const etag = `"${file.etag.replaceAll(/[^\x21\x23-\x7e]/g, '')}"`
  const name = path.basename(file.path)
  reply.header('etag', etag).header('accept-ranges', 'bytes').header('cache-control', 'private, no-cache')
    .header('content-disposition', `${download ? 'attachment' : 'inline'}; filename="${name.replaceAll(/[^A-Za-z0-9._-]/g, '_')}"`)
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send()

  const ifRange = request.headers['if-range']
  const range = ifRange !== undefined && ifRange !== etag ? undefined : parseRange(request.headers.range, file.size)
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${file.size}`)
    throw new AppError('range_not_satisfiable', `The file has ${file.size} bytes.`)
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 }
  if (range) reply.code(206).header('content-range', `bytes ${start}-${end}/${file.size}`)
  reply.type(contentTypes[path.extname(name)] ?? 'application/octet-stream').header('content-length', end - start + 1)
  if (request.method === 'HEAD' || file.size === 0) return reply.send()
  const handle = await openFile(file.path)
  return reply.send(handle.createReadStream({ start, end }))
}

/** A weak comparison (RFC 9110 section 13.1.2). */
const matches = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some(tag => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag) ?? false

/** Follows no link: what is in the recordings' folder is a file, or it is not ours to give. */
async function openFile (file: string): Promise<FileHandle> {
  try {
    return await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    throw new AppError('not_found', 'The file is not there any more.', { cause: error })
  }
}

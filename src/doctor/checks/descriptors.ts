import { readFile } from 'node:fs/promises'
import { type Check, ok, skipped, warning } from '../check.ts'

/** A session has at most two sockets of its own (media over TCP). */
const PER_SESSION = 2
/** Listeners, database, files, HTTP. */
const BESIDE_SESSIONS = 1024

export const descriptors: Check = {
  name: 'file descriptors',
  async look ({ config: { limits: { sessions } } }) {
    const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
    const limit = /^Max open files\s+(\S+)/m.exec(limits)?.[1]
    return limit === undefined ? skipped('This system does not say how many files a process may open.') : judgeDescriptors(limit === 'unlimited' ? Infinity : Number(limit), sessions)
  }
}

export function judgeDescriptors (limit: number, sessions: number) {
  const needed = PER_SESSION * sessions + BESIDE_SESSIONS
  return limit >= needed
    ? ok(`${limit} files may be open; ${sessions} sessions need at most ${needed}.`)
    : warning(`Only ${limit} files may be open; ${sessions} sessions may need ${needed}.`, 'Raise it (ulimit -n, LimitNOFILE= of systemd, default-ulimits of Docker), or lower auralink.limits.sessions.')
}

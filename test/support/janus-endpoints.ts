import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Janus, JanusHandle } from './janus.ts'

/** WHIP and WHEP for rooms of a Janus gateway, which speaks neither. */
export interface JanusEndpoints extends AsyncDisposable {
  readonly url: string
  /** Sessions that nobody ended yet. */
  readonly sessions: number
}

/**
 * `POST /whip/{room}` publishes into a videoroom; `POST /whep/{room}` subscribes to whoever publishes there. What `DELETE` ends is
 * in `Location`.
 */
export async function openJanusEndpoints (janus: Janus): Promise<JanusEndpoints> {
  const sessions = new Map<string, JanusHandle>()
  let count = 0

  async function serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, path = '', room = ''] = request.url!.split('/')
    if (request.method === 'DELETE') {
      const handle = sessions.get(request.url!)
      sessions.delete(request.url!)
      await handle?.[Symbol.asyncDispose]()
      response.writeHead(handle ? 200 : 404).end()
      return
    }
    const handle = await janus.attach()
    const location = `/sessions/${++count}`
    sessions.set(location, handle)
    const answer = await (path === 'whip' ? publish : subscribe)(handle, Number(room), await bodyOf(request))
    response.writeHead(201, { 'content-type': 'application/sdp', location }).end(answer)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(error => { response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get sessions () { return sessions.size },
    async [Symbol.asyncDispose] () {
      await Promise.all([...sessions.values()].map(handle => handle[Symbol.asyncDispose]()))
      server.closeAllConnections()
      server.close()
    }
  }
}

async function bodyOf (request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  return body
}

async function publish (handle: JanusHandle, room: number, offer: string): Promise<string> {
  const { jsep } = await handle.request({ request: 'joinandconfigure', room, ptype: 'publisher' }, { type: 'offer', sdp: offer })
  return jsep!.sdp
}

/** Janus offers to its subscribers, a WHEP client offers too: each gets an answer made of the other's offer. */
async function subscribe (handle: JanusHandle, room: number, offer: string): Promise<string> {
  const { data: { participants } } = await handle.request({ request: 'listparticipants', room })
  const publisher = (participants as { id: number, publisher: boolean }[]).find(({ publisher }) => publisher)
  const { jsep } = await handle.request({ request: 'join', ptype: 'subscriber', room, streams: [{ feed: publisher!.id }] })
  const theirs = jsep!.sdp
  await handle.request({ request: 'start' }, { type: 'answer', sdp: answerOf({ media: theirs, mids: theirs, transport: offer, setup: 'active', direction: 'recvonly' }) })
  return answerOf({ media: theirs, mids: offer, transport: theirs, setup: 'passive', direction: 'sendonly' })
}

type Parts = {
  /** Whose codecs: those of the side that sends. */
  readonly media: string
  /** Whose names of sections: those of the side that is answered. */
  readonly mids: string
  /** Whose ICE and DTLS: those of the side that answers. */
  readonly transport: string
  readonly setup: 'active' | 'passive'
  readonly direction: 'sendonly' | 'recvonly'
}

/** An answer of what two offers hold: both list the same kinds in the same order. Nothing goes into header extensions. */
function answerOf ({ media, mids, transport, setup, direction }: Parts): string {
  const sectionsOf = (sdp: string): string[][] => sdp.split(/\r\n(?=m=)/).slice(1).map(section => section.split('\r\n').filter(Boolean))
  const names = sectionsOf(mids).map(lines => lines.find(line => line.startsWith('a=mid:'))!)
  const credentials = [...new Set(transport.split('\r\n').filter(line => /^a=(ice-ufrag|ice-pwd|fingerprint|candidate):/.test(line)))]
  const sections = sectionsOf(media).flatMap((lines, index) => [
    lines[0]!, 'c=IN IP4 127.0.0.1', names[index]!, `a=${direction}`, 'a=rtcp-mux', `a=setup:${setup}`, ...credentials, ...lines.filter(line => /^a=(rtpmap|fmtp|rtcp-fb):/.test(line))
  ])
  return ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', `a=group:BUNDLE ${names.map(name => name.slice('a=mid:'.length)).join(' ')}`, ...sections, ''].join('\r\n')
}

/** A mountpoint of Janus' streaming plugin, where it takes RTP, and Janus' HTTP interface. Viewers are reached from `address`. */
export type JanusEndpoint = { readonly kind: 'janus', readonly url: string, readonly address: string, readonly mountpoint: number, readonly rtpPort: number }

type Message = { readonly janus: string, readonly data?: { readonly id: number }, readonly jsep?: { readonly type: string, readonly sdp: string }, readonly plugindata?: { readonly data: { readonly error?: string } }, readonly error?: { readonly reason: string } }

const POLLS = 10

/** Watches a mountpoint of the streaming plugin, which offers. @param answer takes the offer, and answers it */
export async function watchJanus ({ url, mountpoint }: JanusEndpoint, answer: (offer: string) => Promise<string>): Promise<void> {
  const session = `${url}/${await create(url, { janus: 'create' })}`
  const handle = `${session}/${await create(session, { janus: 'attach', plugin: 'janus.plugin.streaming' })}`
  await ask(handle, { janus: 'message', body: { request: 'watch', id: mountpoint } })
  const jsep = { type: 'answer', sdp: await answer(await offerIn(session)) }
  await ask(handle, { janus: 'message', body: { request: 'start' }, jsep })
}

async function offerIn (session: string): Promise<string> {
  for (let polls = 0; polls < POLLS; polls++) {
    const event = await (await fetch(session)).json() as Message
    const problem = event.plugindata?.data.error ?? event.error?.reason
    if (problem !== undefined) throw new Error(`Janus: ${problem}`)
    if (event.jsep) return event.jsep.sdp
  }
  throw new Error('Janus made no offer')
}

async function create (where: string, message: object): Promise<number> {
  const { data } = await ask(where, message)
  if (!data) throw new Error(`Janus: nothing at ${where}`)
  return data.id
}

let transactions = 0
async function ask (where: string, message: object): Promise<Message> {
  const answer = await fetch(where, { method: 'POST', body: JSON.stringify({ ...message, transaction: String(++transactions) }) })
  const said = await answer.json() as Message
  if (said.error) throw new Error(`Janus: ${said.error.reason}`)
  return said
}

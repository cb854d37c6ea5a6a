/** What the page has seen and heard so far; times in ms since 1970, but for `firstFrameMs`, which counts from the answer. */
export type Seen = {
  readonly answeredAt: number
  readonly firstFrameMs: number | null
  readonly frames: number
  readonly flashes: readonly number[]
  readonly beeps: readonly number[]
  readonly state: string
  readonly inbound: Readonly<Record<string, Record<string, number | string>>>
}

/**
 * A page that watches by WHEP and measures what a person would notice: `watch(url)` starts, `seen()` reports. The picture is
 * looked at as each frame is presented, the sound 48,000 times a second.
 */
export const viewerPage = `<!doctype html><meta charset=utf-8><title>viewer</title><video id=v autoplay playsinline></video><script>
const state = { answeredAt: 0, firstFrameMs: null, frames: 0, flashes: [], beeps: [] }
let connection, resource
async function watch (url, kinds = ['audio', 'video'], audioCodec, describes = false) {
  connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const stream = new MediaStream()
  for (const kind of kinds) {
    const transceiver = connection.addTransceiver(kind, { direction: 'recvonly' })
    if (audioCodec && kind === 'audio') transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('audio').codecs.filter(c => c.mimeType === 'audio/' + audioCodec))
    if (describes) offerDescriptors(transceiver)
    stream.addTrack(transceiver.receiver.track)
  }
  const video = document.getElementById('v')
  video.srcObject = stream
  const ear = kinds.includes('audio') ? await openEar() : undefined
  await connection.setLocalDescription()
  await new Promise(done => { const look = () => connection.iceGatheringState === 'complete' ? done() : setTimeout(look, 5); look() })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: connection.localDescription.sdp })
  if (answer.status !== 201) throw new Error(answer.status + ' ' + await answer.text())
  resource = answer.headers.get('location')
  const sdp = await answer.text()
  state.answeredAt = Date.now()
  const answeredAt = performance.now()
  await connection.setRemoteDescription({ type: 'answer', sdp })
  look(video, answeredAt)
  ear?.context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(ear)
}
function look (video, answeredAt) {
  const canvas = new OffscreenCanvas(16, 9)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  let bright = false
  const onFrame = (_now, { presentationTime }) => {
    state.firstFrameMs ??= performance.now() - answeredAt
    state.frames++
    context.drawImage(video, 0, 0, 16, 9)
    const { data } = context.getImageData(0, 0, 16, 9)
    let sum = 0
    for (let i = 0; i < data.length; i += 4) sum += data[i] + data[i + 1] + data[i + 2]
    const luma = sum / (data.length / 4 * 3)
    if (!bright && luma > 170) state.flashes.push(Math.round(performance.timeOrigin + presentationTime))
    bright = luma > (bright ? 110 : 170)
    video.requestVideoFrameCallback(onFrame)
  }
  video.requestVideoFrameCallback(onFrame)
}
// Opened before there is anything to hear: starting the sound device stops the page, and the picture on it, for half a second.
async function openEar () {
  const context = new AudioContext({ sampleRate: 48000 })
  const source = 'registerProcessor("ear", class extends AudioWorkletProcessor { constructor () { super(); this.loud = false; this.quiet = 0 } process ([[samples]]) { if (!samples) return true; let peak = 0; for (const s of samples) peak = Math.max(peak, Math.abs(s)); if (peak > 0.1) { if (!this.loud) { this.loud = true; this.port.postMessage(currentTime) } this.quiet = 0 } else if (this.loud && ++this.quiet > 20) this.loud = false; return true } })'
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))
  const ear = new AudioWorkletNode(context, 'ear')
  // When it was heard, not when this busy thread came to hear of it.
  ear.port.onmessage = ({ data }) => state.beeps.push(Math.round(Date.now() - (context.currentTime - data) * 1000))
  ear.connect(context.destination)
  await context.resume()
  return ear
}
// Browsers can read dependency descriptors (AV1), and do not offer to by themselves.
function offerDescriptors (transceiver) {
  transceiver.setHeaderExtensionsToNegotiate(transceiver.getHeaderExtensionsToNegotiate().map(extension => extension.uri.includes('dependency-descriptor') ? { ...extension, direction: 'sendrecv' } : extension))
}
async function seen () {
  const inbound = {}
  for (const report of (await connection.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue
    const { packetsReceived, packetsLost, framesDecoded, framesDropped, keyFramesDecoded, freezeCount, nackCount, pliCount, jitter, frameWidth, jitterBufferDelay, jitterBufferEmittedCount, estimatedPlayoutTimestamp, concealedSamples, silentConcealedSamples, totalFreezesDuration } = report
    inbound[report.kind] = { packetsReceived, packetsLost, framesDecoded, framesDropped, keyFramesDecoded, freezeCount, nackCount, pliCount, jitter, frameWidth, estimatedPlayoutTimestamp, concealedMs: concealedSamples / 48, silentMs: silentConcealedSamples / 48, freezesMs: totalFreezesDuration * 1000, jitterBufferMs: jitterBufferDelay / Math.max(1, jitterBufferEmittedCount) * 1000 }
  }
  return { ...state, state: connection.connectionState, inbound }
}
/** Publishes a canvas that flashes and a tone that beeps, both at each full second of the wall clock, by WHIP. With layers, in several qualities, and with noise that costs bits. */
async function publish (url, codec, layers, audioCodec, width = 640) {
  const canvas = document.createElement('canvas')
  canvas.width = width; canvas.height = width * 9 / 16
  const context = canvas.getContext('2d')
  context.scale(width / 640, width / 640)
  const noise = layers && grain(1280, 720)
  setInterval(() => {
    const flash = Date.now() % 1000 < 100
    context.fillStyle = flash ? '#fff' : '#102030'
    context.fillRect(0, 0, 640, 360)
    if (!flash) { context.fillStyle = '#305070'; context.fillRect(Date.now() / 5 % 600, 100, 40, 40) }
    if (!flash && noise) context.drawImage(noise, -Math.random() * 640, -Math.random() * 360)
  }, 1000 / 30)
  const sound = new AudioContext({ sampleRate: 48000 })
  const tone = new OscillatorNode(sound, { frequency: 1000 })
  const gain = new GainNode(sound, { gain: 0 })
  const out = sound.createMediaStreamDestination()
  tone.connect(gain).connect(out)
  tone.start()
  await sound.resume()
  setInterval(() => { gain.gain.value = Date.now() % 1000 < 100 ? 0.5 : 0 }, 5)
  connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
  const stream = new MediaStream([...canvas.captureStream(30).getVideoTracks(), ...out.stream.getAudioTracks()])
  const audio = connection.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] })
  if (audioCodec) audio.setCodecPreferences(RTCRtpSender.getCapabilities('audio').codecs.filter(c => c.mimeType === 'audio/' + audioCodec))
  const video = connection.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream], ...layers ? { sendEncodings: layers } : {} })
  if (codec) video.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(c => c.mimeType === 'video/' + codec || c.mimeType === 'video/rtx'))
  await connection.setLocalDescription()
  await new Promise(done => { const look = () => connection.iceGatheringState === 'complete' ? done() : setTimeout(look, 5); look() })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: connection.localDescription.sdp })
  if (answer.status !== 201) throw new Error(answer.status + ' ' + await answer.text())
  resource = answer.headers.get('location')
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() })
  await new Promise(done => { const look = () => connection.connectionState === 'connected' ? done() : setTimeout(look, 5); look() })
}
function grain (width, height) {
  const canvas = new OffscreenCanvas(width, height)
  const image = new ImageData(width, height)
  for (let i = 0; i < image.data.length; i += 4) { image.data.fill(Math.random() * 90, i, i + 3); image.data[i + 3] = 255 }
  canvas.getContext('2d').putImageData(image, 0, 0)
  return canvas
}
async function sent () {
  const result = { available: null, targetBitrate: null, framesEncoded: 0, nacks: 0, plis: 0, roundTrip: null }
  for (const report of (await connection.getStats()).values()) {
    if (report.type === 'candidate-pair' && report.nominated) result.available = report.availableOutgoingBitrate ?? null
    if (report.type === 'outbound-rtp' && report.kind === 'video') Object.assign(result, { scalabilityMode: report.scalabilityMode ?? null, targetBitrate: report.targetBitrate, framesEncoded: report.framesEncoded, nacks: report.nackCount, plis: report.pliCount, limitation: report.qualityLimitationReason })
    if (report.type === 'remote-inbound-rtp' && report.kind === 'video') result.roundTrip = report.roundTripTime ?? null
  }
  return result
}
/** Restarts ICE by PATCH (RFC 9725 section 4.3.3). Returns status, entity tag and the port used from then on. */
async function restart () {
  connection.restartIce()
  await connection.setLocalDescription()
  await new Promise(done => { const look = () => connection.iceGatheringState === 'complete' ? done() : setTimeout(look, 5); look() })
  const offered = connection.localDescription.sdp.split('\\r\\n')
  const first = name => offered.find(line => line.startsWith(name))
  const fragment = [first('a=group'), first('m='), first('a=mid'), first('a=ice-ufrag'), first('a=ice-pwd'), ...offered.filter(line => line.startsWith('a=candidate')), 'a=end-of-candidates', '']
  const answer = await fetch(resource, { method: 'PATCH', headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' }, body: fragment.join('\\r\\n') })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(answer.status + ' ' + text)
  const line = name => text.split('\\r\\n').find(line => line.startsWith(name))
  const candidates = text.split('\\r\\n').filter(line => line.startsWith('a=candidate'))
  const before = connection.currentRemoteDescription.sdp.replace(/a=(candidate:.*|end-of-candidates)\\r\\n/g, '')
  const sdp = before.replace(/a=ice-ufrag:.*/g, line('a=ice-ufrag')).replace(/a=ice-pwd:.*/g, line('a=ice-pwd')).replace(/a=fingerprint/, candidates.join('\\r\\n') + '\\r\\na=fingerprint')
  await connection.setRemoteDescription({ type: 'answer', sdp })
  return answer.headers.get('etag')
}
/** Port of ours that packets go to and come from, and how many came. */
async function path () {
  const reports = await connection.getStats()
  const transport = [...reports.values()].find(report => report.type === 'transport')
  const pair = reports.get(transport.selectedCandidatePairId)
  return { port: reports.get(pair.remoteCandidateId).port, state: connection.connectionState, changes: transport.selectedCandidatePairChanges, received: pair.packetsReceived }
}
async function setLayer (index, active) {
  const sender = connection.getSenders().find(({ track }) => track.kind === 'video')
  const parameters = sender.getParameters()
  parameters.encodings[index].active = active
  await sender.setParameters(parameters)
}
/** Chooses a layer by the WHEP extension. */
async function choose (layer) { return (await fetch(resource + '/layer', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(layer) })).status }
async function leave () { connection.close(); return (await fetch(resource, { method: 'DELETE' })).status }
</script>`

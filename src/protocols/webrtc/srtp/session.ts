import { CmCipher } from './cm-cipher.ts'
import { GcmCipher } from './gcm-cipher.ts'
import type { PacketCipher } from './packet-cipher.ts'
import { splitKeyMaterial, type MasterKey, type SrtpProfile } from './profiles.ts'
import { SrtpReceiver } from './receiver.ts'
import { SrtpSender } from './sender.ts'
import { deriveSessionKeys } from './session-keys.ts'

/** For one direction: each has its own master key. */
export function packetCipher (profile: SrtpProfile, master: MasterKey): PacketCipher {
  const { rtp, rtcp } = deriveSessionKeys(profile, master)
  return profile.aead ? new GcmCipher(rtp, rtcp) : new CmCipher(rtp, rtcp)
}

/**
 * Both directions of what DTLS has agreed on. The material may be wiped afterwards; both are to be disposed.
 * @param role ours in the DTLS handshake
 * @throws RangeError if the material is not of the profile's length
 */
export function openSrtp (profile: SrtpProfile, material: Buffer, role: 'client' | 'server'): { sender: SrtpSender, receiver: SrtpReceiver } {
  const { send, receive } = splitKeyMaterial(profile, material, role)
  using opened = new DisposableStack()
  const sender = opened.use(new SrtpSender(packetCipher(profile, send)))
  const receiver = new SrtpReceiver(packetCipher(profile, receive))
  opened.move()
  return { sender, receiver }
}

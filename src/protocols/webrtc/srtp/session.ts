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
  try {
    return profile.aead ? new GcmCipher(rtp, rtcp) : new CmCipher(rtp, rtcp)
  } finally {
    for (const { key, auth, salt } of [rtp, rtcp]) { key.fill(0); auth.fill(0); salt.fill(0) } // OpenSSL has its own.
  }
}

/**
 * Both directions of what DTLS has agreed on. The material may be wiped afterwards; both are to be disposed.
 * @param role ours in the DTLS handshake
 * @throws RangeError if the material is not of the profile's length
 */
export function openSrtp (profile: SrtpProfile, material: Buffer, role: 'client' | 'server'): { sender: SrtpSender, receiver: SrtpReceiver } {
  const masters = splitKeyMaterial(profile, material, role)
  using opened = new DisposableStack()
  try {
    const sender = opened.use(new SrtpSender(packetCipher(profile, masters.send)))
    const receiver = new SrtpReceiver(packetCipher(profile, masters.receive))
    opened.move()
    return { sender, receiver }
  } finally {
    for (const { key, salt } of [masters.send, masters.receive]) { key.fill(0); salt.fill(0) }
  }
}

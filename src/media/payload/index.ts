import { AppError } from '../../lib/errors.ts'
import { parseAacConfig } from '../aac.ts'
import type { Codec, CodecName } from '../codec.ts'
import type { Depacketizer, Packetizer } from '../frame.ts'
import { AacDepacketizer, AacPacketizer } from './aac.ts'
import { H264Depacketizer, H264Packetizer } from './h264.ts'
import { H265Depacketizer, H265Packetizer } from './h265.ts'
import type { StreamIds } from './rtp-writer.ts'
import { WholeFrameDepacketizer, WholeFramePacketizer } from './whole-frame.ts'

export type { StreamIds } from './rtp-writer.ts'

type PayloadFormat = { readonly packetizer: (ids: StreamIds) => Packetizer, readonly depacketizer: (codec: Codec) => Depacketizer }

const wholeFrames: PayloadFormat = { packetizer: ids => new WholeFramePacketizer(ids), depacketizer: () => new WholeFrameDepacketizer() }

const formats: Partial<Record<CodecName, PayloadFormat>> = {
  H264: { packetizer: ids => new H264Packetizer(ids), depacketizer: () => new H264Depacketizer() },
  H265: { packetizer: ids => new H265Packetizer(ids), depacketizer: () => new H265Depacketizer() },
  opus: wholeFrames,
  PCMU: wholeFrames,
  PCMA: wholeFrames,
  G722: wholeFrames,
  AAC: {
    packetizer: ids => new AacPacketizer(ids),
    depacketizer: ({ config }) => new AacDepacketizer(config ? parseAacConfig(config).frameLength : undefined)
  }
}

function formatOf ({ name }: Codec): PayloadFormat {
  const format = formats[name]
  if (!format) throw new AppError('unsupported_media_type', `frames of ${name} can be neither packetized nor depacketized here`)
  return format
}

/** @throws AppError `unsupported_media_type` for a codec without a payload format here. */
export const packetizerFor = (codec: Codec, ids: StreamIds): Packetizer => formatOf(codec).packetizer(ids)

/** @throws AppError `unsupported_media_type` for a codec without a payload format here. */
export const depacketizerFor = (codec: Codec): Depacketizer => formatOf(codec).depacketizer(codec)

/** A server that takes RTMP publishers, ready to be measured. */
export interface RtmpPeer extends AsyncDisposable {
  readonly name: string
  readonly version: string
  /** The process whose tree is measured. */
  readonly pid: number
  /** Somewhere to publish to, as `rtmp://host:port/app` and a stream key; each call another. */
  destination (): Promise<{ url: string, streamKey: string }>
}

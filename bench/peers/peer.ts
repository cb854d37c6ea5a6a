/** A server that takes RTMP publishers, ready to be measured. */
export interface RtmpPeer extends AsyncDisposable {
  readonly name: string
  readonly version: string
  /** The process whose tree is measured. */
  readonly pid: number
  /** Somewhere to publish to, as `rtmp://host:port/app` and a stream key; each call another. */
  destination (): Promise<{ url: string, streamKey: string }>
}

/** A server that forwards one publisher's packets to many viewers. */
export interface FanOutPeer<Endpoint> extends AsyncDisposable {
  readonly name: string
  readonly version: string
  readonly pid: number
  /** Where to publish and watch, and how. */
  readonly endpoint: Endpoint
}

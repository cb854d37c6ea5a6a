import type { ComponentChildren } from 'preact'

export type Tone = 'plain' | 'good' | 'warn' | 'bad' | 'live' | 'accent'

export const Badge = ({ tone = 'plain', title, children }: { tone?: Tone, title?: string, children: ComponentChildren }) =>
  <span class={`badge badge-${tone}`} title={title}>{children}</span>

import type { ComponentChildren } from 'preact'

type Props = { id: string, title: string, count?: number | undefined, aside?: ComponentChildren, children: ComponentChildren }

export const Section = ({ id, title, count, aside, children }: Props) => (
  <section class='section' id={id} aria-labelledby={`${id}-title`}>
    <header class='section-head'>
      <h2 id={`${id}-title`}>{title}{count ? <span class='section-count'>{count}</span> : null}</h2>
      {aside}
    </header>
    {children}
  </section>
)

import type { ComponentChildren } from 'preact'

/** Nothing here yet: says what would be, and how to get it. */
export const Empty = ({ title, children }: { title: string, children?: ComponentChildren }) => (
  <div class='empty'>
    <p class='empty-title'>{title}</p>
    {children}
  </div>
)

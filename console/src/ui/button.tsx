import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from './icon.tsx'

type Props = {
  icon?: IconName
  kind?: 'plain' | 'primary' | 'danger' | 'quiet'
  /** Shown alone, the icon needs a name: for a screen reader, and on hover. */
  label?: string
  busy?: boolean
  children?: ComponentChildren
} & Omit<JSX.IntrinsicElements['button'], 'icon' | 'label' | 'class'>

export function Button ({ icon, kind = 'plain', label, busy = false, children, disabled, ...rest }: Props) {
  const only = children === undefined ? ' button-icon' : ''
  return (
    <button
      type='button' {...rest} class={`button button-${kind}${only}`}
      aria-label={label} title={label} aria-busy={busy} disabled={busy || disabled}
    >
      {icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  )
}

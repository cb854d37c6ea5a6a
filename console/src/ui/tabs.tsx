import type { ComponentChildren } from 'preact'
import { useId, useRef, useState } from 'preact/hooks'

type Tab = { id: string, name: string, show: () => ComponentChildren }

/** Tabs as the ARIA practices describe them: arrows move, Tab enters the panel. */
export function Tabs ({ label, tabs }: { label: string, tabs: readonly Tab[] }) {
  const base = useId()
  const list = useRef<HTMLDivElement>(null)
  const [current, setCurrent] = useState(tabs[0]?.id)
  const move = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    if (step === 0) return
    const index = (tabs.findIndex(({ id }) => id === current) + step + tabs.length) % tabs.length
    setCurrent(tabs[index]?.id)
    list.current?.querySelectorAll('button')[index]?.focus()
  }
  return (
    <>
      <div class='tabs' role='tablist' aria-label={label} ref={list} onKeyDown={move}>
        {tabs.map(({ id, name }) => (
          <button
            key={id} type='button' role='tab' id={`${base}-${id}`} aria-selected={id === current} aria-controls={`${base}-panel`}
            tabIndex={id === current ? 0 : -1} onClick={() => setCurrent(id)}
          >
            {name}
          </button>))}
      </div>
      <div class='tab-panel' role='tabpanel' id={`${base}-panel`} aria-labelledby={`${base}-${current}`}>
        {tabs.find(({ id }) => id === current)?.show()}
      </div>
    </>
  )
}

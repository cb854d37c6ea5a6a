import { useEffect } from 'preact/hooks'
import { choose } from '../../chosen.ts'
import { chosen, ingresses } from '../../store.ts'
import { Section } from '../../ui/section.tsx'
import { EncoderSettings } from './encoder-settings.tsx'
import { IngressList } from './ingress-list.tsx'

export function StreamIn () {
  const list = ingresses.value ?? []
  const first = list[0]?.id
  const gone = ingresses.value !== undefined && chosen.value !== undefined && !list.some(({ id }) => id === chosen.value?.id)
  useEffect(() => {
    if (gone) chosen.value = undefined
    if (first !== undefined && chosen.value === undefined) choose(first)
  }, [gone, first])
  return (
    <Section id='stream-in' title='Stream in'>
      <div class='stream-in'>
        <IngressList list={list} />
        <EncoderSettings />
      </div>
    </Section>
  )
}

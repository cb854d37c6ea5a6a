import type { Advice } from '../../api-types.ts'
import { Icon } from '../../ui/icon.tsx'

/** What the sender could do better, and how. */
export const AdviceList = ({ advice }: { advice: readonly Advice[] }) => (
  <>
    {advice.map(({ code, message, remedy }) => (
      <details key={code} class='advice'>
        <summary><Icon name='alert' /><span>{message}</span><Icon name='chevron' /></summary>
        <p>{remedy}</p>
      </details>))}
  </>
)

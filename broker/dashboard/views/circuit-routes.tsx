/** One instance of a requester: its circuit, and every queue it may choose, with its isolation. */
import type { RouteReport } from '../../../bus/report.ts'
import { asked } from '../asking.ts'
import { forceCircuit, forceQueues } from '../state/asks.ts'
import type { Health, Shape } from '../state/health.ts'
import type { CircuitMember } from '../state/tile.ts'
import { ageText, countText, msText, rateText } from '../state/words.ts'
import { StateWord } from '../widgets/glyph-picture.tsx'

const ISOLATION: Readonly<Record<RouteReport['isolation'], { shape: Shape; health: Health }>> = {
  closed: { shape: 'circle', health: 'well' },
  open: { shape: 'square', health: 'sick' },
  'half-open': { shape: 'diamond', health: 'watch' },
  ramping: { shape: 'diamond', health: 'watch' },
}
const WORDS: Readonly<Record<RouteReport['isolation'], string>> = {
  closed: 'in use',
  open: 'isolated',
  'half-open': 'probing',
  ramping: 'ramping',
}

export const CircuitRoutes = ({ member, isOnly }: { member: CircuitMember; isOnly: boolean }) => {
  const { client, part, word, shape, health, why, flow } = member
  const { retries, moves, recoveries, queues, writable, routes } = part
  return (
    <details open={isOnly || health !== 'well'} class={member.isGrey ? 'is-grey' : ''}>
      <summary>
        <span class="mono">{client.instance}</span> {client.idc}{' '}
        <StateWord word={word} shape={shape} health={health} /> {rateText(flow.rate)}
      </summary>
      <p class="soft">
        {why === '' ? '' : `${why}. `}
        Reported to {client.broker} {ageText(client.ageMs)} ago. {writable} of {queues} queues
        writable; {countText(retries)} retries, {countText(moves)} moves, {countText(recoveries)}{' '}
        recoveries.{' '}
        {isOnly ? null : (
          <button
            type="button"
            class="link"
            onClick={() => {
              asked.value = forceCircuit(part.topic, 'open', 1, client.instance)
            }}
          >
            Force open here only
          </button>
        )}
      </p>
      <table>
        <caption class="unseen">Queues that this instance may choose</caption>
        <thead>
          <tr>
            <th scope="col">queue</th>
            <th scope="col">responder</th>
            <th scope="col">isolation</th>
            <th scope="col" class="number">
              open
            </th>
            <th scope="col" class="number">
              latency
            </th>
            <th scope="col">
              <span class="unseen">actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {routes.map((route) => (
            <Route key={`${route.broker} ${route.queue}`} route={route} topic={part.topic} />
          ))}
        </tbody>
      </table>
    </details>
  )
}

const Route = ({ route, topic }: { route: RouteReport; topic: string }) => {
  const { broker, queue, instance, idc, isolation, forced, inFlight, latencyMs, state } = route
  const look = ISOLATION[isolation] ?? ISOLATION.closed
  const told =
    forced === undefined
      ? { word: WORDS[isolation] ?? isolation, ...look }
      : {
          word: `forced ${forced.to}, ${ageText(forced.leftMs)} left`,
          ...{ shape: 'triangle' as const, health: 'watch' as const },
        }
  const to = forced !== undefined ? 'auto' : isolation === 'open' ? 'closed' : 'open'
  return (
    <tr title={forced?.reason ?? ''}>
      <td>
        {broker} #{queue}
        {state === 'writable' ? '' : ` ${state}`}
      </td>
      <td>
        <span class="mono">{instance}</span> {idc}
      </td>
      <td>
        <StateWord {...told} />
      </td>
      <td class="number">{countText(inFlight)}</td>
      <td class="number">{msText(latencyMs)}</td>
      <td>
        <button
          type="button"
          class="link"
          onClick={() => {
            asked.value = forceQueues(topic, instance, instance, to)
          }}
        >
          {to === 'auto' ? 'Release' : to === 'closed' ? 'Use it' : 'Isolate'}
        </button>
      </td>
    </tr>
  )
}

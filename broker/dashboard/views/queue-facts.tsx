/** A queue in the details: owner, depth, and what became of its requests. */
import { asked } from '../asking.ts'
import { forceQueues, holdInstance } from '../state/asks.ts'
import type { QueueRow } from '../state/queue-row.ts'
import { ageText, bytesText, countText, exactText, msText } from '../state/words.ts'
import { Fact } from '../widgets/fact.tsx'
import { MeterBar } from '../widgets/meter-bar.tsx'

const ENDS = [
  ['ok', 'answered'],
  ['serviceErrors', 'business errors'],
  ['handlerFailed', 'handler failed'],
  ['refused', 'refused'],
  ['expired', 'expired'],
  ['handedBack', 'handed back'],
  ['lost', 'lost with its owner'],
  ['replyLost', 'reply lost'],
] as const

export const QueueFacts = ({ row }: { row: QueueRow }) => {
  const { queue, depth, maxDepth, broker, brokerIdc, topic, isGrey, ageMs } = row
  const { owner, ownerName, ownerIdc, ownerLabel, epoch, waiting, unanswered, window } = queue
  return (
    <>
      {isGrey ? (
        <p class="soft">
          {ageMs === null ? 'Its broker was never heard.' : `As it was ${ageText(ageMs)} ago.`}
        </p>
      ) : null}
      <MeterBar value={depth} limit={maxDepth} title={`${depth} of ${maxDepth}`} />
      <dl class="facts">
        <Fact name="depth">
          {countText(depth)} of {countText(maxDepth)}, {bytesText(queue.depthBytes)}
        </Fact>
        <Fact name="waiting">{countText(waiting)}</Fact>
        <Fact name="in flight">
          {countText(unanswered)} of {countText(window)}
        </Fact>
        <Fact name="longest wait">{msText(queue.waitedMs)}</Fact>
        <Fact name="broker">
          {broker} ({brokerIdc})
        </Fact>
        <Fact name="owner">
          {owner === ''
            ? 'nobody'
            : `${ownerName} (${ownerIdc}${ownerLabel === '' ? '' : `, ${ownerLabel}`})`}
        </Fact>
        <Fact name="instance">
          <span class="mono">{owner === '' ? '–' : owner}</span>
        </Fact>
        <Fact name="epoch">{epoch}</Fact>
      </dl>
      {owner === '' ? null : (
        <p class="actions">
          <button
            type="button"
            onClick={() => {
              asked.value = forceQueues(topic, owner, ownerName, 'open')
            }}
          >
            Isolate
          </button>
          <button
            type="button"
            onClick={() => {
              asked.value = forceQueues(topic, owner, ownerName, 'auto')
            }}
          >
            Release
          </button>
          <button
            type="button"
            onClick={() => {
              asked.value = holdInstance(topic, owner, ownerName)
            }}
          >
            Hold its owner
          </button>
        </p>
      )}
      <table>
        <caption>What became of its requests</caption>
        <tbody>
          {ENDS.map(([name, text]) => (
            <tr key={name}>
              <th scope="row">{text}</th>
              <td class="number">{exactText(queue.ends[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

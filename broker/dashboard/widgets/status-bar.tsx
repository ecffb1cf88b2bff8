/** The first line: which cluster, how much it does, how well. */
import { contact, isHelpShown, isStreaming, picture } from '../live.ts'
import { isBrokerGrey } from '../state/queue-row.ts'
import { clockText, msText, rateText, shareText } from '../state/words.ts'
import { nextTheme, theme } from '../theme.ts'
import { Fact } from './fact.tsx'

export const StatusBar = () => {
  const now = picture.value
  return (
    <header class="status">
      <h1>finbus</h1>
      {now === null ? (
        <span class="soft">{contact.value.state === 'lost' ? 'no contact' : 'asking …'}</span>
      ) : (
        <Numbers />
      )}
      <span class="status-end">
        {now?.snapshot.drill == null ? null : (
          <span class="badge is-watch" title={`since ${clockText(now.snapshot.drill.at)}`}>
            drill {now.snapshot.drill.drill}: {now.snapshot.drill.phase}
          </span>
        )}
        <button
          type="button"
          class="quiet"
          onClick={nextTheme}
          title="Colours: system, light, dark"
        >
          <span aria-hidden="true">◐</span> {theme.value}
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Keys and help"
          onClick={() => {
            isHelpShown.value = true
          }}
        >
          ?
        </button>
      </span>
    </header>
  )
}

const Numbers = () => {
  const { snapshot, flow } = picture.value!
  const { brokers, clients, clientsOmitted } = snapshot
  const speaking = brokers.filter((broker) => !isBrokerGrey(broker)).length
  const up = clients.filter(({ state }) => state === 'up').length
  const known = clients.filter(({ state }) => state !== 'gone').length
  const isUp = contact.value.state === 'up'
  return (
    <>
      <span class="soft" title="The broker that was asked, and the instant it answered">
        by {snapshot.asked} at {clockText(snapshot.at)}
        {isUp && !isStreaming.value ? ' · no events' : ''}
      </span>
      <dl class="totals">
        <Fact name="calls">{rateText(flow.rate)}</Fact>
        <Fact name="fail">{shareText(flow.sickShare)}</Fact>
        <Fact name="p99">{msText(flow.p99)}</Fact>
        <Fact name="brokers">
          {speaking} of {brokers.length}
        </Fact>
        <Fact name="clients">
          {up} of {known}
          {clientsOmitted > 0 ? ` + ${clientsOmitted} not told` : ''}
        </Fact>
      </dl>
    </>
  )
}

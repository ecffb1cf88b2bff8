/** A call made from here: topic, body, deadline, headers; then the reply, or the error with its outcome. */
import { useState } from 'preact/hooks'
import { ApiFailure, act, keepOperatorName, operatorName } from '../api.ts'
import { isTryable, picture } from '../live.ts'
import { hashOf } from '../state/place.ts'
import { msText } from '../state/words.ts'
import { CommandLine } from '../widgets/command-line.tsx'

interface Answer {
  ok?: unknown
  error?: { code: string; outcome: string; message: string }
  correlationId?: string | null
  tookMs?: number
}

const OUTCOMES: Readonly<Record<string, string>> = {
  not_executed: 'It was not executed.',
  unknown: 'Whether it was executed is not known.',
  executed: 'It was executed.',
}

const parsed = (text: string, what: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`The ${what} is no JSON: ${error instanceof Error ? error.message : ''}`)
  }
}

export const TryView = () => {
  const [topic, setTopic] = useState('')
  const [body, setBody] = useState('{}')
  const [timeoutMs, setTimeoutMs] = useState('3000')
  const [headers, setHeaders] = useState('')
  const [isIdempotent, setIdempotent] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const [answer, setAnswer] = useState<Answer | null>(null)
  const [trouble, setTrouble] = useState('')
  if (!isTryable.value) return <p class="empty">This admin API makes no requests.</p>
  const send = async (): Promise<void> => {
    setBusy(true)
    setTrouble('')
    setAnswer(null)
    try {
      if (operatorName() === '') keepOperatorName('dashboard')
      const asked = {
        ...{ topic: topic.trim(), body: parsed(body, 'body'), timeoutMs: Number(timeoutMs) },
        ...(headers.trim() === '' ? {} : { headers: parsed(headers, 'headers') }),
        ...(isIdempotent ? { idempotent: true } : {}),
      }
      setAnswer(await act<Answer>('POST', 'v1/request', asked, Number(timeoutMs) + 5_000))
    } catch (error) {
      const code = error instanceof ApiFailure ? ` (${error.code})` : ''
      setTrouble(`${error instanceof Error ? error.message : String(error)}${code}`)
    }
    setBusy(false)
  }
  return (
    <div class="view view-main try">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <label for="filter">Topic</label>
        <input
          id="filter"
          list="topics"
          required
          value={topic}
          onInput={({ currentTarget }) => setTopic(currentTarget.value)}
          placeholder="account.balance"
          spellcheck={false}
        />
        <datalist id="topics">
          {(picture.value?.topics ?? []).slice(0, 500).map(({ topic: name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <label for="body">Body (JSON)</label>
        <textarea
          id="body"
          rows={7}
          value={body}
          onInput={({ currentTarget }) => setBody(currentTarget.value)}
          spellcheck={false}
        />
        <label for="headers">Headers (JSON, may be empty)</label>
        <input
          id="headers"
          value={headers}
          onInput={({ currentTarget }) => setHeaders(currentTarget.value)}
          placeholder='{ "tenant": "blue" }'
          spellcheck={false}
        />
        <label for="timeout">Deadline, ms</label>
        <input
          id="timeout"
          type="number"
          min={1}
          max={60_000}
          value={timeoutMs}
          onInput={({ currentTarget }) => setTimeoutMs(currentTarget.value)}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={isIdempotent}
            onChange={({ currentTarget }) => setIdempotent(currentTarget.checked)}
          />{' '}
          idempotent: it may be executed twice
        </label>
        <p class="note-line">This is a real call: the service will do what it asks.</p>
        <footer>
          <button type="submit" class="strong" disabled={isBusy}>
            {isBusy ? 'Waiting …' : 'Send'}
          </button>
          <CommandLine words={['request', topic.trim() === '' ? 'TOPIC' : topic.trim(), body]} />
        </footer>
      </form>
      {trouble === '' ? null : (
        <p class="result is-failed" role="alert">
          {trouble}
        </p>
      )}
      {answer === null ? null : <Shown answer={answer} />}
    </div>
  )
}

const Shown = ({ answer: { ok, error, correlationId, tookMs } }: { answer: Answer }) => (
  <output class={error === undefined ? 'result is-done' : 'result is-failed'}>
    {error === undefined ? (
      <>
        <strong>Reply</strong>
        <pre>{JSON.stringify(ok, null, 2)}</pre>
      </>
    ) : (
      <>
        <strong>
          {error.code} · {error.outcome}
        </strong>
        <p>{error.message}</p>
        <p>{OUTCOMES[error.outcome] ?? ''}</p>
      </>
    )}
    <p class="soft">
      {tookMs === undefined ? '' : `took ${msText(tookMs)} `}
      {correlationId == null ? null : (
        <a href={hashOf('trace', correlationId)}>inspect {correlationId}</a>
      )}
    </p>
  </output>
)

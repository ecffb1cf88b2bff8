/** Asks for the reason of an action, does it, and shows what came of it. */
import { useState } from 'preact/hooks'
import type { ActionReport } from '../../admin/api.ts'
import { ApiFailure, act, hasToken, keepOperatorName, operatorName } from '../api.ts'
import { asked } from '../asking.ts'
import { feed } from '../feed.ts'
import { picture, store } from '../live.ts'
import type { Ask, AskField, Values } from '../state/asks.ts'
import { clockText, plural, valueText } from '../state/words.ts'
import { CommandLine } from './command-line.tsx'
import { DurationChoice } from './duration-choice.tsx'
import { Modal } from './modal.tsx'

type Result =
  | { is: 'asking' }
  | { is: 'doing' }
  | { is: 'done'; report: ActionReport }
  | { is: 'failed'; failure: ApiFailure }

const close = (): void => {
  asked.value = null
}

export const ActionDialog = ({ ask }: { ask: Ask }) => {
  const [reason, setReason] = useState('')
  const [name, setName] = useState(operatorName())
  const [values, setValues] = useState<Record<string, number | string | undefined>>(() =>
    Object.fromEntries(ask.fields.map((field) => [field.name, field.value ?? undefined])),
  )
  const [result, setResult] = useState<Result>({ is: 'asking' })
  const said: Values = { ...values, reason: reason.trim() }

  const send = async (more: Record<string, unknown> = {}): Promise<void> => {
    setResult({ is: 'doing' })
    keepOperatorName(name.trim())
    try {
      const report = await act<ActionReport>(ask.method, ask.path, {
        ...ask.body,
        ...said,
        ...more,
      })
      setResult({ is: 'done', report })
    } catch (error) {
      const failure =
        error instanceof ApiFailure ? error : new ApiFailure(0, 'failed', String(error))
      setResult({ is: 'failed', failure })
    }
    feed.soon()
  }

  return (
    <Modal title={ask.title} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <p class="does">{ask.does}</p>
        <p class="whom">{ask.whom}</p>
        {result.is === 'done' ? (
          <Done report={result.report} />
        ) : (
          <>
            <label for="reason">Reason</label>
            <input
              id="reason"
              value={reason}
              onInput={({ currentTarget }) => setReason(currentTarget.value)}
              maxLength={500}
              required
              autofocus
              placeholder="Why, for those who read the audit later"
            />
            {ask.fields.map((field) => (
              <Field
                key={field.name}
                field={field}
                value={values[field.name]}
                onValue={(value) => setValues((all) => ({ ...all, [field.name]: value }))}
              />
            ))}
            {hasToken() ? null : (
              <>
                <label for="operator">Your name</label>
                <input
                  id="operator"
                  value={name}
                  onInput={({ currentTarget }) => setName(currentTarget.value)}
                  maxLength={64}
                  required
                  pattern="[A-Za-z0-9_][A-Za-z0-9_.\-]*"
                  title="Letters, digits, _ . and -"
                />
              </>
            )}
            {result.is === 'failed' ? (
              <Failed failure={result.failure} onReplace={() => void send({ replace: true })} />
            ) : null}
            <CommandLine words={ask.command(said)} />
          </>
        )}
        <footer>
          <button type="button" onClick={close}>
            {result.is === 'done' ? 'Close' : 'Cancel'}
          </button>
          {result.is === 'done' ? null : (
            <button type="submit" class="strong" disabled={result.is === 'doing'}>
              {result.is === 'doing' ? 'Doing it …' : ask.verb}
            </button>
          )}
        </footer>
      </form>
    </Modal>
  )
}

const Field = ({
  field,
  value,
  onValue,
}: {
  field: AskField
  value: number | string | undefined
  onValue: (value: number | string | undefined) => void
}) => (
  <>
    <label for={field.name}>{field.label}</label>
    <span class="field">
      {field.kind === 'duration' ? (
        <DurationChoice id={field.name} value={Number(value ?? 0)} onChoose={onValue} />
      ) : field.kind === 'topic' ? (
        <>
          <input
            id={field.name}
            list={`${field.name}-known`}
            value={value ?? ''}
            onInput={({ currentTarget }) => onValue(currentTarget.value.trim() || undefined)}
            spellcheck={false}
          />
          <datalist id={`${field.name}-known`}>
            {(picture.value?.topics ?? []).slice(0, 500).map(({ topic }) => (
              <option key={topic} value={topic} />
            ))}
          </datalist>
        </>
      ) : (
        <input
          id={field.name}
          type="number"
          min={1}
          step={1}
          value={value ?? ''}
          onInput={({ currentTarget }) =>
            onValue(currentTarget.value === '' ? undefined : Number(currentTarget.value))
          }
        />
      )}
      <small>{field.hint}</small>
    </span>
  </>
)

const Done = ({ report }: { report: ActionReport }) => {
  const { brokers, clients, circuits, queues, silent, before, after } = report
  const done = [
    ...(brokers > 0 ? [plural(brokers, 'broker')] : []),
    ...(clients > 0 ? [plural(clients, 'client')] : []),
    ...(circuits > 0 ? [plural(circuits, 'circuit')] : []),
    ...(queues > 0 ? [plural(queues, 'queue')] : []),
  ]
  return (
    <output class="result is-done">
      <strong>Done{done.length === 0 ? '' : ` at ${done.join(', ')}`}.</strong>
      <dl>
        <dt>Before</dt>
        <dd>{valueText(before)}</dd>
        <dt>After</dt>
        <dd>{valueText(after)}</dd>
      </dl>
      {silent.length === 0 ? null : (
        <>
          <strong>Not confirmed by {plural(silent.length, 'node')}:</strong>
          <ul>
            {silent.map(({ node, why }) => (
              <li key={node}>
                {node}: {why}
              </li>
            ))}
          </ul>
        </>
      )}
    </output>
  )
}

/** Who forced what until when; the page knows it from its snapshot if the error does not say. */
const Failed = ({ failure, onReplace }: { failure: ApiFailure; onReplace: () => void }) => {
  const isConflict = failure.status === 409
  const { who, until, isBroader } = failure.details
  return (
    <output class="result is-failed" role="alert">
      <strong>{isConflict ? 'Another word stands.' : `Not done (${failure.code}).`}</strong>
      <p>{failure.message}</p>
      {isConflict && typeof who === 'string' && typeof until === 'number' ? (
        <p>
          By {who}, until {clockText(until)}
          {store.history.states.length === 0
            ? ''
            : ` (now ${clockText(store.history.states.at(-1)!.at)})`}
          .
        </p>
      ) : null}
      {isConflict && isBroader !== true ? (
        <button type="button" class="strong" onClick={onReplace}>
          Replace it
        </button>
      ) : null}
    </output>
  )
}

/** Clients by their own reports, with what the brokers know of their sessions. */
import { useEffect, useState } from 'preact/hooks'
import type { ClientPart, SessionPage } from '../../admin/api.ts'
import type { SessionView } from '../../core/view.ts'
import { read } from '../api.ts'
import { asked } from '../asking.ts'
import { filter, picture } from '../live.ts'
import { kickClient } from '../state/asks.ts'
import { ageText, bytesText, countText } from '../state/words.ts'
import { passes } from '../widgets/filter-box.tsx'
import { StateWord } from '../widgets/glyph-picture.tsx'
import { VirtualRows } from '../widgets/virtual-rows.tsx'
import { Nothing } from './nothing.tsx'

const EVERY_MS = 2_000
/** Of the broker that was asked; clients beyond are shown by their reports alone, until more is asked for. */
const PAGE_SESSIONS = 500
const MOST_PAGES = 40
const ROW_HEIGHT = 40

interface Sessions {
  of: ReadonlyMap<string, SessionView>
  hasMore: boolean
}

/** The first pages of them, again and again. */
const useSessions = (pages: number): Sessions => {
  const [sessions, setSessions] = useState<Sessions>({ of: new Map(), hasMore: false })
  useEffect(() => {
    let isWanted = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async (): Promise<void> => {
      try {
        const told = await readPages(pages)
        if (isWanted) setSessions(told)
      } catch {
        // The bar at the top says that the API does not answer.
      }
      if (isWanted) timer = setTimeout(() => void look(), EVERY_MS)
    }
    void look()
    return () => {
      isWanted = false
      clearTimeout(timer)
    }
  }, [pages])
  return sessions
}

const readPages = async (pages: number): Promise<Sessions> => {
  const of = new Map<string, SessionView>()
  let after = ''
  for (let page = 0; page < pages; page++) {
    const path = `v1/sessions?limit=${PAGE_SESSIONS}&after=${encodeURIComponent(after)}`
    const { sessions, next } = await read<SessionPage>(path)
    for (const session of sessions) of.set(session.instance, session)
    if (next === null) return { of, hasMore: false }
    after = next
  }
  return { of, hasMore: true }
}

interface Line {
  instance: string
  name: string
  idc: string
  label: string
  client: ClientPart | undefined
  session: SessionView | undefined
}

export const ClientTable = () => {
  const [pages, setPages] = useState(1)
  const { of: sessions, hasMore } = useSessions(pages)
  if (picture.value === null) return <Nothing />
  const { clients, clientsOmitted } = picture.value.snapshot
  const known = new Map<string, Line>()
  for (const session of sessions.values()) {
    const { instance, name, idc, label } = session
    known.set(instance, { instance, name, idc, label, session, client: undefined })
  }
  for (const client of clients) {
    const { instance, name, idc, label } = client
    known.set(instance, { instance, name, idc, label, client, session: sessions.get(instance) })
  }
  const lines = [...known.values()]
    .filter(({ instance, name, idc, label }) => passes(instance, name, idc, label))
    .sort((a, b) => a.name.localeCompare(b.name) || a.instance.localeCompare(b.instance))
  return (
    <div class="tree clients">
      <div class="tree-head" aria-hidden="true">
        <span>name</span>
        <span>instance</span>
        <span>IDC</span>
        <span>link</span>
        <span class="number">calls open</span>
        <span>calls / answers</span>
        <span>address</span>
        <span />
      </div>
      {clientsOmitted > 0 && filter.value === '' ? (
        <p class="soft">{clientsOmitted} more clients, which do least, are not told.</p>
      ) : null}
      <VirtualRows count={lines.length} rowHeight={ROW_HEIGHT}>
        {(at) => (lines[at] === undefined ? null : <ClientLine line={lines[at]} />)}
      </VirtualRows>
      {hasMore && pages < MOST_PAGES ? (
        <p>
          <button type="button" onClick={() => setPages(pages + 1)}>
            {PAGE_SESSIONS} more sessions
          </button>{' '}
          <span class="soft">{countText(sessions.size)} are shown with their addresses.</span>
        </p>
      ) : null}
    </div>
  )
}

const ClientLine = ({ line: { instance, name, idc, label, client, session } }: { line: Line }) => {
  const state = client?.state ?? session?.state ?? 'gone'
  const isGrey = state !== 'up'
  const age = client?.ageMs ?? session?.forMs ?? 0
  return (
    <div class={isGrey ? 'tree-row is-grey' : 'tree-row'}>
      <span>
        <b>{name}</b> {label === '' ? null : <small>{label}</small>}
      </span>
      <span class="mono">{instance}</span>
      <span>{idc}</span>
      <span>
        <StateWord
          word={isGrey ? `${state} ${ageText(age)}` : 'up'}
          shape={isGrey ? 'ring' : 'circle'}
          health={isGrey ? 'unknown' : 'well'}
        />
      </span>
      <span class="number">{client === undefined ? '– unknown' : countText(client.inFlight)}</span>
      <span class="soft">
        {client === undefined
          ? '– unknown'
          : `${client.topics.length} / ${client.answering.length} topics`}
      </span>
      <span class="soft">
        {session === undefined
          ? '–'
          : `${session.address}${session.unsentBytes > 0 ? ` · ${bytesText(session.unsentBytes)} unsent` : ''}`}
      </span>
      <span class="row-actions">
        <button
          type="button"
          class="link"
          onClick={() => {
            asked.value = kickClient(instance, name)
          }}
        >
          Kick
        </button>
      </span>
    </div>
  )
}

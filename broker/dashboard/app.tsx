/** The frame of the page: what is always to be seen, the tabs, and the view that was chosen. */
import type { JSX } from 'preact'
import { asked } from './asking.ts'
import { KEYS, shownViews } from './keys.ts'
import { contact, isHelpShown, isLocked, picture, place } from './live.ts'
import { hashOf, type View } from './state/place.ts'
import { CircuitsView } from './views/circuits.tsx'
import { IdcsView } from './views/idcs.tsx'
import { InspectorView } from './views/inspector.tsx'
import { QueuesView } from './views/queues.tsx'
import { TimelineView } from './views/timeline.tsx'
import { TryView } from './views/try.tsx'
import { ActionDialog } from './widgets/action-dialog.tsx'
import { ContactBar } from './widgets/contact-bar.tsx'
import { Modal } from './widgets/modal.tsx'
import { StatusBar } from './widgets/status-bar.tsx'
import { TokenDialog } from './widgets/token-dialog.tsx'
import { TroubleStrip } from './widgets/trouble-strip.tsx'

const NAMES: Readonly<Record<View, string>> = {
  circuits: 'Circuits',
  idcs: 'IDCs',
  queues: 'Queues',
  timeline: 'Timeline',
  trace: 'Inspector',
  try: 'Try it',
}

const SHOWN: Readonly<Record<View, () => JSX.Element>> = {
  circuits: CircuitsView,
  idcs: IdcsView,
  queues: QueuesView,
  timeline: TimelineView,
  trace: InspectorView,
  try: TryView,
}

export const App = () => {
  const Shown = SHOWN[place.value.view]
  const isStale = contact.value.state === 'lost' && picture.value !== null
  return (
    <div class={isStale ? 'app is-stale' : 'app'}>
      <StatusBar />
      <nav class="tabs" aria-label="Views">
        {shownViews().map((view, i) => (
          <a
            key={view}
            href={hashOf(view)}
            aria-current={place.value.view === view ? 'page' : undefined}
          >
            <kbd>{i + 1}</kbd>
            {NAMES[view]}
          </a>
        ))}
      </nav>
      <ContactBar />
      <TroubleStrip />
      <main class="scroller">
        <Shown key={place.value.view} />
      </main>
      {isLocked.value ? <TokenDialog /> : null}
      {asked.value === null ? null : <ActionDialog key={asked.value.title} ask={asked.value} />}
      {isHelpShown.value ? <Help /> : null}
    </div>
  )
}

const Help = () => (
  <Modal
    title="Keys"
    onClose={() => {
      isHelpShown.value = false
    }}
  >
    <dl class="keys">
      {KEYS.map(([key, text]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
    <h3>How to read a glyph</h3>
    <ul class="plain">
      <li>Its area is the rate of calls.</li>
      <li>Its fill, from the bottom: the share that failed; above it, hatched, business errors.</li>
      <li>
        Its shape: circle closed, square open or full, diamond half-open or in transition, triangle
        forced by an operator, dashed ring not known now.
      </li>
    </ul>
  </Modal>
)

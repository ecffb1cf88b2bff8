/** Plays the recording of a drill: open the JSON of `finbus drill --report`, or drop it here. */
import { useEffect, useState } from 'preact/hooks'
import { momentOf, type Recording, readRecordings } from '../state/recording.ts'
import { msText, rateText, shareText } from '../state/words.ts'
import { Choice } from '../widgets/choice.tsx'
import { Fact } from '../widgets/fact.tsx'
import { DrillBands } from './drill-bands.tsx'
import { DrillGraphs } from './drill-graphs.tsx'

const MOST_BYTES = 64 * 1_048_576

export const DrillPlayer = () => {
  const [recordings, setRecordings] = useState<readonly Recording[]>([])
  const [chosen, setChosen] = useState(0)
  const [trouble, setTrouble] = useState('')
  const open = async (file: File | null | undefined): Promise<void> => {
    if (file === null || file === undefined) return
    try {
      if (file.size > MOST_BYTES) throw new Error('This file is larger than 64 MiB.')
      setRecordings(readRecordings(await file.text()))
      setChosen(0)
      setTrouble('')
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error))
    }
  }
  const recording = recordings[chosen]
  return (
    <section
      class="drill"
      aria-label="Drill recording"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        void open(event.dataTransfer?.files[0])
      }}
    >
      <p class="drop">
        <label for="recording">Report of a drill (JSON), chosen or dropped here</label>{' '}
        <input
          id="recording"
          type="file"
          accept="application/json,.json"
          onChange={({ currentTarget }) => void open(currentTarget.files?.[0])}
        />
      </p>
      {trouble === '' ? null : (
        <p class="result is-failed" role="alert">
          {trouble}
        </p>
      )}
      {recordings.length > 1 ? (
        <Choice
          label="Drill"
          value={String(chosen)}
          of={recordings.map(({ drill }, i) => [String(i), drill] as const)}
          onChoose={(i) => setChosen(Number(i))}
        />
      ) : null}
      {recording === undefined ? null : <Played key={chosen} recording={recording} />}
    </section>
  )
}

const SPEEDS = ['0.5', '1', '4', '16'] as const

const Played = ({ recording }: { recording: Recording }) => {
  const [atMs, setAtMs] = useState(0)
  const [isPlaying, setPlaying] = useState(false)
  const [speed, setSpeed] = useState<(typeof SPEEDS)[number]>('1')
  const { durationMs, drill, about, verdict, stage, startedAt, acts } = recording
  useEffect(() => {
    if (!isPlaying) return
    let last = performance.now()
    let frame = requestAnimationFrame(function step(now) {
      const passed = (now - last) * Number(speed)
      last = now
      setAtMs((at) => Math.min(durationMs, at + passed))
      frame = requestAnimationFrame(step)
    })
    return () => cancelAnimationFrame(frame)
  }, [isPlaying, speed, durationMs])
  useEffect(() => {
    if (atMs >= durationMs) setPlaying(false)
  }, [atMs, durationMs])
  const moment = momentOf(recording, atMs)
  return (
    <>
      <h2>{drill}</h2>
      <p>
        {about} <b class={verdict === 'passed' ? 'is-well' : 'is-sick'}>{verdict}</b>{' '}
        <span class="soft">
          {stage}
          {startedAt === '' ? '' : `, ${startedAt}`}
        </span>
      </p>
      <div class="player">
        <button
          type="button"
          class="strong"
          onClick={() => {
            if (atMs >= durationMs) setAtMs(0)
            setPlaying(!isPlaying)
          }}
        >
          {isPlaying ? 'Pause' : 'Play'}
        </button>
        <Choice
          label="Speed"
          value={speed}
          onChoose={setSpeed}
          of={SPEEDS.map((one) => [one, `${one}×`] as const)}
        />
        <input
          type="range"
          aria-label="Instant of the drill"
          min={0}
          max={durationMs}
          step={Math.max(1, recording.bucketMs)}
          value={atMs}
          onInput={({ currentTarget }) => setAtMs(Number(currentTarget.value))}
        />
        <output>{(atMs / 1_000).toFixed(1)} s</output>
      </div>
      <dl class="totals">
        <Fact name="calls">{rateText(moment.rate)}</Fact>
        <Fact name="success">{shareText(moment.successShare)}</Fact>
        <Fact name="local">{shareText(moment.localShare)}</Fact>
        <Fact name="p99">{msText(moment.p99)}</Fact>
        <Fact name="step">{moment.step === '' ? '–' : moment.step}</Fact>
        <Fact name="last act">{moment.lastAct === '' ? '–' : moment.lastAct}</Fact>
      </dl>
      <DrillGraphs recording={recording} atMs={atMs} />
      <DrillBands recording={recording} atMs={atMs} />
      <ol class="acts">
        {acts.map((act, i) => (
          <li key={i} class={act.atMs <= atMs ? '' : 'is-grey'}>
            <button type="button" class="link" onClick={() => setAtMs(act.atMs)}>
              {(act.atMs / 1_000).toFixed(1)} s
            </button>{' '}
            {act.text} {act.failure === null ? '' : `– failed: ${act.failure}`}
          </li>
        ))}
      </ol>
    </>
  )
}

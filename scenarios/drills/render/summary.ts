/** What a report says in words, once, so that Markdown, HTML and the terminal say the same. */
import { type Bucket, type DrillReport, type Figure, figuresOf, isReached } from '../report.ts'
import { countText, listText, numberText, plain, secondsText, valueText } from './text.ts'

export const WHOLE = 'whole drill'
const NAME = 80

/** A figure, and where it was measured. */
export interface Row {
  readonly where: string
  readonly figure: Figure
}

/** Of the whole drill all that was measured, of each step what had a bound. */
export const rowsOf = (report: DrillReport): Row[] => {
  const rows = figuresOf(report).map(({ step, figure }) => ({ where: step, figure }))
  return [
    ...rows.filter(({ where }) => where === '').map((row) => ({ ...row, where: WHOLE })),
    ...rows.filter(({ where, figure }) => where !== '' && figure.most !== undefined),
  ]
}

export const missedOf = (report: DrillReport): Row[] =>
  rowsOf(report).filter(({ figure }) => !isReached(figure))

/** `sz is dead: recovery was 1,121.5 ms, and at most 1,000 ms was allowed`. */
export const missedText = ({ where, figure: { name, value, most, unit } }: Row): string => {
  const place = where === WHOLE ? '' : `${plain(where, NAME)}: `
  const allowed = `at most ${valueText(most, unit)} was allowed`
  return `${place}${plain(name, NAME)} was ${valueText(value, unit)}, and ${allowed}`
}

/** Calls of the load, by what became of them. */
export type Sums = Omit<Bucket, 'atMs' | 'p50' | 'p99'>

const sumsOf = ({ buckets }: DrillReport): Sums => {
  const sums = { made: 0, ok: 0, executed: 0, notExecuted: 0, unknown: 0, local: 0 }
  for (const bucket of buckets) {
    for (const key of Object.keys(sums) as (keyof Sums)[]) sums[key] += bucket[key]
  }
  return sums
}

export const WORD: Record<DrillReport['verdict'], string> = {
  passed: 'Passed',
  missed: 'Missed',
  interrupted: 'Interrupted',
}

/** The verdict's reason, in a sentence. */
export const headlineOf = (report: DrillReport): string => {
  const { verdict, durationMs, leftovers } = report
  const bounds = rowsOf(report).filter(({ figure }) => figure.most !== undefined).length
  const missed = missedOf(report).length
  if (verdict === 'interrupted') {
    return `Broken off after ${secondsText(durationMs)}: what was missed by then was missed, what was reached proves nothing.`
  }
  if (verdict === 'passed') {
    return bounds === 1 ? 'Its one bound was reached.' : `All ${bounds} bounds were reached.`
  }
  const faults = [
    ...(missed > 0 ? [`${missed} of ${countText(bounds, 'bound')} missed`] : []),
    ...(leftovers.length > 0
      ? [`${countText(leftovers.length, 'thing')} could not be brought back to order`]
      : []),
  ]
  return faults.length === 0 ? 'The drill was not passed.' : `${sentence(listText(faults))}.`
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const STAGE: Record<DrillReport['stage'], string> = {
  live: 'on real processes',
  virtual: 'in virtual time',
  attached: 'on a running cluster',
}

/** What was done and what came of it. */
export const storyOf = (report: DrillReport): string[] => {
  const { stage, durationMs, steps, acts } = report
  const played = `Played ${STAGE[stage]} for ${secondsText(durationMs)}`
  const extent = `${countText(steps.length, 'step')} and ${countText(acts.length, 'act')}`
  return [
    ...leftSentences(report),
    `${played}, in ${extent}.`,
    callsSentence(sumsOf(report)),
    truthSentence(report),
    ...recoverySentence(report),
    ...awaySentence(report),
  ]
}

const MOST_LEFT = 5

const leftSentences = ({ leftovers }: DrillReport): string[] => {
  const more = leftovers.length - MOST_LEFT
  const told = leftovers.slice(0, MOST_LEFT).map((text) => `Left behind: ${plain(text)}.`)
  return more > 0 ? [...told, `Left behind: ${more} more.`] : told
}

const callsSentence = ({ made, ok, executed, notExecuted, unknown }: Sums): string => {
  if (made === 0) return 'No call was made.'
  const failed = executed + notExecuted + unknown
  const calls = `Of ${countText(made, 'call')} ${numberText(ok)} succeeded`
  if (failed === 0) return `${calls} and none failed.`
  const kinds = [
    ...(notExecuted > 0 ? [`${numberText(notExecuted)} not executed`] : []),
    ...(unknown > 0 ? [`${numberText(unknown)} that may have been executed`] : []),
    ...(executed > 0 ? [`${numberText(executed)} executed`] : []),
  ]
  const share = valueText((100 * failed) / made, '%')
  return `${calls} and ${numberText(failed)} (${share}) failed: ${listText(kinds)}.`
}

const wholeFigure = ({ figures }: DrillReport, name: string): Figure | undefined =>
  figures.find((figure) => figure.name === name)

const truthSentence = (report: DrillReport): string => {
  const twice = wholeFigure(report, 'executed twice')
  const misled = wholeFigure(report, 'misled')
  if (twice === undefined || misled === undefined) {
    return 'How often each call was executed was not counted.'
  }
  if (twice.value === 0 && misled.value === 0) {
    return 'By the responders’ own books none was executed twice, and no caller was misled about execution.'
  }
  return (
    `By the responders’ own books ${were(twice.value, 'call')} executed twice, ` +
    `and ${were(misled.value, 'caller')} misled about execution.`
  )
}

const were = (count: number, noun: string): string =>
  `${countText(count, noun)} ${count === 1 ? 'was' : 'were'}`

const recoverySentence = (report: DrillReport): string[] => {
  const figure = wholeFigure(report, 'recovery')
  if (figure === undefined || report.acts.length === 0) return []
  if (figure.value === 0) return ['No call made after the first act failed.']
  return [
    `The last call that failed was made ${valueText(figure.value, 'ms')} after the first act (recovery).`,
  ]
}

const awaySentence = (report: DrillReport): string[] => {
  const figure = wholeFigure(report, 'answered in another IDC')
  const { ok, local } = sumsOf(report)
  if (ok === 0) return []
  const share = valueText(figure?.value ?? (100 * (ok - local)) / ok, '%')
  return [`${share} of the answered calls were answered in another IDC than the caller’s.`]
}

/** What a reader needs to know before the numbers mean anything. */
export const factsOf = (report: DrillReport): [string, string][] => [
  ['Drill', plain(report.drill)],
  ['Stage', STAGE[report.stage]],
  ['Started', report.startedAt === '' ? 'virtual time has no date' : plain(report.startedAt)],
  ['Took', secondsText(report.durationMs)],
  ['Machine', plain(report.machine) || '–'],
  ['Version', plain(report.version) || '–'],
]

/** What an outcome says to somebody who must reconcile. */
export const MEANING: Readonly<Record<string, string>> = {
  not_executed: 'no handler started; it is safe to ask again',
  unknown: 'a handler may have run',
  executed: 'a handler ran; its error came back',
}

/**
 * One process of a sample load: `services`, or `callers RATE`. `finbus start --load` forks it, with the
 * brokers and the IDC in its environment, as of any finbus command; it ends with whoever forked it.
 */
import type { Bus } from '../../rr-client/index.ts'
import { connectBus } from '../cli/client.ts'
import { runCommand, UsageError } from '../cli/failure.ts'
import { readSettings, type Settings } from '../cli/settings.ts'
import { withSignal } from '../cli/signals.ts'
import { Pace } from './pace.ts'
import { SAMPLE_TOPICS, type SampleTopic } from './topics.ts'

const INSTANCES = 2
const CALLERS = ['teller', 'web'] as const

interface Part {
  buses: readonly Bus[]
  stop(): void
}

const services = async (settings: Settings): Promise<Part> => {
  const groups = [...new Set(SAMPLE_TOPICS.map(({ group }) => group))]
  const names = groups.flatMap((group) =>
    Array.from({ length: INSTANCES }, (_, i) => ({ group, no: i + 1 })),
  )
  const buses = await Promise.all(
    names.map(async ({ group, no }) => {
      const bus = await connectBus(settings, { name: `${group}-${settings.idc}-${no}`, group })
      for (const { topic, answer } of SAMPLE_TOPICS.filter((one) => one.group === group)) {
        await bus.reply(topic, answer, { concurrency: 16 })
      }
      return bus
    }),
  )
  return { buses, stop: () => {} }
}

const callers = async (settings: Settings, rate: number): Promise<Part> => {
  const buses = await Promise.all(
    CALLERS.map((name) => connectBus(settings, { name: `${name}-${settings.idc}` })),
  )
  const paces = buses.map((bus) => {
    // How a call ends is for the dashboard to show.
    const call = (n: number): Promise<unknown> => {
      const { topic, body, options } = drawn()
      return bus.request(topic, body(n), options).catch(() => undefined)
    }
    return new Pace({ rate: rate / buses.length, call })
  })
  for (const pace of paces) pace.begin()
  return {
    buses,
    stop: () => {
      for (const pace of paces) pace.end()
    },
  }
}

const PARTS = SAMPLE_TOPICS.reduce((sum, { parts }) => sum + parts, 0)

/** A topic, as often as its share of all calls says. */
const drawn = (): SampleTopic => {
  let left = Math.random() * PARTS
  for (const sample of SAMPLE_TOPICS) {
    left -= sample.parts
    if (left < 0) return sample
  }
  return SAMPLE_TOPICS[0]!
}

const begin = (settings: Settings, role: string | undefined, text: string): Promise<Part> => {
  const rate = Number(text)
  if (role === 'services') return services(settings)
  if (role === 'callers' && rate > 0) return callers(settings, rate)
  throw new UsageError('a load is either "services" or "callers RATE"')
}

const [, , role, rate = ''] = process.argv
// Whoever forked it reads what it says, also when it fails.
if (process.send !== undefined) {
  await runCommand(true, () =>
    withSignal(async (signalled) => {
      const settings = readSettings({})
      const { buses, stop } = await begin(settings, role, rate)
      process.stdout.write(
        `${JSON.stringify({ url: settings.url?.[0] ?? settings.registry?.[0] })}\n`,
      )
      await signalled
      stop()
      await Promise.all(buses.map((bus) => bus.close({ timeoutMs: 1_000 })))
    }),
  )
}

import { type Advisory, advisoryLevel } from '../bus/advisory.ts'
import { invalid } from '../bus/errors.ts'
import { newBrokerId } from '../bus/io/ids.ts'
import type { LinkEvents } from '../bus/io/link.ts'
import { ACCEPT, type MemoryEnd, type MemoryHost } from '../bus/io/link-memory.ts'
import { Loop } from '../bus/io/loop.ts'
import { nodeRuntime, type Runtime } from '../bus/io/runtime.ts'
import { type Log, silentLog } from '../bus/log.ts'
import { Outbox, type Wire } from '../bus/outbox.ts'
import { Pulse } from '../bus/pulse.ts'
import type { DarkLaunchRule } from '../bus/rules.ts'
import { Slabs } from '../bus/slabs.ts'
import { isLoopback } from '../bus/urls.ts'
import type { AdminServer } from './admin/server.ts'
import { Announcer } from './announcer.ts'
import type { Broker, BrokerOptions, BrokerSnapshot } from './api.ts'
import { BrokerCore } from './core/broker-core.ts'
import { Link } from './core/session.ts'
import { Helm } from './helm.ts'
import { Listener } from './listen.ts'
import {
  type CheckedAdmin,
  type CheckedBroker,
  checkBroker,
  parseAdminListen,
  parseListen,
} from './options.ts'
import { nextVersion, readRules } from './rules.ts'
import { Tokens } from './tokens.ts'

/**
 * Starts a broker. Rejects with one clear sentence when an option is wrong, the address is taken,
 * it would listen off loopback without TLS and tokens, or a registry refuses it.
 */
export const startBroker = async (options: BrokerOptions = {}): Promise<Broker> => {
  const checked = checkBroker(options)
  const host = new BrokerHost(checked, nodeRuntime, nodeRuntime.now())
  const listener = new Listener(parseListen(checked), checked, host.onLink)
  // It asks clients for reports as they come, so it is there before the first of them.
  const admin = checked.admin && (await adminFor(host, checked, checked.admin))
  host.opened(await listener.open(), listener)
  if (admin !== undefined) await host.steered(admin)
  if (checked.registry !== undefined) await host.announce(checked.registry, checked)
  return host
}

/** Loaded when it is wanted: its packages would make the start of every broker half as long again. */
const adminFor = async (
  host: BrokerHost,
  checked: CheckedBroker,
  options: CheckedAdmin,
): Promise<AdminServer> => {
  const [{ AdminServer }, { Metrics }, { packageVersion }] = await Promise.all([
    import('./admin/server.ts'),
    import('./admin/metrics.ts'),
    import('./admin/version.ts'),
  ])
  return new AdminServer(host.steering, {
    address: parseAdminListen(checked, options),
    tls: checked.tls,
    tokens: new Tokens(checked.tokens),
    hasTokens: checked.tokens !== undefined,
    log: checked.logger ?? silentLog,
    options,
    registries: checked.registry ?? [],
    registryToken: checked.registryToken,
    registryTls: checked.registryTls,
    metrics: new Metrics({ broker: host.id, idc: host.idc, version: packageVersion() }),
  })
}

/** The composition root: a broker core, its loop, and the links that come in. */
export class BrokerHost implements Broker, MemoryHost {
  readonly id: string
  readonly idc: string
  /** For its admin side. */
  readonly steering: Helm
  url = ''
  readonly #log: Log
  readonly #core: BrokerCore
  readonly #loop: Loop
  readonly #slabs = new Slabs()
  readonly #wires = new Map<Link, Wire>()
  readonly #life: number
  readonly #runtime: Runtime
  #listener: Listener | undefined
  #admin: AdminServer | undefined
  #announcer: Announcer | undefined
  #nextLink = 1
  #closing: Promise<void> | undefined

  /** `startedAt`: since when it may be expected to know every responder there is. */
  constructor(options: CheckedBroker, runtime: Runtime, startedAt: number) {
    const tokens = new Tokens(options.tokens)
    this.#runtime = runtime
    this.#life = runtime.newLife()
    this.id = options.id ?? newBrokerId()
    this.idc = options.idc
    this.#log = options.logger ?? silentLog
    const identity = {
      id: this.id,
      idc: this.idc,
      life: this.#life,
      startedAt,
    }
    this.#core = new BrokerCore(identity, options, {
      close: (link, code, reason) => this.#close(link, code, reason),
      advise: (advisory) => this.#advise(advisory),
      authenticate: tokens.authenticate,
      reported: (session, json) => this.steering.reported(session, json),
      ordered: (session, order, json) => this.steering.ordered(session, order, json),
      sessionIs: (session, state) => this.steering.sessionIs(session, state),
      drained: (handedBack, abandoned) => this.steering.drained(handedBack, abandoned),
    })
    this.#loop = new Loop(this.#core, runtime, options.silenceMs, (error) =>
      this.#log.error({ err: error }, 'defect in the broker core'),
    )
    this.steering = new Helm(identity, this.#core, this.#loop, runtime, (error) =>
      this.#log.error({ err: error }, 'defect in who watches the broker'),
    )
    if (options.rules !== undefined) this.setRules(options.rules)
  }

  /** For `startBroker`: where it listens. */
  opened(url: string, listener: Listener): void {
    this.url = url
    this.#listener = listener
  }

  /** For `startBroker`: opens its admin side. If that cannot listen, the broker is closed. */
  async steered(admin: AdminServer): Promise<void> {
    this.#admin = admin
    try {
      await admin.open()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  get adminUrl(): string | undefined {
    return this.#admin?.url
  }

  /** For `startBroker`: makes it known. If a registry will not have it, it is closed. */
  async announce(registries: readonly string[], options: CheckedBroker): Promise<void> {
    const urls = options.advertise ?? [this.url]
    const admin = announcedAdmin(options.admin?.advertise, this.adminUrl, urls)
    const announcement = { id: this.id, life: this.#life, idc: this.idc, urls, admin }
    const { registryToken: token, registryTls: tls } = options
    this.#announcer = new Announcer({ registries, token, tls, announcement }, (advisory) =>
      this.#advise(advisory),
    )
    // An operator may have been quick.
    if (this.snapshot().state !== 'open') this.#announcer.pause()
    try {
      await this.#announcer.start()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  readonly onLink = (address: string, makeWire: (events: LinkEvents) => Wire): void => {
    if (this.#closing !== undefined) return
    let link: Link | undefined
    const wire = makeWire({
      onMessage: (message) => {
        this.#loop.postRead((now) => this.#core.onBatch(now, link!, message), undefined)
      },
      onClose: (reason) => {
        this.#wires.delete(link!)
        this.#loop.post((now) => this.#core.onClosed(now, link!, reason), undefined)
      },
    })
    this.#loop.post((now) => {
      const pulse = new Pulse(now)
      const outbox: Outbox = new Outbox(wire, pulse, this.#slabs, () =>
        this.#loop.flushSoon(outbox),
      )
      link = new Link(now, this.#nextLink, address, pulse, outbox)
      this.#nextLink += 1
      this.#wires.set(link, wire)
      this.#core.onOpen(now, link)
    }, undefined)
  };

  [ACCEPT](end: MemoryEnd): void {
    if (this.#closing !== undefined) {
      end.close(1001, 'the broker is closed')
      return
    }
    this.onLink('memory', (events) => {
      end.events = events
      return end
    })
  }

  snapshot(): BrokerSnapshot {
    return this.#core.view(this.#runtime.now())
  }

  setRules(given: readonly DarkLaunchRule[] | string, asked?: number): number {
    if (this.#closing !== undefined) throw invalid('rules', 'come too late: the broker is closed')
    const { rules, version: told } = readRules(given)
    const present = this.snapshot().rules
    const version = nextVersion(asked ?? told, present, rules)
    if (version > present.version) {
      this.#loop.post((now) => this.#core.setRules(now, rules, version), undefined)
    }
    return version
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #shut(): Promise<void> {
    this.#admin?.notReady()
    const withdrawn = this.#announcer?.close()
    this.#loop.post((now) => this.#core.close(now), undefined)
    this.#loop.flushNow()
    for (const wire of this.#wires.values()) wire.close(1001, 'the broker closes')
    this.#wires.clear()
    this.steering.close()
    this.#loop.close()
    await this.#listener?.close()
    await this.#admin?.close()
    await withdrawn
  }

  /** The last words of a link go out before it is closed. */
  #close(link: Link, code: number, reason: string): void {
    const wire = this.#wires.get(link)
    this.#wires.delete(link)
    this.#runtime.soon(() => {
      link.outbox.flush(this.#runtime.now())
      wire?.close(code, reason)
    })
  }

  #advise(advisory: Advisory): void {
    this.#log[advisoryLevel(advisory.kind)](advisory, advisory.kind)
    this.steering.advised(advisory)
    if (advisory.kind === 'draining') this.#announcer?.pause()
    if (advisory.kind === 'resumed') this.#announcer?.resume()
  }
}

/** An admin side on loopback is of no use to others, unless the broker itself is only for this machine. */
const announcedAdmin = (
  advertised: string | undefined,
  url: string | undefined,
  brokerUrls: readonly string[],
): string | undefined => {
  if (url === undefined || advertised !== undefined) return advertised
  const isHere = brokerUrls.every((each) => each.startsWith('unix:') || isLocal(each))
  return isHere || !isLocal(url) ? url : undefined
}

const isLocal = (url: string): boolean => isLoopback(new URL(url).hostname)

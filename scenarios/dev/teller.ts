/** A teller who asks the accounts service now and then, so that the dashboard has something to show. */
import { type Bus, connect } from '../../rr-client/index.ts'
import type { AccountsContracts } from '../examples/contracts.ts'
import { SAMPLE_ACCOUNTS } from '../examples/sample-accounts.ts'
import { Pace } from '../load/pace.ts'

const NOBODY = 'DE00000000000000000000'

export class Teller {
  readonly #bus: Bus<AccountsContracts>
  readonly #pace: Pace

  static async start(url: string, rate: number): Promise<Teller> {
    return new Teller(await connect<AccountsContracts>(url, { name: 'teller' }), rate)
  }

  private constructor(bus: Bus<AccountsContracts>, rate: number) {
    this.#bus = bus
    // How a call ends is for the dashboard to show.
    const call = (n: number): Promise<unknown> => this.#ask(n).catch(() => undefined)
    this.#pace = new Pace({ rate, call })
    this.#pace.begin()
  }

  async close(): Promise<void> {
    this.#pace.end()
    await this.#bus.close({ timeoutMs: 0 })
  }

  /** Nothing that moves money: the books are those of whoever reads along. */
  #ask(n: number): Promise<unknown> {
    if (n % 10 === 0) return this.#bus.request('account.list', undefined)
    const { account } = SAMPLE_ACCOUNTS[n % SAMPLE_ACCOUNTS.length]!
    // Now and then one asks for an account that is not there, and is told so.
    return this.#bus.request('account.balance', { account: n % 25 === 0 ? NOBODY : account })
  }
}

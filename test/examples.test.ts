/** The example's books, which always add up, and its ISO 20022 messages, in and out. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { ServiceError } from '../rr-client/index.ts'
import { Ledger, type Opening, type TransferOrder } from '../scenarios/examples/ledger.ts'
import { toAmount, toMinor } from '../scenarios/examples/money.ts'
import { writePacs002 } from '../scenarios/examples/pacs002.ts'
import { readPacs008 } from '../scenarios/examples/pacs008.ts'
import { SAMPLE_ACCOUNTS } from '../scenarios/examples/sample-accounts.ts'
import { creditTransferFile } from '../scenarios/examples/sample-files.ts'
import { settle } from '../scenarios/examples/settlement.ts'
import { MAX_XML_BYTES, readXml, type XmlElement } from '../scenarios/examples/xml.ts'

const folder = mkdtempSync(join(tmpdir(), 'finbus-examples-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (): string => join(folder, `${++files}.jsonl`)

const [ANNA, NOORD, LUMEN] = SAMPLE_ACCOUNTS.map(({ account }) => account) as [string, ...string[]]
const order = (key: string, changes: Partial<TransferOrder> = {}): TransferOrder => ({
  ...{ from: ANNA, to: NOORD!, amount: '10.00', currency: 'EUR', key },
  ...changes,
})
const sample = (journal?: string): Promise<Ledger> =>
  Ledger.open({ accounts: SAMPLE_ACCOUNTS, ...(journal === undefined ? {} : { journal }) })
const refused =
  (code: string, says = /./) =>
  (error: unknown): boolean => {
    assert.ok(ServiceError.is(error), String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, says)
    return true
  }

describe('the books', () => {
  const accounts: Opening[] = ['a', 'b', 'c'].map((account) => {
    return { account, owner: account, currency: 'EUR', balance: '20.00' }
  })
  const name = fc.constantFrom('a', 'b', 'c', 'nobody')
  const anyOrder = fc.record({
    from: name,
    to: name,
    amount: fc.constantFrom('0.01', '7', '7.00', '19.99', '0', '-1', '1e3', '1.001', ''),
    currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'USD'),
    key: fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8'),
  })
  const codes =
    /^(UNKNOWN_ACCOUNT|SAME_ACCOUNT|CURRENCY_MISMATCH|INVALID_AMOUNT|KEY_REUSED|INSUFFICIENT_FUNDS)$/

  test('whatever is ordered, they sum to zero, nobody is overdrawn, and a key pays once', async () => {
    const property = async (orders: TransferOrder[]): Promise<void> => {
      const ledger = await Ledger.open({ accounts })
      const paid = new Map<string, number>()
      for (const each of orders) {
        const before = JSON.stringify(ledger.accounts())
        const result = await ledger.transfer(each).catch((error: unknown) => error)
        const isPaid = !(result instanceof Error) && !(result as { repeated: boolean }).repeated
        if (isPaid) paid.set(each.key, (paid.get(each.key) ?? 0) + 1)
        else assert.equal(JSON.stringify(ledger.accounts()), before)
        if (result instanceof Error) assert.match((result as ServiceError).code, codes)
        assert.deepEqual(ledger.prove(), { EUR: '0.00' })
      }
      for (const times of paid.values()) assert.equal(times, 1)
    }
    await fc.assert(fc.asyncProperty(fc.array(anyOrder, { maxLength: 40 }), property))
  })

  test('a repeated key gets the first answer, a refusal included; another order is KEY_REUSED', async () => {
    const ledger = await sample()
    const first = await ledger.transfer(order('rent'))
    assert.deepEqual(await ledger.transfer(order('rent', { amount: '10' })), {
      ...first,
      repeated: true,
    })
    for (const change of [{ amount: '10.01' }, { to: LUMEN! }, { from: LUMEN! }, { amount: 'x' }]) {
      await assert.rejects(ledger.transfer(order('rent', change)), refused('KEY_REUSED'))
    }
    const broke = order('broke', { from: LUMEN!, to: ANNA })
    await assert.rejects(ledger.transfer(broke), refused('INSUFFICIENT_FUNDS', /had 0\.00 EUR/))
    await ledger.transfer(order('gift', { to: LUMEN!, amount: '500.00' }))
    await assert.rejects(ledger.transfer(broke), refused('INSUFFICIENT_FUNDS', /had 0\.00 EUR/))
    assert.equal(ledger.balance(LUMEN!).balance, '500.00')
  })

  test('an order that is wrong is refused by name, and its key stays free', async () => {
    const ledger = await sample()
    const wrong: [string, Partial<TransferOrder>][] = [
      ['UNKNOWN_ACCOUNT', { to: 'DE00' }],
      ['SAME_ACCOUNT', { to: ANNA }],
      ['CURRENCY_MISMATCH', { currency: 'USD' }],
      ['CURRENCY_MISMATCH', { to: '0210034567' }],
      ...['0.00', '-5', '1e2', '1.001', '1,50', '9'.repeat(19), ''].map(
        (amount): [string, Partial<TransferOrder>] => ['INVALID_AMOUNT', { amount }],
      ),
    ]
    for (const [code, change] of wrong) {
      await assert.rejects(ledger.transfer(order('one', change)), refused(code))
    }
    assert.equal((await ledger.transfer(order('one'))).repeated, false)
  })

  test('money has the decimals of its currency and never drifts', async () => {
    for (const amount of [
      'JPY 1250',
      'EUR 0.05',
      'CNY 1.10',
      'USD 999999999999999.99',
      'KWD 0.001',
    ]) {
      const [currency = '', text = ''] = amount.split(' ')
      assert.equal(toAmount(toMinor(text, currency), currency), text)
    }
    assert.throws(() => toMinor('1.5', 'JPY'), refused('INVALID_AMOUNT', /0 decimals of JPY/))
    assert.equal(toMinor('0.1', 'EUR') + toMinor('0.2', 'EUR'), toMinor('0.3', 'EUR'))
  })

  test('a journal cut at any byte gives the books as they were, and all orders can be sent again', async () => {
    const journal = newFile()
    const orders = [1, 2, 3].map((i) => order(`k${i}`, { from: 'a', to: 'b', amount: `${i}.00` }))
    orders.push(order('k4', { from: 'c', to: 'a', amount: '99.00' }))
    const send = (ledger: Ledger) => Promise.allSettled(orders.map((each) => ledger.transfer(each)))
    const full = await Ledger.open({ accounts, journal })
    await send(full)
    await full.close()
    const bytes = readFileSync(journal)
    const reopenCut = async (cut: number): Promise<void> => {
      const torn = newFile()
      writeFileSync(torn, bytes.subarray(0, cut))
      const ledger = await Ledger.open({ accounts, journal: torn })
      const whole = bytes.subarray(0, cut).toString().split('\n').length - 1
      assert.equal(ledger.entries, Math.max(0, whole - 1), `cut at ${cut}`)
      await send(ledger)
      await ledger.close()
      assert.deepEqual(ledger.accounts(), full.accounts(), `cut at ${cut}`)
    }
    // Some at a time: each waits for the disk.
    const cuts = Array.from({ length: bytes.length + 1 }, (_, cut) => cut)
    while (cuts.length > 0) await Promise.all(cuts.splice(0, 32).map(reopenCut))
  })

  test('damage, a foreign file and a second owner are refused, and nothing is written', async () => {
    const journal = newFile()
    const ledger = await sample(journal)
    await Promise.all([ledger.transfer(order('k1')), ledger.transfer(order('k2'))])
    assert.match(readFileSync(journal, 'utf8'), /"k1".*\n.*"k2".*\n$/)
    await assert.rejects(sample(journal), /in use by this process/)
    await ledger.close()
    const lines = readFileSync(journal, 'utf8').split('\n')
    const damages: [RegExp, string[]][] = [
      [/line 2 is not JSON/, lines.with(1, '{"entry":1,"key"')],
      [/line 2 is entry 2, not 1/, lines.toSpliced(1, 1)],
      [/line 3 has the key/, lines.with(2, lines[1]!.replace('"entry":1', '"entry":2'))],
      [/line 2 .*amount/s, lines.with(1, lines[1]!.replace('"10.00"', '10'))],
      [/overdrawn/, lines.with(1, lines[1]!.replace('"10.00"', '"99999.00"'))],
      [/is no ledger journal/, ['a shopping list']],
    ]
    for (const [says, damaged] of damages) {
      writeFileSync(journal, damaged.join('\n'))
      await assert.rejects(sample(journal), says)
      assert.equal(readFileSync(journal, 'utf8'), damaged.join('\n'))
    }
  })

  test('a full journal refuses new orders before they change anything, and still knows the old', async () => {
    const options = { accounts, journal: newFile(), maxJournalBytes: 450 }
    const ledger = await Ledger.open(options)
    const pay = (key: string) => ledger.transfer(order(key, { from: 'a', to: 'b', amount: '1' }))
    await pay('k1')
    await assert.rejects(
      pay('k2').then(() => pay('k3')),
      refused('LEDGER_FULL'),
    )
    assert.equal((await pay('k1')).repeated, true)
    await ledger.close()
    const again = await Ledger.open(options)
    assert.deepEqual(again.accounts(), ledger.accounts())
    await again.close()
  })
})

const SHIPPED = readFileSync(creditTransferFile(), 'utf8')
const ONE = SHIPPED.replace(/<CdtTrfTxInf>(?![\s\S]*<CdtTrfTxInf>)[\s\S]*<\/CdtTrfTxInf>/, '')
  .replace('<NbOfTxs>2<', '<NbOfTxs>1<')
  .replace(/<CtrlSum>.*<\/CtrlSum>/, '')
const at = (element: XmlElement, path: string): XmlElement[] =>
  path.split('/').reduce(
    (found, name) => {
      return found.flatMap(({ children }) => children.filter((child) => child.name === name))
    },
    [element],
  )
const values = (element: XmlElement, path: string): string[] =>
  at(element, path).map((el) => el.text)
const answer = async (ledger: Ledger, xml: string): Promise<XmlElement> => {
  const report = readXml(writePacs002(await settle(readPacs008(Buffer.from(xml)), ledger)))
  assert.equal(report.namespace, 'urn:iso:std:iso:20022:tech:xsd:pacs.002.001.10')
  return at(report, 'FIToFIPmtStsRpt')[0]!
}
const GROUP = 'OrgnlGrpInfAndSts/GrpSts'
const STATUS = 'TxInfAndSts/TxSts'
const REASON = 'TxInfAndSts/StsRsnInf/Rsn/Cd'

describe('pacs.008 in, pacs.002 out', () => {
  test('the file that ships is paid, and everything it named comes back', async () => {
    const ledger = await sample()
    const report = await answer(ledger, SHIPPED)
    const read = (path: string): string => values(report, path).join(' ')
    assert.equal(read('OrgnlGrpInfAndSts/OrgnlMsgId'), 'FNBSDEFF-20260115-000421')
    assert.equal(read('OrgnlGrpInfAndSts/OrgnlMsgNmId'), 'pacs.008.001.08')
    assert.equal(read('GrpHdr/InstgAgt/FinInstnId/BICFI'), 'FNBKNL2AXXX')
    assert.equal(read(GROUP), 'ACSC')
    assert.equal(read(STATUS), 'ACSC ACSC')
    assert.equal(read('TxInfAndSts/OrgnlEndToEndId'), 'INVOICE-2026-0117 POSTER-4471')
    assert.match(read('TxInfAndSts/OrgnlUETR'), /^8a562c67-\S+ 3f0f9a41-\S+$/)
    assert.equal(read('TxInfAndSts/OrgnlTxId').split(' ').length, 2)
    const balances = [ANNA, NOORD!, LUMEN!].map((account) => ledger.balance(account).balance)
    assert.deepEqual(balances, ['12170.05', '1080.35', '80.00'])

    const again = await answer(ledger, SHIPPED)
    assert.deepEqual(values(again, STATUS), ['ACSC', 'ACSC'])
    assert.match(values(again, 'TxInfAndSts/StsRsnInf/AddtlInf').join(), /not paid again/)
    assert.deepEqual(values(again, 'TxInfAndSts/AcctSvcrRef'), ['1', '2'])
    assert.equal(ledger.balance(ANNA).balance, '12170.05')
  })

  test('its IBANs and those of the samples pass the check of ISO 7064', () => {
    const ibans = SAMPLE_ACCOUNTS.map(({ account }) => account).filter((id) => /^[A-Z]/.test(id))
    assert.equal(ibans.length, 5)
    for (const iban of [...ibans, ...[...SHIPPED.matchAll(/<IBAN>(.*)</g)].map(([, id]) => id!)]) {
      const digits = (iban.slice(4) + iban.slice(0, 4)).replace(
        /[A-Z]/g,
        (c) => `${parseInt(c, 36)}`,
      )
      assert.equal(BigInt(digits) % 97n, 1n, iban)
    }
  })

  const rejections: [code: string, what: string, change: (xml: string) => string][] = [
    ['AM04', 'too little money', (xml) => xml.replace('249.95', '12500.01')],
    ['AC01', 'an unknown debtor', (xml) => xml.replace(ANNA, 'DE02999810000099999999')],
    ['AC01', 'an unknown creditor', (xml) => xml.replace(NOORD!, 'NL00FNBK0000000000')],
    ['AC01', 'no creditor account', (xml) => xml.replace(/<CdtrAcct>[\s\S]*?<\/CdtrAcct>/, '')],
    ['AM03', 'a currency the account is not kept in', (xml) => xml.replace('"EUR"', '"USD"')],
    ['AM12', 'decimals the currency lacks', (xml) => xml.replace('249.95', '249.955')],
    ['AM12', 'nothing', (xml) => xml.replace('249.95', '0.00')],
    ['FF01', 'a wrong count', (xml) => xml.replace('<NbOfTxs>1<', '<NbOfTxs>2<')],
    ['FF01', 'a wrong sum', (xml) => xml.replace('<SttlmInf>', '<CtrlSum>250</CtrlSum><SttlmInf>')],
    [
      'FF01',
      'no key at all',
      (xml) => xml.replace('INVOICE-2026-0117', 'NOTPROVIDED').replace(/<(TxId|UETR)>.*/g, ''),
    ],
  ]
  for (const [code, what, change] of rejections) {
    test(`${what} is rejected ${code} and moves no money`, async () => {
      const ledger = await sample()
      const before = ledger.accounts()
      assert.notEqual(change(ONE), ONE)
      const report = await answer(ledger, change(ONE))
      assert.deepEqual(values(report, STATUS), ['RJCT'])
      assert.deepEqual(values(report, GROUP), ['RJCT'])
      assert.deepEqual(values(report, REASON), [code])
      assert.match(values(report, 'TxInfAndSts/StsRsnInf/AddtlInf').join(), /\w/)
      assert.deepEqual(ledger.accounts(), before)
    })
  }

  test('a key with other content, or twice in a message, is AM05; the rest of it is paid', async () => {
    const ledger = await sample()
    await answer(ledger, ONE)
    const other = SHIPPED.replace('249.95', '250.00').replace('329.95', '330')
    const report = await answer(ledger, other)
    assert.deepEqual(values(report, GROUP), ['PART'])
    assert.deepEqual(values(report, STATUS), ['RJCT', 'ACSC'])
    assert.deepEqual(values(report, REASON), ['AM05'])
    const twice = await answer(await sample(), SHIPPED.replace('POSTER-4471', 'INVOICE-2026-0117'))
    assert.deepEqual(values(twice, STATUS), ['ACSC', 'RJCT'])
    assert.deepEqual(values(twice, REASON), ['AM05'])
  })

  test('prefixes, a newer version, InstdAmt, CDATA and accounts without IBAN are understood', async () => {
    const ledger = await sample()
    const xml = ONE.replace('001.08', '001.12')
      .replace('xmlns=', 'xmlns:p="urn:other" xmlns:q=')
      .replace(/<(\/?)(?=[A-Z])/g, '<$1q:')
      .replaceAll('IntrBkSttlmAmt', 'InstdAmt')
      .replace('"EUR">249.95', '"JPY"><![CDATA[5000]]>')
      .replace(/IBAN>DE.*IBAN>/, 'Othr><q:Id>0210034567</q:Id></q:Othr>')
      .replace(/IBAN>NL.*IBAN>/, 'Othr><q:Id>0210099001</q:Id></q:Othr>')
      .replace('INVOICE-2026-0117', '&lt;&#65;&amp;B&gt;')
      .replace('<q:PmtTpInf>', '<q:PmtTpInf><p:EndToEndId xmlns:p="urn:other">no</p:EndToEndId>')
    const report = await answer(ledger, xml)
    assert.deepEqual(values(report, STATUS), ['ACSC'])
    assert.deepEqual(values(report, 'TxInfAndSts/OrgnlEndToEndId'), ['<A&B>'])
    assert.equal(ledger.balance('0210034567').balance, '1245000')
  })

  const without = (name: string) => ONE.replace(new RegExp(`<${name}>[\\s\\S]*?</${name}>`), '')
  const deep = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
  const hostile: [what: string, xml: string | Buffer, says: RegExp][] = [
    ['a document type', ONE.replace('<Document', '<!DOCTYPE Document><Document'), /<!DOCTYPE/],
    ['an entity bomb', `<!DOCTYPE a [<!ENTITY b "${'c'.repeat(99)}">]><a>&b;</a>`, /<!DOCTYPE/],
    ['an undeclared entity', ONE.replace('INVOICE', '&bomb;'), /&bomb;/],
    ['a forbidden character', ONE.replace('INVOICE', '&#1;'), /U\+0001/],
    ['deep nesting', ONE.replace('<RmtInf>', `${deep(40)}<RmtInf>`), /nest/i],
    ['very deep nesting', deep(20_000), /nest/i],
    ['a flood of tags', `<a>${'<b/>'.repeat(60_000)}</a>`, /more than 50000 tags/],
    ['a huge file', ONE.padEnd(MAX_XML_BYTES + 1), /524289 bytes/],
    ['an endless tag', `<Document ${'a '.repeat(90_000)}>`, /longer than 1024/],
    ['a wrong root', '<Envelope/>', /^Envelope is not the Document/],
    ['another message', ONE.replaceAll('pacs.008', 'pain.001'), /^Document has the namespace/],
    ['no namespace', ONE.replace(/xmlns="[^"]*"/, ''), /^Document has no namespace/],
    ['an old version', ONE.replace('008.001.08', '008.001.02'), /from 08 on/],
    ['a lost EndToEndId', without('EndToEndId'), /CdtTrfTxInf\/PmtId\/EndToEndId is missing/],
    ['an empty EndToEndId', ONE.replace(/INVOICE-[^<]*/, ' '), /EndToEndId must have 1 to 35/],
    ['a lost MsgId', without('MsgId'), /GrpHdr\/MsgId is missing/],
    ['no transactions', without('CdtTrfTxInf'), /CdtTrfTxInf is missing/],
    ['no currency', ONE.replace(' Ccy="EUR"', ''), /IntrBkSttlmAmt\/@Ccy/],
    ['a second account', ONE.replace('<CdtrAcct>', '<CdtrAcct/><CdtrAcct>'), /more than once/],
    ['a half file', ONE.slice(0, 2_000), /line|inside a tag/],
    ['two roots', `${ONE}<Document/>`, /root/],
    ['an unknown prefix', ONE.replaceAll('PmtId', 'x:PmtId'), /prefix x/],
    ['latin-1', Buffer.from(ONE.replace('Anna', 'Ännä'), 'latin1'), /not UTF-8/],
    ['a declared encoding', ONE.replace('UTF-8', 'ISO-8859-1'), /ISO-8859-1/],
    ['JSON', '{"amount":"1.00"}', /line 1/],
    ['nothing', '', /./],
  ]
  for (const [what, xml, says] of hostile) {
    test(`${what} is INVALID_MESSAGE, and the error says why`, () => {
      assert.throws(() => readPacs008(Buffer.from(xml)), refused('INVALID_MESSAGE', says))
    })
  }

  test('no damage to a file makes it anything but read or refused', () => {
    const bytes = Buffer.from(ONE)
    const hit = fc.tuple(
      fc.nat(bytes.length - 1),
      fc.constantFrom(...Buffer.from('<>/&;:"=!?a \0ÿ')),
    )
    const property = (hits: [number, number][]): void => {
      const damaged = Buffer.from(bytes)
      for (const [where, value] of hits) damaged[where] = value
      try {
        readPacs008(damaged)
      } catch (error) {
        assert.ok(ServiceError.is(error) && error.code === 'INVALID_MESSAGE', String(error))
      }
    }
    fc.assert(fc.property(fc.array(hit, { minLength: 1, maxLength: 4 }), property), {
      numRuns: 300,
    })
  })
})

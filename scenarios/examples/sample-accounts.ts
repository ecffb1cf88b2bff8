/** The accounts that new books of the example open with. No such banks exist; the IBANs check out. */
import type { Opening } from './ledger.ts'

export const SAMPLE_ACCOUNTS: readonly Opening[] = [
  open('DE09999810000012345678', 'Anna Becker', 'EUR', '12500.00'),
  open('NL23FNBK0417164300', 'Noord Koffie BV', 'EUR', '830.40'),
  open('FR5599998000010123456789A00', 'Atelier Lumen', 'EUR', '0.00'),
  open('KW10FNBK0000000000001234560101', 'Gulf Pearl Trading', 'KWD', '4200.250'),
  open('KW92FNBK0000000000007654320101', 'Salmiya Books', 'KWD', '75.500'),
  open('0210034567', 'Aoyama Trading', 'JPY', '1250000'),
  open('0210099001', 'Sakura Stationery', 'JPY', '98000'),
  open('6217990000012345678', 'Li Wei', 'CNY', '36500.00'),
  open('6217990000087654321', 'Shenzhen Lanterns', 'CNY', '1200.00'),
  open('026099990012345', 'Harbor Supply Inc', 'USD', '54000.00'),
  open('026099990067890', 'Maple Design LLC', 'USD', '310.75'),
]

function open(account: string, owner: string, currency: string, balance: string): Opening {
  return { account, owner, currency, balance }
}

/** The option that there is not. */
import { Option } from 'commander'
import { UsageError } from './failure.ts'

/** Whoever tries it is told why. */
export const secretOption = (): Option =>
  new Option('--token <secret>').hideHelp().argParser(() => {
    throw new UsageError(
      'a token on the command line can be read by others; use --token-file or FINBUS_TOKEN',
    )
  })

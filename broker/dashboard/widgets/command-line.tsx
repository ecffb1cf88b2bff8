/** The command that does the same in a terminal, and a button that copies it. */
import { useState } from 'preact/hooks'
import { adminUrl } from '../api.ts'
import { commandText } from '../state/command.ts'

const TOLD_MS = 1_500

export const CommandLine = ({ words }: { words: readonly string[] }) => {
  const [told, setTold] = useState('Copy')
  const text = commandText(adminUrl(), words)
  const copy = async (): Promise<void> => {
    setTold(await copied(text))
    setTimeout(() => setTold('Copy'), TOLD_MS)
  }
  return (
    <span class="command">
      <code title="The same in a terminal">{text}</code>
      <button type="button" class="quiet" onClick={() => void copy()} aria-label={`Copy: ${text}`}>
        {told}
      </button>
    </span>
  )
}

/** Off loopback without TLS a browser has no clipboard for pages. */
const copied = async (text: string): Promise<string> => {
  try {
    await navigator.clipboard.writeText(text)
    return 'Copied'
  } catch {
    return 'Select it'
  }
}

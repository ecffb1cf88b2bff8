/** Asks for a token when the admin API wants one. */
import { useState } from 'preact/hooks'
import { keepToken } from '../api.ts'
import { feed } from '../feed.ts'
import { contact } from '../live.ts'
import { Modal } from './modal.tsx'

export const TokenDialog = () => {
  const [token, setToken] = useState('')
  return (
    <Modal title="A token is needed" onClose={() => {}}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          keepToken(token.trim())
          feed.unlock()
        }}
      >
        <p class="does">
          {contact.value.isRefused === true ? 'The token was refused: ' : ''}
          {contact.value.why}
        </p>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={({ currentTarget }) => setToken(currentTarget.value)}
        />
        <p class="whom">It is kept for this tab only, and forgotten when the tab is closed.</p>
        <footer>
          <button type="submit" class="strong">
            Go on
          </button>
        </footer>
      </form>
    </Modal>
  )
}

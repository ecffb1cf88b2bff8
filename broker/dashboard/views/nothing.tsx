/** Before the first snapshot. */
import { contact } from '../live.ts'

export const Nothing = () => (
  <p class="empty">
    {contact.value.state === 'lost'
      ? 'Nothing is known: the admin API has not answered yet.'
      : contact.value.state === 'locked'
        ? 'Nothing is shown without a token.'
        : 'Asking for the first snapshot …'}
  </p>
)

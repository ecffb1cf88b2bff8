/** Says when the admin API does not answer, and since when. */
import { adminUrl } from '../api.ts'
import { contact, picture, second } from '../live.ts'
import { ageText, clockText } from '../state/words.ts'

export const ContactBar = () => {
  const { state, since, why } = contact.value
  if (state !== 'lost') return null
  const age = ageText(Math.max(0, second.value - since))
  return (
    <p class="contact" role="alert">
      <strong>The admin API does not answer</strong> ({adminUrl()}: {why}) since {clockText(since)},{' '}
      {age}.
      {picture.value === null
        ? ' Nothing is known yet.'
        : ` Below is the state of ${clockText(picture.value.snapshot.at)}, and nothing newer.`}
    </p>
  )
}

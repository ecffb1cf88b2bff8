/** What happens at one end of a link. */
export interface LinkEvents {
  onMessage(message: Buffer): void
  onClose(reason: string): void
}

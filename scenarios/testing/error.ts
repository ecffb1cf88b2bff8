/** What a test world has to say of the test: something was killed, left open, or never came. */
export class TestBusError extends Error {
  override readonly name = 'TestBusError'
}

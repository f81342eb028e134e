/** The service refuses, or is out of reach; the message says what to do. */
export class RemoteFailure extends Error {
  override readonly name = 'RemoteFailure';
}

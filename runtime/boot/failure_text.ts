// What is told of the failure that ended a domain.

/** Its message, and where it came from; of a disk that holds something else the message alone. */
export function failureText(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  // Nothing went wrong here: no stack is of use.
  return failure.name === "BadImage" ? failure.message : `${failure.message}\n${failure.stack}`;
}

/** Integers that Go keeps and JavaScript rounds: see decisions/0029-integers-beyond-2-53.md. */

/** Whether `token`, as a number was written, is an integer of 64 bits that would be written as another one. */
export function isRounded(token: string): boolean {
  if (!/^[-+]?\d{16,19}$/.test(token)) return false
  const plain = token.replace('+', '')
  const exact = BigInt(plain)
  // Go reads what is longer as a double itself.
  return BigInt.asIntN(64, exact) === exact && String(Number(plain)) !== String(exact)
}

/** Why a body that has such an integer is refused; undefined where none does. @param numbers as parseJSONStrict() found them */
export function explainRounded(
  numbers: ReadonlyMap<string, string> | undefined,
): string | undefined {
  for (const [path, token] of numbers ?? []) {
    if (isRounded(token)) return `${path}: ${describeRounded(token)}`
  }
  return undefined
}

export const describeRounded = (token: string): string =>
  `the integer ${token} cannot be kept exactly (beyond 2^53 write it as a string)`

let known = { second: Number.NaN, text: '' }

/** A metav1.Time: RFC 3339 to the second. */
export function timestamp(milliseconds: number = Date.now()): string {
  const second = Math.floor(milliseconds / 1000)
  // Each write asks for the present one twice.
  if (second !== known.second)
    known = { second, text: `${new Date(milliseconds).toISOString().slice(0, 19)}Z` }
  return known.text
}

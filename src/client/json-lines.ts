/** One watch event may hold an object of 1.5 MiB (etcd's bound), escaped: 16 MiB is beyond any honest line. */
export const MAX_LINE_BYTES = 16 << 20

/**
 * Splits a stream into its lines, each parsed as JSON. Empty lines are skipped; an unfinished last line is dropped,
 * since the connection broke inside it.
 *
 * @throws RangeError for a line longer than `maxBytes`
 * @throws SyntaxError for a line that is not JSON
 */
export async function* parseJSONLines(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number = MAX_LINE_BYTES,
): AsyncGenerator<unknown, void> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)])
        .toString('utf8')
        .trim()
      pending = []
      pendingBytes = 0
      start = end + 1
      if (line !== '') yield JSON.parse(line)
    }
    if (start === chunk.length) continue
    pending.push(chunk.subarray(start))
    pendingBytes += chunk.length - start
    if (pendingBytes > maxBytes)
      throw new RangeError(`Cannot read a line: it is longer than ${maxBytes} bytes`)
  }
}

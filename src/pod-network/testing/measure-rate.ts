import assert from 'node:assert/strict'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'

const SENT_BYTES = 500_000

/**
 * Sends to a sink in another namespace, by TCP.
 * @returns how fast what was sent came in, in bits a second; what may pass at once is left out
 */
export async function measureRate(
  lab: Lab,
  from: Netns,
  to: Netns,
  address: string,
  burstBits: number,
): Promise<number> {
  const script = `let at, n = 0
    require('net').createServer((s) => s.on('data', (d) => { at ??= performance.now(); n += d.length })
      .on('end', () => { console.log('got', n, 'in', performance.now() - at, '.'); s.end() })
      .on('error', () => {})).listen(9000, '0.0.0.0', () => console.log('up'))`
  using sink = lab.spawn(to, [process.execPath, '-e', script])
  await sink.outputs('up')
  const send = `head -c ${SENT_BYTES} /dev/zero > /dev/tcp/${address}/9000`
  assert.equal(lab.exec(from, ['bash', '-c', send], { timeoutMs: 20_000 }).status, 0)
  await sink.outputs(' .', 15_000)
  const [, bytes, ms] = /got (\d+) in ([\d.]+)/.exec(sink.output()) ?? []
  assert.equal(Number(bytes), SENT_BYTES)
  return ((SENT_BYTES * 8 - burstBits) / Number(ms)) * 1000
}

/** How often a rate is measured: on a busy machine the sink may begin late, and one reading says nothing. */
const READINGS = 4

/** @throws AssertionError where what comes in is above the limit each time, or far below it: TCP backs off where packets are dropped */
export async function assertLimited(
  measure: () => Promise<number>,
  rateBits: number,
): Promise<void> {
  const readings: number[] = []
  while (readings.length < READINGS) {
    const reading = await measure()
    if (reading < rateBits * 1.15 && reading > rateBits * 0.3) return
    readings.push(Math.round(reading))
  }
  assert.fail(`Cannot see a limit of ${rateBits} bit/s: ${readings.join(', ')} came in`)
}

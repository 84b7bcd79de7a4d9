/**
 * Times TCP handshakes, and the server's first words, from inside a network: `connects.ts ROUNDS COUNT NAME=ADDRESS:PORT…`. One connection to
 * each in turn, COUNT times a round or fewer, so that what disturbs one disturbs all. Prints a JSON array: for each round, Samples by name.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ip } from '#ip/ip.ts'
import { timeFactor } from '#testing/wait-for.ts'
import { tryToConnect } from './connect-once.ts'

/** Microseconds from the beginning of connect(2) to its end, and to the server's answer. */
export interface Samples {
  readonly connect: number[]
  readonly answer: number[]
}

/** The server takes what has been accepted for it. */
const BREATH_MS = 15
/** Where connections are slow, a round has fewer of them. */
const ENOUGH_MS = 1000

const [rounds = '', count = '', ...words] = process.argv.slice(2)
const targets = words.map((word) => {
  const [name = '', host = '', port = ''] = word.split(/[=:]/)
  return { name, host: ip(host), port: Number(port) }
})
const result: Record<string, Samples>[] = []
for (let round = -1; round < Number(rounds); round++) {
  const samples = Object.fromEntries(
    targets.map(({ name }): [string, Samples] => [name, { connect: [], answer: [] }]),
  )
  // By themselves: the server's work would be part of the handshake on a busy machine.
  for (const moment of ['connect', 'answer'] as const) {
    const until = performance.now() + ENOUGH_MS * timeFactor
    for (let i = 0; i < Number(count) && performance.now() < until; i++)
      for (const { name, host, port } of targets) {
        const times = tryToConnect(host, port, { answers: moment === 'answer' })
        if (times === undefined) throw new Error(`Cannot connect to ${name}`)
        samples[name]![moment].push(times[moment])
      }
    await delay(BREATH_MS)
  }
  // The first round warms up.
  if (round >= 0) result.push(samples)
}
process.stdout.write(JSON.stringify(result))

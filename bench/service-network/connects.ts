/**
 * Times TCP handshakes from inside a network: `connects.ts ROUNDS COUNT NAME=ADDRESS:PORT…`. One connection to each in turn, COUNT
 * times a round, so that what disturbs one disturbs all. Prints a JSON array: for each round, microseconds by name.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ip } from '#ip/ip.ts'
import { tryToConnect } from './connect-once.ts'

/** The server takes what has been accepted for it. */
const BREATH_MS = 15

const [rounds = '', count = '', ...words] = process.argv.slice(2)
const targets = words.map((word) => {
  const [name = '', host = '', port = ''] = word.split(/[=:]/)
  return { name, host: ip(host), port: Number(port) }
})
const result: Record<string, number[]>[] = []
for (let round = -1; round < Number(rounds); round++) {
  const times: Record<string, number[]> = Object.fromEntries(targets.map(({ name }) => [name, []]))
  for (let i = 0; i < Number(count); i++)
    for (const { name, host, port } of targets) {
      const time = tryToConnect(host, port)
      if (time === undefined) throw new Error(`Cannot connect to ${name}`)
      times[name]!.push(time)
    }
  await delay(BREATH_MS)
  // The first round warms up.
  if (round >= 0) result.push(times)
}
process.stdout.write(JSON.stringify(result))

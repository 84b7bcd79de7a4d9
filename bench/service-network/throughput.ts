import type { Measurement } from '../support/report.ts'
import { type Path, run, SERVER } from './path.ts'
import { clusterIPOf, PORT } from './services.ts'

/** Where {@link measureThroughput}'s server listens. */
export const IPERF_PORT = 5201
/** A fifth of a second where nothing relays. */
const BYTES = '256M'
const PATIENCE_MS = 60_000

/**
 * One flow to a Service beside one to the server itself, in turn.
 *
 * @param service Its number; the server's {@link IPERF_PORT} is its endpoint
 */
export async function measureThroughput(
  path: Path,
  what: string,
  { service, pairs }: { service: number; pairs: number },
): Promise<readonly Measurement[]> {
  const argv = ['iperf3', '-s', '-p', `${IPERF_PORT}`, '--forceflush']
  using server = path.lab.spawn(path.server, argv)
  await server.outputs('listening')
  const flow = async (...target: readonly string[]): Promise<number> => {
    const client = ['iperf3', '-J', '-n', BYTES, '-c', ...target]
    const answer = JSON.parse(await run(path, path.client, client, PATIENCE_MS))
    return answer.end.sum_received.bits_per_second / 1e9
  }
  const values = { direct: [] as number[], service: [] as number[], ratio: [] as number[] }
  // The first pair warms up.
  for (let pair = -1; pair < pairs; pair++) {
    const direct = await flow(SERVER, '-p', `${IPERF_PORT}`)
    const service_ = await flow(clusterIPOf(service), '-p', `${PORT}`)
    if (pair < 0) continue
    values.direct.push(direct)
    values.service.push(service_)
    values.ratio.push(service_ / direct)
  }
  const name = `throughput, one flow, ${what}`
  return [
    { name: `${name}: direct`, unit: 'Gbit/s', values: values.direct },
    { name: `${name}: last`, unit: 'Gbit/s', values: values.service },
    { name: `${name}: last / direct`, unit: '', values: values.ratio },
  ]
}

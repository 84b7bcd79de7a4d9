import { runInGuest } from '../../e2e/support/guest.ts'
import { SERVICE_MODULES } from '../../e2e/support/service-modules.ts'
import type { Measurement } from '../support/report.ts'

const SCRIPT = 'bin/fairlead-node bench/service-network/ipvs-guest.ts'
/** Begins the script's line of results. */
const RESULT = 'measured: '
const LIMIT_S = 590
/** It takes a minute and more to load 1,000, six times, for three modes. */
const MOST = 1000
/** Of rows that an emulated machine could not fill: they are times, or take minutes there. */
export const NO_IPVS =
  'not measured: it takes a kernel with IP_VS, and the emulated one shows ratios only'

/**
 * ipvs mode, beside nftables and iptables, in an emulated machine whose kernel has IP_VS: this one's may have none. Emulation is ten and more times
 * slower, so the rows are ratios, each of what was measured in turn.
 */
export async function measureIPVS(
  sizes: readonly number[],
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const reason = `not measured: where IP_VS is, in an emulated machine, it takes minutes; see ${MOST}`
  const tooLarge = sizes
    .filter((size) => size > MOST)
    .map(
      (size): Measurement => ({
        name: `${size} Services, ipvs: load`,
        unit: 'ms',
        values: [],
        reason,
      }),
    )
  const small = sizes.filter((size) => size <= MOST)
  if (small.length === 0) return tooLarge
  progress(`${small.join(' and ')} Services, ipvs, nftables and iptables in an emulated machine`)
  const { status, output, seconds } = runInGuest(`${SCRIPT} ${small.join(' ')}`, {
    modules: SERVICE_MODULES,
    memoryMiB: 2048,
    timeoutSeconds: LIMIT_S,
    env: { FAIRLEAD_TIME_FACTOR: '25' },
  })
  const result = output.split('\n').find((line) => line.startsWith(RESULT))
  if (status !== 0 || result === undefined) {
    progress(output)
    const why = `not measured: the emulated machine ended with ${status} after ${Math.round(seconds)} s, of ${LIMIT_S} at most`
    return [
      { name: `${small.join(' and ')} Services, ipvs`, unit: '', values: [], reason: why },
      ...tooLarge,
    ]
  }
  return [...(JSON.parse(result.slice(RESULT.length)) as readonly Measurement[]), ...tooLarge]
}

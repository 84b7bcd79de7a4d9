import { createHash } from 'node:crypto'
import type { Qdisc } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { Fields } from '../../protocol/fields.ts'

/** In bits a second, and bits. */
export interface Limit {
  readonly rate: number
  readonly burst: number
}

export interface Bandwidth {
  /** Of what the pod receives. */
  readonly ingress?: Limit
  /** Of what the pod sends. */
  readonly egress?: Limit
}

const KEYS = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const
const MAX_BURST_BYTES = 2 ** 32 - 1

/** What the configuration says goes before what the runtime says. @throws CNIError with upstream's messages */
export function parseBandwidth({ config }: CNICall): Bandwidth {
  const isConfigured = KEYS.some((key) => config.raw(key) !== undefined)
  const fields = isConfigured ? config : config.object('runtimeConfig').object('bandwidth')
  const [ingress, egress] = [parseLimit(fields, 'ingress'), parseLimit(fields, 'egress')]
  return { ...(ingress && { ingress }), ...(egress && { egress }) }
}

function parseLimit(fields: Fields, direction: 'ingress' | 'egress'): Limit | undefined {
  const rate = fields.number(`${direction}Rate`) ?? 0
  const burst = fields.number(`${direction}Burst`) ?? 0
  if (rate < 0 || burst < 0) throw fail(`failed to parse network configuration: negative rate`)
  if (burst === 0 && rate !== 0) throw fail('if rate is set, burst must also be set')
  if (rate === 0 && burst !== 0) throw fail('if burst is set, rate must also be set')
  if (burst / 8 >= MAX_BURST_BYTES) throw fail('burst cannot be more than 4GB')
  return rate === 0 ? undefined : { rate, burst }
}

type TokenBucket = Omit<Extract<Qdisc, { readonly kind: 'tbf' }>, 'device'>

/** How long a packet may wait for its turn. */
const LATENCY_SECONDS = 0.025

/** As `tc qdisc add … tbf rate … burst … latency 25ms`: what waits longer is dropped. */
export function planTokenBucket({ rate, burst }: Limit): TokenBucket {
  const rateBytesPerSecond = Math.max(1, Math.floor(rate / 8))
  const burstBytes = Math.floor(burst / 8)
  const limitBytes = Math.floor(rateBytesPerSecond * LATENCY_SECONDS) + burstBytes
  return {
    kind: 'tbf',
    rateBytesPerSecond,
    burstBytes,
    limitBytes: Math.min(limitBytes, 2 ** 32 - 1),
  }
}

/** The link that what a pod sends is queued on: the reference's name, so that either can remove it (pkg/utils/utils.go). */
export function ifbName({
  networkName,
  containerID,
}: Pick<CNICall, 'networkName' | 'containerID'>) {
  const hash = createHash('sha512').update(`${networkName}${containerID}`).digest('hex')
  return `bwp${hash}`.slice(0, 15)
}

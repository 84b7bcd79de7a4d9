import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Family } from '#ip/ip.ts'
import { planServiceModel, type ServiceModel } from '../../model.ts'
import type { LocalDetector, ModeOptions, ProxyMode } from '../mode.ts'
import { formatOutcome, type Outcome } from '../trace/outcome.ts'
import type { TracedPacket } from '../trace/packet.ts'
import { inFamily } from './in-family.ts'
import { C, flowsOf, OPTIONS, SERVICES, SLICES } from './packet-flows.ts'

/**
 * The table of packet flows over what a mode plans, in both families.
 *
 * @param tracerOf plans, and gives what traces packets through that plan
 */
export function suiteOfTracedFlows(
  mode: ProxyMode,
  tracerOf: (model: ServiceModel, options: ModeOptions) => (packet: TracedPacket) => Outcome,
): void {
  for (const family of [4, 6] as const)
    for (const localDetector of [undefined, 'pod-cidr', 'pod-device', { prefix: 'cni' }] as const)
      traceFlows(mode, family, tracerOf, localDetector)
}

function traceFlows(
  mode: ProxyMode,
  family: Family,
  tracerOf: (model: ServiceModel, options: ModeOptions) => (packet: TracedPacket) => Outcome,
  localDetector: LocalDetector | undefined,
): void {
  const by = localDetector === undefined ? '' : `, pods by ${JSON.stringify(localDetector)}`
  suite(`the ${mode} plan of IPv${family}${by} sends`, () => {
    const options = inFamily(family, { ...OPTIONS, ...(localDetector && { localDetector }) })
    const model = planServiceModel(inFamily(family, SERVICES), inFamily(family, SLICES), options)
    const trace = tracerOf(model, options)
    for (const { name, from, to, want } of flowsOf(mode, family, localDetector)) {
      test(name, () => {
        // c is a pod of another node: its packets come by the underlay.
        const via = from === inFamily(family, C) ? { via: 'eth0' } : {}
        const outcome = formatOutcome(trace({ from, to, isAnnounced: true, ...via }))
        assert.ok(want.split(' | ').includes(outcome), `${outcome}, not ${want}`)
      })
    }
  })
}

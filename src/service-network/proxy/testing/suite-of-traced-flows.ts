import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ProxyMode } from '../mode.ts'
import { formatOutcome, type Outcome } from '../trace/outcome.ts'
import type { TracedPacket } from '../trace/packet.ts'
import { C, flowsOf } from './packet-flows.ts'

/** The table of packet flows over the plan that a mode makes of `SERVICES` and `SLICES`. */
export function suiteOfTracedFlows(
  mode: ProxyMode,
  trace: (packet: TracedPacket) => Outcome,
): void {
  suite(`the ${mode} plan sends`, () => {
    for (const { name, from, to, want } of flowsOf(mode)) {
      test(name, () => {
        // c is a pod of another node: its packets come by the underlay.
        const via = from === C ? { via: 'eth0' } : {}
        assert.equal(formatOutcome(trace({ from, to, isAnnounced: true, ...via })), want)
      })
    }
  })
}

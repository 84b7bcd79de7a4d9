import { existsSync, mkdirSync } from 'node:fs'
import { applyUnderlay } from '#node-network/underlay/apply-underlay.ts'
import { planUnderlay } from '#node-network/underlay/plan-underlay.ts'
import type { AddressPlan } from './address-plan.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { type Layout, nodeResolvConf, nodeRootDir, nodeRunDir } from './layout.ts'

/** Makes what is missing of the node network and of the nodes' folders. @returns what it had to make, for people */
export function repairUnderlay(layout: Layout, plan: AddressPlan): readonly string[] {
  const isNew = !existsSync(layout.netnsDir)
  mkdirSync(layout.netnsDir, { recursive: true, mode: 0o700 })
  for (const { name } of plan.nodes) {
    for (const folder of [nodeRootDir(layout, name), nodeRunDir(layout, name)]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    }
    // A node, and its pods with dnsPolicy Default, ask the control plane's relay.
    writeFileAtomic(nodeResolvConf(layout, name), `nameserver ${plan.controlPlane[0]}\n`, 0o644)
  }
  const made = applyUnderlay(planUnderlay(plan), { netnsDir: layout.netnsDir })
  return isNew ? ['node network'] : made
}

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { cidr } from '#ip/cidr.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { Lab } from '#testing/netns.ts'
import { prepareNode } from '../../../../testing/prepare-node.ts'
import { planConflist } from '../../../plan-conflist.ts'
import { createPluginHost } from '../../plugin.ts'
import { type PluginOutcome, runPlugin } from '../../run-plugin.ts'

/** A node, and its pods by name. */
export function createNode(lab: Lab, extra: object = {}) {
  const netns = lab.netns('node')
  prepareNode(netns)
  writeSysctl('net.ipv4.conf.all.send_redirects', 1, netns)
  const dataDir = join(lab.folder, 'networks')
  const [bridge] = planConflist({
    podCIDRs: [cidr('10.244.1.0/24')],
    mtuBytes: 1450,
    dataDir,
  }).plugins
  const config = { cniVersion: '1.0.0', name: 'fairlead', ...bridge, ...extra }
  const host = createPluginHost(netns)
  const podPath = (pod: string) => join(lab.folder, pod)
  const call = (verb: string, pod: string, more: object = {}) =>
    runPlugin(
      {
        type: 'bridge',
        env: {
          CNI_COMMAND: verb,
          CNI_CONTAINERID: pod,
          CNI_NETNS: podPath(pod),
          CNI_IFNAME: 'eth0',
          CNI_PATH: '/nowhere',
        },
        stdin: Buffer.from(JSON.stringify({ ...config, ...more })),
      },
      host,
    )
  return { netns, host, call, dataDir, networkDir: join(dataDir, 'fairlead') }
}

export function resultOf(outcome: PluginOutcome) {
  assert.equal(outcome.exitCode, 0, outcome.stdout)
  return JSON.parse(outcome.stdout)
}

export function errorOf(outcome: PluginOutcome) {
  assert.equal(outcome.exitCode, 1, outcome.stdout)
  return JSON.parse(outcome.stdout)
}

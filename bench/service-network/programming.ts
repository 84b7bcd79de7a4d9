import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createAPI } from '#client/http-api.ts'
import { loadKubeconfig } from '#client/kubeconfig.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { Measurement } from '../support/report.ts'
import { NO_IPVS } from './ipvs.ts'

const root = join(import.meta.dirname, '../..')
const fairlead = join(root, 'bin/fairlead')
/** ipvs needs another kernel. */
const MODES = ['nftables', 'iptables', 'userspace'] as const
const NODES = ['node1', 'node2', 'node3']
const SERVER_PORT = 8080
const KEY = { namespace: 'default', name: 'ghost' }
/** The control plane's own port stands for a server: it is there, and every node reaches it. */
const SERVER = { ip: '172.30.0.2', port: 6443 }

/**
 * From the moment that a pod is Ready until the first connection passes on every node, in a cluster of three: EndpointSlice controller, watch,
 * model and rules. The pod is an object of a node that is not there, so that nobody but the bench says when it is ready.
 */
export async function measureProgramming(
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const mode of MODES) {
    progress(`programming, ${mode}`)
    measurements.push({
      name: `pod Ready to first packet on all of ${NODES.length} nodes, ${mode}`,
      unit: 'ms',
      values: await measureMode(mode, rounds),
    })
  }
  const name = `pod Ready to first packet on all of ${NODES.length} nodes, ipvs`
  return [...measurements, { name, unit: 'ms', values: [], reason: NO_IPVS }]
}

async function measureMode(mode: string, rounds: number): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const env = { ...process.env, FAIRLEAD_HOME: folder, KUBECONFIG: kubeconfig }
  const name = `bench-${process.pid}`
  const probes: ChildProcess[] = []
  try {
    const { status, stderr } = spawnSync(fairlead, ['up', '--name', name, '--proxy', mode], {
      env,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`Cannot measure: ${stderr}`)
    await using api = createAPI(await loadKubeconfig(kubeconfig))
    const setReady = await createGhost(api)
    const { spec } = (await api.get(resources.services, KEY))!
    const states = NODES.map((node) => {
      const argv = ['exec', `node/${node}`, '--name', name, '--', join(root, 'bin/fairlead-node')]
      const probe = spawn(
        fairlead,
        [...argv, join(import.meta.dirname, 'probe.ts'), spec.clusterIP!, `${SERVER_PORT}`],
        { env },
      )
      probes.push(probe)
      const state = { isUp: undefined as boolean | undefined, at: 0 }
      let text = ''
      probe.stdout.on('data', (chunk) => {
        text += chunk
        for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
          const [word, at] = text.slice(0, end).split(' ')
          Object.assign(state, { isUp: word === 'up', at: Number(at) })
          text = text.slice(end + 1)
        }
      })
      return state
    })
    const reach = (isUp: boolean) =>
      waitFor(() => states.every((state) => state.isUp === isUp), {
        what: `every node to ${isUp ? 'reach' : 'lose'} the Service`,
        timeoutMs: 20_000,
      })
    const values: number[] = []
    for (let round = -1; round < rounds; round++) {
      await setReady(false)
      await reach(false)
      const at = Date.now()
      await setReady(true)
      await reach(true)
      if (round >= 0) values.push(Math.max(...states.map((state) => state.at)) - at)
    }
    return values
  } finally {
    for (const probe of probes) probe.kill()
    spawnSync(fairlead, ['down', '--all'], { env })
    rmSync(folder, { recursive: true, force: true })
  }
}

type API = ReturnType<typeof createAPI>

async function createGhost(api: API): Promise<(isReady: boolean) => Promise<void>> {
  await api.create(resources.nodes, { metadata: { name: 'ghost' } })
  const labels = { app: 'ghost' }
  const pod: Pod = {
    metadata: { ...KEY, labels },
    spec: { nodeName: 'ghost', containers: [{ name: 'c', image: 'none' }] },
  }
  await api.create(resources.pods, pod)
  await api.create(resources.services, {
    metadata: KEY,
    spec: { selector: labels, ports: [{ port: SERVER_PORT, targetPort: SERVER.port }] },
  })
  return async (isReady) => {
    const status = {
      phase: 'Running',
      podIP: SERVER.ip,
      podIPs: [{ ip: SERVER.ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    }
    await api.patch(resources.pods, KEY, 'strategic', { status }, 'status')
  }
}

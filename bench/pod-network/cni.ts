import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { inNetns, type Netns } from '#kernel/netns/netns.ts'
import { installCNI } from '#pod-network/cni/install-cni.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import type { Measurement } from '../support/report.ts'

const root = join(import.meta.dirname, '../..')
/** Debian's containernetworking-plugins. */
const REFERENCE = '/usr/lib/cni'

/** One way to give a pod its network: the plugins of a chain, in order, each by exec. */
interface Chain {
  readonly name: string
  readonly binDir: string
  readonly plugins: readonly Readonly<Record<string, unknown>>[]
}

const PORTS = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }]

const ipam = (lab: Lab, name: string, subnet: string) => ({
  ipam: { type: 'host-local', subnet, dataDir: join(lab.folder, name) },
})

/** ADD and DEL of a pod with bridge, host-local, masquerade and one host port, as a runtime calls them: ours beside the reference's, in turn. */
export async function measureCNI(rounds: number): Promise<readonly Measurement[]> {
  using lab = createLab()
  const node = lab.netns('node')
  const socketPath = join(lab.folder, 'cni.sock')
  const { binDir } = await installCNI({ binDir: join(lab.folder, 'bin'), socketPath })
  const agent = [join(root, 'bin/fairlead-node'), join(root, 'soak/cni/agent.ts'), socketPath]
  await lab.spawn(node, agent).outputs('up', 20_000)
  const bridge = (name: string, subnet: string, more: object = {}) => ({
    ...{ type: 'bridge', bridge: `br-${name}`, isDefaultGateway: true, ipMasq: true },
    ...ipam(lab, name, subnet),
    ...more,
  })
  const portmap = (more: object = {}) => ({
    type: 'portmap',
    runtimeConfig: { portMappings: PORTS },
    ...more,
  })
  const ours = bridge('one', '10.21.0.0/16', {
    type: 'fairlead',
    runtimeConfig: { portMappings: PORTS },
  })
  const chains: readonly Chain[] = [
    {
      name: 'reference (Debian, iptables)',
      binDir: REFERENCE,
      plugins: [bridge('ref', '10.20.0.0/16'), portmap()],
    },
    { name: 'fairlead, one plugin (the default)', binDir, plugins: [ours] },
    {
      name: 'fairlead, bridge and portmap (nftables)',
      binDir,
      plugins: [
        bridge('nft', '10.22.0.0/16', { ipMasqBackend: 'nftables' }),
        portmap({ backend: 'nftables' }),
      ],
    },
    {
      name: 'fairlead, bridge and portmap (iptables)',
      binDir,
      plugins: [
        bridge('ipt', '10.23.0.0/16', { ipMasqBackend: 'iptables' }),
        portmap({ backend: 'iptables' }),
      ],
    },
  ]
  const times = chains.map(() => ({ add: [] as number[], del: [] as number[] }))
  for (let round = -2; round < rounds; round++)
    for (let i = 0; i < chains.length; i++) {
      const which = (i + round + chains.length) % chains.length
      const pod = lab.netns(`pod-${round}-${which}`)
      const { add, del } = timeChain(chains[which]!, node, pod, `c${round + 2}`)
      // The first rounds make bridges and base chains.
      if (round < 0) continue
      times[which]!.add.push(add)
      times[which]!.del.push(del)
    }
  return summarize(chains, times)
}

function summarize(
  chains: readonly Chain[],
  times: readonly { readonly add: readonly number[]; readonly del: readonly number[] }[],
): readonly Measurement[] {
  const [reference] = times
  return chains.flatMap(({ name }, i) =>
    (['add', 'del'] as const).flatMap((verb): Measurement[] => {
      const values = times[i]![verb]
      const what = `CNI ${verb.toUpperCase()}, ${name}`
      const p99 = values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)]!
      const target = i === 1 ? { atMost: verb === 'add' ? 1 / 4 : 1 / 3 } : {}
      return [
        { name: `${what}: p50`, unit: 'ms', values },
        { name: `${what}: p99`, unit: 'ms', values: [p99] },
        ...(i === 0
          ? []
          : [
              {
                name: `${what} / reference`,
                unit: '',
                values: values.map((value, round) => value / reference![verb][round]!),
                ...target,
              },
            ]),
      ]
    }),
  )
}

function timeChain({ name, binDir, plugins }: Chain, node: Netns, pod: Netns, id: string) {
  const call = (
    verb: 'ADD' | 'DEL',
    plugin: Chain['plugins'][number],
    prevResult?: unknown,
  ): unknown => {
    // Born in the node's namespace, as a runtime's children are: no nsenter(1) is measured along.
    const { status, stdout, stderr } = inNetns(node, () =>
      spawnSync(join(binDir, String(plugin.type)), [], {
        encoding: 'utf8',
        input: JSON.stringify({
          cniVersion: '1.0.0',
          name: 'bench',
          ...plugin,
          ...(prevResult ? { prevResult } : {}),
        }),
        env: {
          ...process.env,
          ...{ CNI_COMMAND: verb, CNI_CONTAINERID: id, CNI_NETNS: pod.path, CNI_IFNAME: 'eth0' },
          CNI_PATH: binDir,
        },
      }),
    )
    if (status !== 0) throw new Error(`Cannot ${verb} by ${name}: ${stdout}${stderr}`)
    return verb === 'ADD' ? JSON.parse(stdout) : undefined
  }
  const started = performance.now()
  let result: unknown
  for (const plugin of plugins) result = call('ADD', plugin, result)
  const added = performance.now()
  for (const plugin of plugins.toReversed()) call('DEL', plugin, result)
  return { add: added - started, del: performance.now() - added }
}
